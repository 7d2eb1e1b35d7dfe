"""Series in, one class out: gestures, actions, machine states, from joints or sensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.source import Source
from noria.modalities.series.modality import Series
from noria.sources.formats.file_records import file_records
from noria.targets.label import Label, majority
from noria.types import Record


class SeriesClassification(Task):
    """Say which of several classes a series of vectors belongs to.

    Data: a folder or an archive of files of numbers (a row a line, JSON, .npy) in a folder a class, or whose names tell
    the class (data.names); a table with a column of such files, or with columns that hold the numbers.
    """

    inputs: Mapping[str, Series]

    def __init__(self) -> None:
        self.inputs = {"series": Series()}
        self.target = Label()
        self.defaults = {"model": {"size": "tiny", "depth": 0}, "train": {"optimizer": "adamw", "weight_decay": 0.01}}

    baseline = staticmethod(majority)

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return file_records(path)

    def example(self) -> Record:
        turns = np.linspace(0, 2 * np.pi, 24)
        circle = np.stack([np.cos(turns), np.sin(turns)], 1).round(3)
        series = self._framed(circle)
        return Record({"series": series, "label": "circle"}, "a finger that draws a circle, 24 places of x and y")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        generator = np.random.default_rng(seed)
        records = []
        for index in range(count):
            is_circle = bool(index % 2 if index < 4 else generator.integers(0, 2))
            turns = np.linspace(0, 2 * np.pi, int(generator.integers(12, 31)))
            places = np.stack([np.cos(turns), np.sin(turns) if is_circle else np.cos(turns)], 1)
            places = places + 0.1 * generator.normal(size=places.shape)
            records.append(
                Record({"series": self._framed(places.round(4)), "label": "circle" if is_circle else "stroke"})
            )
        return records

    def _framed(self, places: np.ndarray) -> np.ndarray:
        """Return places [T, 2] as the settings say that frames are given: in the first two columns of their rows."""
        settings = self.inputs["series"]
        columns = max(settings.columns) + 1 if settings.columns else 2
        frames = np.zeros((len(places), settings.rows, max(2, columns)))
        frames[:, :, :2] = places[:, None] * np.arange(1, settings.rows + 1)[:, None]
        return frames.reshape(len(places) * settings.rows, -1)
