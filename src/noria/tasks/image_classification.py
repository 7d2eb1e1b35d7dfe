"""Image in, one class out."""

from __future__ import annotations

import numpy as np

from noria.contract import Task
from noria.modalities.image.modality import Image
from noria.targets.label import Label, majority
from noria.types import Record


class ImageClassification(Task):
    """Say which of several classes a picture shows.

    Data: a folder or an archive with a folder a class, IDX files, .npz, or a table with a column of files.
    """

    def __init__(self) -> None:
        # Light enough that a picture keeps its class; a flip may change it, of a letter or an arrow.
        self.inputs = {"image": Image(shift=None, rotate=10.0, zoom=0.1, color_jitter=0.1)}
        self.target = Label()
        self.defaults = {"model": {"size": "tiny", "depth": 0}, "target": {"smoothing": 0.05}}

    fit_baseline = staticmethod(majority)

    def example(self) -> Record:
        picture = np.zeros((28, 28), np.uint8)
        picture[4:24, 12:16] = 255
        return Record({"image": picture, "label": "1"}, "an upright stroke of 28 x 28 pixels")
