"""Speech in, a spoken reply out, by other trained models: what hears, what answers, what speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.contract import Task
from noria.contract.capabilities import MakesExamples, PredictsBaseline
from noria.modalities.raw_audio import RawAudio
from noria.sound.wav import wav_bytes
from noria.targets.reply.target import Reply, same_reply, usual_reply
from noria.types import Arrays, Dataset, Record

RATE_HZ = 16_000


class VoiceAssistant(Task, MakesExamples, PredictsBaseline):
    """Reply to what is said: one bundle of trained models (target.parts), which learns nothing by itself.

    Data: a table with a column of sound files and a column `reply`, the right answer; with the words that are said and
    when (data.fields.reply=[reply, transcript, segments]) the errors are shared out among the stages.
    """

    inputs: Mapping[str, RawAudio]

    def __init__(self) -> None:
        self.inputs = {"audio": RawAudio()}
        self.target = Reply()
        self.defaults: Mapping[str, Any] = {
            "model": {"size": "tiny", "depth": 0},
            "train": {"steps": 0, "validations": 0},
            "evaluate": {"rivals": False, "batch_size": 16},
        }

    def fit_baseline(self, train: Arrays) -> Arrays:
        return usual_reply(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return same_reply(learnt, len(dataset))

    def example(self) -> Record:
        return Record({"audio": _tone(440.0), "reply": "hello"}, "a tone in the place of a greeting")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        generator = np.random.default_rng(seed)
        drawn = [index % 2 if index < 4 else int(generator.integers(2)) for index in range(count)]
        return [
            Record({"audio": _tone((440.0, 880.0)[one] * generator.uniform(0.9, 1.1)), "reply": reply})
            for one, reply in ((one, ("hello", "good bye")[one]) for one in drawn)
        ]


def _tone(hz: float) -> bytes:
    return wav_bytes(0.3 * np.sin(2 * np.pi * hz * np.arange(RATE_HZ // 10) / RATE_HZ), RATE_HZ)
