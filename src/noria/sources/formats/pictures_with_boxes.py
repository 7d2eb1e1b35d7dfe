"""Pictures with the boxes of what they show, from Pascal VOC, COCO, YOLO or masks of single things.

Columns: `image`, the bytes of the file, and `boxes`, [{"label": ..., "box": [left, top, right, bottom]}, ...] in pixels
of the picture as shown, right and bottom exclusive. A box is cut at the edge of its picture; one with nothing inside,
an annotation whose size is not the picture's, a missing picture are bad. Knows no format itself.
Read next: sources/core/annotations.py.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from noria.contract.source import Source, reading
from noria.sources.core.annotations import Annotation, Annotations, Box, Pictures
from noria.sources.core.file_rows import FileRows
from noria.sources.core.layout import some
from noria.sources.core.tree import Tree
from noria.sources.formats.coco import has_coco, read_coco
from noria.sources.formats.instance_masks import has_instances, read_instances
from noria.sources.formats.voc import has_voc, read_voc
from noria.sources.formats.yolo import has_yolo, read_yolo
from noria.types import Rows

_FORMATS: tuple[tuple[Callable[[Tree], bool], Callable[[Tree], Annotations]], ...] = (
    (has_voc, read_voc),
    (has_coco, read_coco),
    (has_yolo, read_yolo),
    (has_instances, read_instances),
)
_ORIENTATION, _SIDEWAYS = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values that swap width and height
_SLACK_PX = 1.0  # by so much annotation programs differ in what the edge of a picture is


def pictures_with_boxes(path: Path, encoding: str | None = None) -> Source | None:
    """Return the reader of pictures with boxes, or None where the path holds none. All these formats are UTF-8."""
    with reading(path):
        tree = Tree.at(path.parent if _is_yaml(path) else path)
        if tree is not None:
            for has_any, read in _FORMATS:
                if has_any(tree):
                    return PicturesWithBoxes(tree, read)
    return None


class PicturesWithBoxes(Source):
    """The pictures of a tree that a format says something of; `numbers` are their names."""

    def __init__(self, tree: Tree, read: Callable[[Tree], Annotations]):
        self.path = tree.path
        self.root = tree.path if tree.path.is_dir() else tree.path.parent
        self.columns = ["image", "boxes"]
        self._tree, self._read = tree, read
        self._num_cut = 0

    def files(self) -> list[Path]:
        """Return pictures and annotations alike."""
        return self._tree.files()

    def notes(self) -> list[str]:
        """Return what was passed over, and how many boxes were cut in the last reading."""
        known = self._marks.of.keys() | self._marks.beside
        rest = [name for name in Pictures(self._tree.names).names if name not in known]
        unmarked = f"{len(rest)} pictures have no annotation and were not read: {some(rest)}"
        cut = f"{self._num_cut} boxes reached beyond their picture and were cut at its edge"
        return [*self._marks.notes, *([unmarked] if rest else []), *([cut] if self._num_cut else [])]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the pictures in the order of their names."""
        gathered = FileRows(self.columns, self._tree.origin, chunk_size)
        marks, self._num_cut = self._marks, 0
        with reading(self.path):
            for member in self._tree.members(lambda name: name in marks.of and not marks.of[name].flaw):
                mark = marks.of.get(member.name)
                if mark is None:
                    continue
                try:
                    boxes = self._boxes(member.data, mark, member.flaw)
                except ValueError as error:
                    yield from gathered.add_bad(member.name, str(error))
                else:
                    values = (member.data, boxes)
                    yield from gathered.add_record(mark.split, member.name, values, len(member.data))
            yield from gathered.rest()
            if marks.bad:
                yield Rows({name: [] for name in self.columns}, self._tree.origin, [], "", list(marks.bad))

    @cached_property
    def _marks(self) -> Annotations:
        with reading(self.path):
            return self._read(self._tree)

    def _boxes(self, data: bytes, mark: Annotation, flaw: str) -> list[Box]:
        """Return the boxes in pixels of the picture as shown; raise ValueError where it cannot be used."""
        if mark.flaw or flaw:
            raise ValueError(mark.flaw or flaw)
        width, height, is_sideways = picture_size(data)
        if mark.size is not None and mark.size != (width, height):
            stored = ", and lie in it as stored, not turned as shown" if is_sideways else ""
            said, real = "{} x {}".format(*mark.size), f"{width} x {height}"
            raise ValueError(f"the boxes are of a picture of {said} pixels, but it has {real}{stored}: {mark.where}")
        boxes = []
        for number, one in enumerate(mark.boxes, 1):
            sides = [
                side * (width, height)[axis % 2] if mark.is_relative else side for axis, side in enumerate(one["box"])
            ]
            box = inside(sides, width, height)
            if box is None:
                found = [round(side, 2) for side in sides]
                raise ValueError(
                    f"box {number} ({one['label']}) holds nothing of the {width} x {height} pixels: {found}"
                )
            beyond = max(abs(a - b) for a, b in zip(box, sides, strict=True))
            self._num_cut += beyond > _SLACK_PX
            boxes.append({**one, "box": box})
        return boxes


def inside(sides: list[float], width: int, height: int) -> list[float] | None:
    """Return a box cut at the edges of a picture; None where it is inverted, not finite or nothing of it is left."""
    if not all(map(math.isfinite, sides)):
        return None
    left, right = max(0.0, sides[0]), min(float(width), sides[2])
    top, bottom = max(0.0, sides[1]), min(float(height), sides[3])
    return [left, top, right, bottom] if left < right and top < bottom else None


def picture_size(data: bytes) -> tuple[int, int, bool]:
    """Return width and height of a picture as shown, by its header alone, and whether EXIF turns it sideways."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as picture:
                width, height = picture.size
                is_sideways = picture.getexif().get(_ORIENTATION) in _SIDEWAYS
    except UnidentifiedImageError:
        raise ValueError("not a picture in a known format") from None
    except (OSError, SyntaxError, EOFError, ValueError, TypeError, KeyError, Image.DecompressionBombError) as error:
        raise ValueError(f"the picture is broken: {error}") from None
    return (height, width, True) if is_sideways else (width, height, False)


def _is_yaml(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in (".yaml", ".yml")
