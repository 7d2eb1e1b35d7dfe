"""What the formats of boxes share: what one of them says of a picture, and whose picture a name means.

A box is [left, top, right, bottom] in pixels of the picture as shown, from its top left corner, right and bottom
exclusive; each format comes to this in its own file.
Read next: sources/formats/voc.py, sources/formats/coco.py, sources/formats/yolo.py,
sources/formats/pictures_with_boxes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from noria.sources.core.layout import SPLITS
from noria.types import Rejected

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
Box = dict[str, Any]  # label, box; crowd or difficult where the format says so


@dataclass(frozen=True)
class Annotation:
    """What a format says of one picture: in which file, its boxes, its split and, where it does, its width and height.

    Boxes are in pixels, or, where `is_relative`, in shares of the picture's width and height. `flaw` says why the
    picture cannot be used.
    """

    where: str
    boxes: list[Box] = field(default_factory=list)
    split: str = ""
    size: tuple[int, int] | None = None
    is_relative: bool = False
    flaw: str = ""


@dataclass
class Annotations:
    """What a format says of all pictures of a tree, by their names there."""

    of: dict[str, Annotation] = field(default_factory=dict)
    bad: list[Rejected] = field(default_factory=list)  # what is said of no picture
    beside: set[str] = field(default_factory=set)  # pictures that are no records but say something of others: masks
    notes: list[str] = field(default_factory=list)

    def add(self, picture: str | None, mark: Annotation, where: str, said: str) -> None:
        """Keep what `where` says of the picture called `said`; it is bad where there is none, or it came before."""
        if picture is None:
            self.bad.append(Rejected(where, f"its picture is missing: {said}"))
        elif picture in self.of:
            self.bad.append(Rejected(where, f"{picture} is named twice"))
        else:
            self.of[picture] = mark


def is_picture(name: str) -> bool:
    """Say whether a file is a picture by the ending of its name."""
    return name.lower().endswith(PICTURE_SUFFIXES)


def stem(name: str) -> str:
    """Return a name without the ending of the file, folders kept."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + (base.rpartition(".")[0] or base)


def split_of_folders(name: str) -> str:
    """Return the split that the nearest folder above a file is named after, if any is."""
    return next((SPLITS[part] for part in reversed(name.lower().split("/")[:-1]) if part in SPLITS), "")


def split_of_name(name: str) -> str:
    """Return the split that the words of a file's name speak of, else its folders: instances_train2017.json."""
    found = {SPLITS[word] for word in re.findall("[a-z]+", name.lower().rsplit("/", 1)[-1]) if word in SPLITS}
    return found.pop() if len(found) == 1 else split_of_folders(name)


class Pictures:
    """The pictures among some names, found by stem or by the end of their path."""

    def __init__(self, names: Iterable[str]):
        self.names = [name for name in names if is_picture(name)]
        self._known = set(self.names)
        self._by_stem: dict[str, str] = {}
        self._by_base: dict[str, list[str]] = {}
        for name in self.names:
            self._by_stem.setdefault(stem(name), name)
            self._by_base.setdefault(name.rsplit("/", 1)[-1], []).append(name)

    def with_stem(self, *stems: str) -> str | None:
        """Return the first picture that there is of names without an ending."""
        return next((self._by_stem[one] for one in stems if one in self._by_stem), None)

    def called(self, said: str, folder: str, split: str) -> str | None:
        """Return the picture that a file in `folder` means: below it, else the only one (of its split) that ends so."""
        said = said.replace("\\", "/").removeprefix("./")
        if (below := f"{folder}/{said}".lstrip("/")) in self._known:
            return below
        ending = f"/{said}"
        found = [name for name in self._by_base.get(said.rsplit("/", 1)[-1], []) if f"/{name}".endswith(ending)]
        if len(found) > 1:
            found = [name for name in found if split_of_name(_above(name)) == split]
        return found[0] if len(found) == 1 else None


def _above(name: str) -> str:
    """Return the folder of a file as a name that words are looked for in: train2017."""
    return name.rpartition("/")[0]


def box_of(label: str, left: float, top: float, right: float, bottom: float, **flags: bool) -> Box:
    """Return a box with those of its flags that are true."""
    return {"label": label, "box": [left, top, right, bottom], **{name: True for name, is_so in flags.items() if is_so}}
