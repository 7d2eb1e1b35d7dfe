"""Semantic segmentation: what each place of a picture belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import AugmentsBatch, MakesExamples, PredictsBaseline, ReadsFormats, ValidatesPairs
from noria.contract.source import Source
from noria.modalities.image.modality import Image
from noria.sources.formats.masks import masks
from noria.targets.mask.target import Mask, everywhere_alike, majority_places, of_other_size
from noria.types import Arrays, Batch, Dataset, Record

COLOURS = ((190, 210, 240), (200, 60, 50), (60, 150, 70))  # of the classes in the examples


class SemanticSegmentation(Task, ReadsFormats, MakesExamples, PredictsBaseline, ValidatesPairs, AugmentsBatch):
    """Give every place of a picture its class: sky, road, car.

    Data: pictures with masks in a folder or an archive (train and trainannot, images and masks, a_mask.png beside
    a.jpg, one mask a class, Pascal VOC, Cityscapes, ADE20K, CamVid, Penn-Fudan), or a table of files with the columns
    image and mask.
    """

    def __init__(self) -> None:
        self.inputs: Mapping[str, Image] = {"image": Image(stem="pyramid", strides=(4,), side=256, keep=True)}
        self.target: Mask = Mask(image="image")
        self.defaults = {"model": {"size": "tiny", "depth": 0}, "evaluate": {"batch_size": 16}}

    def example(self) -> Record:
        picture, mask = _drawn(np.random.default_rng(0))
        return Record({"image": picture, "mask": mask}, "things on a ground, in a picture of 48 x 36 pixels")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        """Return pictures of a red box and green ground, each place in its class's colour but for noise."""
        generator = np.random.default_rng(seed)
        drawn = [_drawn(generator) for _ in range(count)]
        return [Record({"image": picture, "mask": mask}) for picture, mask in drawn]

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return masks(path)

    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        return of_other_size(answer, inputs["image"])

    def augment_batch(self, batch: Batch) -> Batch:
        return self.target.augment_with(batch, self.inputs["image"])

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return the class that each part of the picture has most often."""
        return majority_places(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return everywhere_alike(learnt, dataset.target)


def _drawn(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of sky, a box and ground, and its mask of their numbers, 0 to 2."""
    mask = np.zeros((36, 48), np.uint8)
    horizon = int(generator.integers(18, 27))
    mask[horizon:] = 2
    left, top = generator.integers(2, 30), generator.integers(4, 16)
    mask[top : horizon + 4, left : left + generator.integers(8, 16)] = 1
    noise = generator.integers(-15, 15, (*mask.shape, 3))
    return (np.array(COLOURS)[mask] + noise).clip(0, 255).astype(np.uint8), mask
