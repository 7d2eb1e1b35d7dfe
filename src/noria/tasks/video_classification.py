"""Video in, one class out: what is done in a clip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.source import Source
from noria.modalities.video.modality import Video
from noria.sources.formats.clips import clips
from noria.targets.label import Label, majority
from noria.types import Record


class VideoClassification(Task):
    """Say which of several classes a clip shows.

    Data: a folder or an archive with a folder a class, which hold videos, or folders of pictures that are the frames of
    one clip; a table with a column of files.
    """

    def __init__(self) -> None:
        self.inputs = {"video": Video()}
        self.target = Label()
        self.defaults = {"model": {"size": "tiny", "depth": 2}}

    baseline = staticmethod(majority)

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return clips(path)

    def example(self) -> Record:
        frames = np.zeros((6, 16, 16, 3), np.uint8)
        for place in range(6):
            frames[place, 6:10, 2 * place : 2 * place + 4] = 255
        return Record(
            {"video": frames, "label": "right"}, "a square that moves to the right, 6 frames of 16 x 16 pixels"
        )
