"""Object tracking: which boxes of a sequence are of one and the same thing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import MakesExamples, PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.detections.modality import Detections
from noria.sources.formats.mot import mot_sequences
from noria.targets.tracks.target import Tracks, frame_by_frame
from noria.types import Arrays, Dataset, Record


class ObjectTracking(Task, ReadsFormats, MakesExamples, PredictsBaseline):
    """detections -> tracks. A record is a sequence: what a detector found in its frames, and who is who.

    Data: folders of the MOT challenge, with det.txt and gt.txt for each sequence. Learnt is only which detections are
    true; it starts as the detector's own word, so that a training of no steps, the default, is ByteTrack as published.
    """

    inputs: Mapping[str, Detections] = {"detections": Detections()}
    target = Tracks(detections="detections")
    attention = "full"
    defaults: Mapping[str, Any] = {"model": {"size": "tiny", "depth": 0}, "train": {"steps": 0, "batch_size": 4}}

    def example(self) -> Record:
        return self.examples(1)[0]

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        """Return sequences in which two things walk past each other; a detector is unsure of what is not there."""
        generator = np.random.default_rng(seed)
        records = []
        for _ in range(count):
            start, speed = generator.integers(0, 40, 2), generator.integers(2, 5, 2)
            found, true = [], []
            for frame in range(1, 9):
                lefts = (int(start[0] + speed[0] * frame), int(200 + start[1] - speed[1] * frame))
                for identity, left in enumerate(lefts, 1):
                    place = f"{left},{100 * identity},20,50"
                    true.append(f"{frame},{identity},{place},1,-1,-1,-1\n")
                    found.append(f"{frame},-1,{place},{generator.uniform(0.8, 0.99):.3f},-1,-1,-1\n")
                nothing, chance = generator.integers(300, 600), generator.uniform(0.02, 0.3)
                found.append(f"{frame},-1,{nothing},400,20,50,{chance:.3f},-1,-1,-1\n")
            fields = {"detections": "".join(found).encode(), "tracks": "".join(true).encode()}
            records.append(Record(fields, "two things that walk past each other"))
        return records

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return mot_sequences(path)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return nothing: the trivial answer depends on the detections."""
        return {}

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return frame_by_frame(dataset.inputs["detections"])
