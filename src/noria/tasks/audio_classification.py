"""Audio in, one class out: digits, speakers, sounds of the street."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import MakesExamples, ReadsFormats
from noria.contract.source import Source
from noria.modalities.audio.modality import Audio
from noria.sound.wav import wav_bytes
from noria.sources.formats.recordings import recordings
from noria.targets.label import Label, majority
from noria.types import Record

RATE_HZ = 8_000
TONES_HZ = {"low": 300.0, "high": 1_200.0}


class AudioClassification(Task, ReadsFormats, MakesExamples):
    """Say which of several classes a sound belongs to.

    Data: a folder or an archive with a folder a class, or whose file names tell the class (data.names); a table that
    names the files, as those of Common Voice and of Hugging Face; a data folder of Kaldi.
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

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return recordings(path, encoding, named)

    def example(self) -> Record:
        return Record({"audio": _wav(TONES_HZ["low"], 0.3), "label": "low"}, "a low tone of 0.3 seconds, a wav file")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        generator = np.random.default_rng(seed)
        records = []
        for index in range(count):
            name = list(TONES_HZ)[index % 2 if index < 4 else int(generator.integers(2))]
            hz, seconds = TONES_HZ[name] * generator.uniform(0.9, 1.1), generator.uniform(0.15, 0.4)
            records.append(Record({"audio": _wav(hz, seconds), "label": name}))
        return records


def _wav(hz: float, seconds: float) -> bytes:
    samples = 0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)
    return wav_bytes(samples, RATE_HZ)
