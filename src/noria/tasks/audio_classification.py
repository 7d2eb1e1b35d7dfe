"""Audio in, one class out: digits, speakers, sounds of the street."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import AugmentsBatch, MakesExamples, ReadsFormats
from noria.contract.source import Source
from noria.modalities.audio.modality import Audio
from noria.sound.wav import wav_bytes
from noria.sources.formats.recordings import recordings
from noria.targets.label import Label, majority
from noria.types import Batch, Record

RATE_HZ = 8_000
WINDOW_S = 30.0  # heard at once; windows overlap by half, so that nothing is heard at an edge alone
TONES_HZ = {"low": 300.0, "high": 1_200.0}


class AudioClassification(Task, ReadsFormats, MakesExamples, AugmentsBatch):
    """Say which of several classes a sound belongs to; a long one also window by window.

    Data: a folder or an archive with a folder a class, or whose file names tell the class (data.names); a table that
    names the files, as those of Common Voice and of Hugging Face; a data folder of Kaldi.
    """

    inputs: Mapping[str, Audio]

    def __init__(self) -> None:
        self.inputs = {
            "audio": Audio(
                max_s=600,
                speed=0.1,
                pitch=2.0,
                gain_db=6.0,
                noise_db=-15.0,
                silence_s=0.1,
                time_mask=0.15,
                mel_mask=0.15,
            )
        }
        self._target = Label()
        self.defaults: Mapping[str, Any] = {"model": {"size": "tiny", "depth": 2}, "target": {"smoothing": 0.05}}

    @property  # type: ignore[override]
    def target(self) -> Label:  # it is told how long sounds are heard
        return replace(self._target, windows=self._windows())

    @target.setter
    def target(self, target: Label) -> None:
        self._target = target

    def _windows(self) -> Any:
        from noria.modalities.audio.windows import SoundWindows

        hop_s = self.inputs["audio"].hop_s
        return SoundWindows("audio", round(WINDOW_S / hop_s), round(WINDOW_S / hop_s / 2), hop_s)

    def augment_batch(self, batch: Batch) -> Batch:
        """Hear of each long sound a window anywhere, and vary it."""
        audio = self.inputs["audio"]
        arrays = audio.augment(self._windows().drawn(batch.inputs["audio"]))
        return Batch({**batch.inputs, "audio": arrays}, batch.target, batch.size)

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
