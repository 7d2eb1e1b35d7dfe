"""Audio in, one class out: digits, speakers, sounds of the street."""

from __future__ import annotations

import numpy as np

from noria.contract import Task
from noria.contract.capabilities import MakesExamples
from noria.modalities.audio.modality import Audio
from noria.targets.label import Label, majority
from noria.types import Record

RATE_HZ = 8_000
TONES_HZ = {"low": 300.0, "high": 1_200.0}


class AudioClassification(Task, MakesExamples):
    """Say which of several classes a sound belongs to.

    Data: a folder or an archive with a folder a class, or whose names tell the class (data.names); a table with a
    column of files; a folder of Kaldi.
    """

    def __init__(self) -> None:
        self.inputs = {
            "audio": Audio(
                speed=0.1, pitch=2.0, gain_db=6.0, noise_db=-15.0, silence_s=0.1, time_mask=0.15, mel_mask=0.15
            )
        }
        self.target = Label()
        self.defaults = {"model": {"size": "tiny", "depth": 2}, "target": {"smoothing": 0.05}}

    fit_baseline = staticmethod(majority)

    def example(self) -> Record:
        return Record({"audio": (_tone(300.0, 0.3, 0.0), RATE_HZ), "label": "low"}, "a low tone of 0.3 seconds")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        generator = np.random.default_rng(seed)
        records = []
        for index in range(count):
            name = list(TONES_HZ)[index % 2 if index < 4 else int(generator.integers(2))]
            hz = TONES_HZ[name] * generator.uniform(0.9, 1.1)
            samples = _tone(hz, generator.uniform(0.15, 0.4), generator.uniform(0, 6))
            samples = samples + 0.01 * generator.normal(size=len(samples)).astype(np.float32)
            records.append(Record({"audio": (samples, RATE_HZ), "label": name}))
        return records


def _tone(hz: float, seconds: float, phase: float) -> np.ndarray:
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ + phase), np.float32)
