"""Speech in, what is said out: by units that the network names moment by moment (CTC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from noria.contract import MAPPED, Target, Task
from noria.contract.capabilities import MakesExamples, PredictsBaseline, ReadsFormats, ValidatesPairs
from noria.contract.source import Source
from noria.modalities.audio.arrays import MEL
from noria.modalities.audio.modality import Audio
from noria.sound.tone_words import tone_words
from noria.sources.formats.recordings import recordings
from noria.targets.transcript.target import Transcript, most_frequent, same_transcript, too_long
from noria.types import Arrays, Dataset, Record


class SpeechRecognition(Task, ReadsFormats, MakesExamples, PredictsBaseline, ValidatesPairs):
    """Write down what is said, with a time and a confidence for each word.

    Data: a table with a column of sound files and a column `transcript`; a folder or an archive of sounds whose names
    tell it (data.names); a folder of Kaldi, LJSpeech or Common Voice. A recording may be an hour long.
    """

    inputs: Mapping[str, Audio]

    def __init__(self) -> None:
        self.inputs = {
            "audio": Audio(
                max_s=3600, speed=0.15, pitch=2.0, gain_db=6.0, noise_db=-15.0, silence_s=0.15, time_mask=0.1,
                mel_mask=0.15,
            )
        }  # fmt: skip
        self._target = Transcript()
        self.defaults: Mapping[str, Any] = {
            "model": {"size": "tiny", "block": "conformer", "dropout": 0.1},
            "train": {"batch_size": 32, "warmup": 0.1, "clip": 5},
        }

    @property
    def target(self) -> Transcript:
        """The answer, told how long the tokens and frames of its input are."""
        audio = self.inputs["audio"]
        return replace(self._target, seconds_per_token=audio.seconds_per_token, hop_s=audio.hop_s)

    @target.setter
    def target(self, target: Target) -> None:
        self._target = cast(Transcript, target)

    fit_baseline = staticmethod(most_frequent)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return same_transcript(learnt, len(dataset))

    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        audio = self.inputs["audio"]
        tokens = np.array([audio.tokens_of(int(frames)) for frames in inputs["audio"][MEL].lengths], np.int64)
        return too_long(answer, tokens, audio.seconds_per_token)

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return recordings(path, encoding, named)

    def example(self) -> Record:
        ((audio, answer),) = tone_words(1, seed=0)
        return Record({"audio": audio, "transcript": answer}, "tones in turn, each a letter")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return [Record({"audio": audio, "transcript": text}) for audio, text in tone_words(count, seed)]
