"""Object detection: what a picture shows, and where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import AugmentsBatch, MakesExamples, PredictsBaseline, ReadsFormats, ValidatesPairs
from noria.contract.source import Source
from noria.modalities.image.modality import Image
from noria.targets.boxes.target import Boxes, mean_box, outside, same_box
from noria.types import Arrays, Batch, Dataset, Record

COLORS = {"red": (220, 40, 40), "blue": (40, 60, 220)}  # of the things in the examples, by label


class ObjectDetection(Task, ReadsFormats, MakesExamples, PredictsBaseline, ValidatesPairs, AugmentsBatch):
    """Find the things in a picture: a label, a box and a confidence each.

    Data: Pascal VOC, COCO, YOLO or masks that number single things, in a folder or an archive, or a table of files and
    boxes as JSON.
    """

    def __init__(self) -> None:
        self.inputs: Mapping[str, Image] = {"image": Image(stem="pyramid", side=320, keep=True)}
        self.target: Boxes = Boxes(image="image")
        self.defaults = {"model": {"size": "tiny", "depth": 0}, "evaluate": {"batch_size": 32}}

    def example(self) -> Record:
        picture = np.full((48, 64, 3), 200, np.uint8)
        picture[10:30, 20:52] = COLORS["red"]
        boxes = [{"label": "red", "box": [20, 10, 52, 30]}]
        return Record({"image": picture, "boxes": boxes}, "a red box in a picture of 64 x 48 pixels")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        """Return pictures with none to three coloured boxes that do not touch."""
        generator = np.random.default_rng(seed)
        return [_drawn(generator, index % 4) for index in range(1, count + 1)]

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        from noria.sources.formats.pictures_with_boxes import pictures_with_boxes

        return pictures_with_boxes(path, encoding)

    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        return outside(answer, inputs["image"])

    def augment_batch(self, batch: Batch) -> Batch:
        return self.target.augment_with(batch, self.inputs["image"])

    def fit_baseline(self, train: Arrays) -> Arrays:
        return mean_box(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the same box for every picture."""
        return same_box(learnt, len(dataset))


def _drawn(generator: np.random.Generator, things: int) -> Record:
    picture = generator.integers(150, 250, (48, 64, 3)).astype(np.uint8)
    boxes = []
    for place in generator.permutation(6)[:things]:  # of six cells of 20 x 22 pixels
        left, top = 21 * (place % 3) + generator.integers(1, 6), 24 * (place // 3) + generator.integers(1, 8)
        right, bottom = left + generator.integers(8, 15), top + generator.integers(8, 16)
        label = list(COLORS)[int(generator.integers(2))]
        picture[top:bottom, left:right] = COLORS[label]
        boxes.append({"label": label, "box": [int(side) for side in (left, top, right, bottom)]})
    return Record({"image": picture, "boxes": boxes})
