"""Speech in, a text out, written from left to right by the trunk that has heard the sound: no units, no times."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract import MAPPED, Task
from noria.contract.capabilities import MakesExamples, PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.audio.modality import Audio
from noria.sound.tone_words import tone_words
from noria.sources.formats.recordings import recordings
from noria.targets import text
from noria.types import Arrays, Dataset, Record


class SpeechToText(Task, ReadsFormats, MakesExamples, PredictsBaseline):
    """Write down what is said, as a translation of the sound: for speech and text that do not run side by side.

    Data: as for speech-recognition, with a column `text`. Where text and speech run side by side, take
    speech-recognition: it tells when each word was said, and cannot repeat itself.
    """

    attention = "prefix"

    def __init__(self) -> None:
        self.inputs = {"audio": Audio(speed=0.15, pitch=2.0, gain_db=6.0, noise_db=-15.0, time_mask=0.1, mel_mask=0.15)}
        self.target = text.Text(tokenizer="character", overlap="errors", smoothing=0.1)
        self.defaults: Mapping[str, Any] = {"model": {"size": "tiny", "dropout": 0.1}, "train": {"batch_size": 32}}

    fit_baseline = staticmethod(text.unigram)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return text.unigram_scores(dataset.target, learnt)

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return recordings(path, encoding, named)

    def example(self) -> Record:
        ((audio, answer),) = tone_words(1, seed=0)
        return Record({"audio": audio, "text": answer}, "tones in turn, each a letter")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return [Record({"audio": audio, "text": answer}) for audio, answer in tone_words(count, seed)]
