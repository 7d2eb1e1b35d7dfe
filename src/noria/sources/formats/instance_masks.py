"""Boxes from masks of single things: in each mask the numbers 1, 2, ... are one thing each, and 0 is none.

    PNGImages/a.png  PedMasks/a_mask.png     Penn-Fudan, whose things are pedestrians
    images/a.jpg     instance_masks/a.png    or masks/: what the things are is not said

A box is what a thing covers. A mask with gaps in its numbers is of classes, not of things, and its picture is bad.
Read next: mask_layout.py, pictures_with_boxes.py.
"""

from __future__ import annotations

import numpy as np

from noria.sources.core.annotations import Annotation, Annotations, Box, box_of
from noria.sources.core.layout import some
from noria.sources.core.members import Member
from noria.sources.core.tree import Tree
from noria.sources.formats.mask_layout import THING, Pair, pair_instances
from noria.vision.masks import read_mask

_MOST_THINGS = 1000  # in one picture; more numbers are levels of grey
_EDGE = 255  # Pascal VOC draws it around things


def has_instances(tree: Tree) -> bool:
    """Say whether there are pictures with a mask each, by their names."""
    return bool(_pairs(tree))


def read_instances(tree: Tree) -> Annotations:
    """Return a box for each thing that a mask numbers."""
    marks, pairs = Annotations(), _pairs(tree)
    masks = tree.read([mask for pair in pairs for mask in pair.masks.values()])
    marks.beside |= masks.keys()
    for pair in pairs:
        marks.of[pair.picture] = _marked(pair, masks)
    labels = sorted({_label(pair) for pair in pairs})
    marks.notes.append(f"boxes are those of masks: each number of a mask is one thing, with the label {some(labels)}")
    return marks


def _label(pair: Pair) -> str:
    """Return what the things of a mask are: its class where its name or its folder says it."""
    return next(iter(pair.masks)) or THING


def _pairs(tree: Tree) -> list[Pair]:
    return [pair for pair in pair_instances(tree.names).pairs if len(pair.masks) == 1]


def _marked(pair: Pair, masks: dict[str, Member]) -> Annotation:
    (name,) = pair.masks.values()
    try:
        if flaw := pair.flaw or masks[name].flaw:
            raise ValueError(flaw)
        mask = read_mask(masks[name].data, {})
        boxes = _boxes(mask, _label(pair))
    except ValueError as error:
        return Annotation(name, split=pair.split, flaw=f"{name}: {error}")
    return Annotation(name, boxes, pair.split, (mask.shape[1], mask.shape[0]))


def _boxes(mask: np.ndarray, thing: str) -> list[Box]:
    numbers = np.unique(mask).tolist()
    things = [number for number in numbers if number not in (0, _EDGE)]
    if things != list(range(1, len(things) + 1)) or len(things) > _MOST_THINGS or numbers == [0, _EDGE]:
        shown = ", ".join(map(str, numbers[:10]))
        raise ValueError(f"its numbers are not those of things, 0 and then 1, 2, ..., but {shown}")
    boxes = []
    for number in things:
        rows, columns = np.nonzero(mask == number)
        sides = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        boxes.append(box_of(thing, *map(float, sides)))
    return boxes
