"""Image embedding: a picture as a vector, for search, clustering and finding duplicates. Learnt from views of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import AugmentsBatch, MakesExamples, PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.image.modality import Image
from noria.sources.core.duplicated_column import DuplicatedColumn
from noria.sources.formats.file_records import file_records
from noria.targets.view import View, mean_color, raw_vectors
from noria.types import Arrays, Batch, Dataset, Record

if TYPE_CHECKING:
    pass


class ImageEmbedding(Task, ReadsFormats, MakesExamples, PredictsBaseline, AugmentsBatch):
    """image -> view. The answer of a record is another view of what the picture shows: another photo of the same thing,
    or, in a folder of pictures, the picture itself, varied. The prediction is the vector of `image`.

    Data: a folder or an archive of pictures; a table with columns of files, `image` and `view` (which may be the same
    one). A trained classifier of images gives vectors too: model.from=RUN train.steps=0.
    """

    inputs: Mapping[str, Image] = {"image": Image(shift=4, zoom=0.3, flip=True, color_jitter=0.4)}
    target = View(image="image")
    shared_vocabulary = ("image", "view")
    defaults: Mapping[str, Any] = {"model": {"size": "tiny", "depth": 0}}

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        source = file_records(path)
        return None if source is None else DuplicatedColumn(source, "file", "view")

    def example(self) -> Record:
        picture = np.zeros((16, 16, 3), np.uint8)
        picture[4:12, 4:12] = (220, 40, 40)
        return Record({"image": picture, "view": picture[:, ::-1].copy()}, "a red square of 16 x 16 pixels")

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        generator = np.random.default_rng(seed)
        records = []
        for _ in range(count):
            picture = generator.integers(0, 255, (16, 16, 3), np.uint8)
            noise = generator.integers(-20, 20, picture.shape)
            view = np.clip(picture.astype(np.int64) + noise, 0, 255).astype(np.uint8)
            records.append(Record({"image": picture, "view": view}))
        return records

    def augment_batch(self, batch: Batch) -> Batch:
        return self.target.augment_with(batch, self.inputs["image"])

    def fit_baseline(self, train: Arrays) -> Arrays:
        return mean_color(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the pixels themselves."""
        return raw_vectors(dataset.inputs["image"], dataset.target, learnt)
