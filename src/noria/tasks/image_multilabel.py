"""Image in, several yes/no answers out: what a picture shows, where it may show several things."""

from __future__ import annotations

import numpy as np

from noria.contract import Task
from noria.modalities.image.modality import Image
from noria.targets.labels import Labels, base_rates
from noria.types import Record


class ImageMultilabel(Task):
    """Say which of several labels hold of a picture; any number of them may.

    Data: a table with a column of files, and a column `labels` that names those that hold (cat; dog), or a column of
    yes and no for each: data.fields.labels=[cat, dog].
    """

    def __init__(self) -> None:
        self.inputs = {"image": Image(shift=None, rotate=10.0, zoom=0.1, color_jitter=0.1)}
        self.target = Labels()
        self.defaults = {"model": {"size": "tiny", "depth": 0}, "train": {"best_by": "log_loss"}}

    fit_baseline = staticmethod(base_rates)

    def example(self) -> Record:
        picture = np.zeros((28, 28), np.uint8)
        picture[4:24, 12:16] = 255
        return Record({"image": picture, "labels": "stroke; upright"}, "an upright stroke of 28 x 28 pixels")
