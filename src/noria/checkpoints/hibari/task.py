"""Text-to-speech as hibari does it: a text in, English speech out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from noria.checkpoints.hibari.target import EnglishSpeech
from noria.checkpoints.hibari.writing import Writing
from noria.contract import Task, dispatch, only_input
from noria.contract.capabilities import MAPPED, MakesExamples, ReadsFormats
from noria.contract.source import Source
from noria.types import Arrays, Record

SENTENCES = ("The wheel turns.", "Water rises day and night.", "It asks for nothing.", "Good morning, everyone.")


class EnglishVoice(Task, MakesExamples, ReadsFormats):
    """Say a text in English, by a voice that was trained elsewhere; nothing is learnt of the data.

    Data: texts, with recordings or without (data.fields.speech=text), which say what is said and not how it sounds.
    """

    def __init__(self, own: Task) -> None:
        self._own = own
        self.inputs = {name: Writing() for name in own.inputs}
        self.target = EnglishSpeech(text=only_input(own, "be read aloud"))
        self.defaults = {"evaluate": {"rivals": False}}

    def read(self, path: Path, encoding: str | None = None, named: Any = MAPPED) -> Source | None:
        return dispatch.read(self._own, path, encoding, named)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return silence, of one length for each text."""
        return {"letters": np.zeros(1, np.int64), "seconds": np.zeros(1, np.float32)}

    def example(self) -> Record:
        return self.examples(1)[0]

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        name = only_input(self, "be read aloud")
        texts = [SENTENCES[(seed + index) % len(SENTENCES)] for index in range(count)]
        return [Record({name: text, self.target.kind: text}) for text in texts]
