"""Speech-recognition as Whisper does it: the sound's own samples in, its transcript out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from noria.checkpoints.whisper.target import WhisperTranscript
from noria.contract import Task, dispatch
from noria.contract.capabilities import MAPPED, MakesExamples, PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.raw_audio import RawAudio
from noria.targets.transcript.target import most_frequent, same_transcript
from noria.types import Arrays, Dataset, Record


class Recognition(Task, MakesExamples, PredictsBaseline, ReadsFormats):
    """Write down what is said, by a Whisper model that was trained elsewhere; nothing is learnt of the data.

    The data says what is right: the model is scored on it, and its confidence fitted to it.
    """

    def __init__(self, own: Task) -> None:
        self._own = own
        self.inputs = {name: RawAudio() for name in own.inputs}
        self.target = WhisperTranscript()
        self.defaults = {"evaluate": {"rivals": False}}

    fit_baseline = staticmethod(most_frequent)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return same_transcript(learnt, len(dataset))

    def read(self, path: Path, encoding: str | None = None, named: Any = MAPPED) -> Source | None:
        return dispatch.read(self._own, path, encoding, named)

    def example(self) -> Record:
        return self._own.example()

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return dispatch.examples(self._own, count, seed)
