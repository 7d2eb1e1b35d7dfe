"""Boxes as COCO keeps them: JSON files with images, annotations and categories, one for each split.

    annotations/instances_train2017.json  train2017/7.jpg        the split is a word of the file's name
    train/_annotations.coco.json  train/7.jpg                    or the folder it stands in

bbox is left, top, width and height in pixels from 0. A crowd stays marked as one. A file is held in memory while it is
read. Read next: sources/core/annotations.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from noria.errors import UserError
from noria.sources.core.annotations import Annotation, Annotations, Box, Pictures, box_of, split_of_name
from noria.sources.core.tree import Tree
from noria.types import Rejected

_HEAD_BYTES = 1 << 16
_OTHER_KEYS = (b'"annotations"', b'"categories"', b'"info"', b'"licenses"')


def has_coco(tree: Tree) -> bool:
    """Say whether there are files of this form: JSON objects in which the words of it are soon met."""
    return bool(_files(tree))


def read_coco(tree: Tree) -> Annotations:
    """Return what the JSON files say of the pictures they name."""
    marks, pictures = Annotations(), Pictures(tree.names)
    for name, member in tree.read(_files(tree)).items():
        split = split_of_name(name)
        folder = name.rpartition("/")[0]
        for said, mark in _marked(tree, name, member.data, split, marks.bad):
            marks.add(pictures.called(said, folder, split), mark, f"{tree.origin}/{name}", said)
    return marks


def _files(tree: Tree) -> list[str]:
    """Return the files with boxes; where some are called instances_..., the others hold captions or keypoints."""
    names = [name for name in tree.names if name.lower().endswith(".json")]
    heads = {
        name: member.data[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n") for name, member in tree.read(names).items()
    }
    found = [name for name, head in heads.items() if head.startswith(b"{") and _is_coco(head)]
    instances = [name for name in found if name.rsplit("/", 1)[-1].startswith("instances")]
    return instances or found


def _is_coco(head: bytes) -> bool:
    """Say whether a beginning is of this form: the list of images is there, or still to come after the others."""
    return b'"images"' in head or sum(key in head for key in _OTHER_KEYS) > 1


def _marked(tree: Tree, name: str, data: bytes, split: str, bad: list[Rejected]) -> Iterator[tuple[str, Annotation]]:
    """Yield the name of each picture of a file and what it says of it."""
    where = f"{tree.origin}/{name}"
    try:
        whole = json.loads(data)
        labels = {int(one["id"]): str(one["name"]) for one in whole["categories"]}
        images = {one["id"]: one for one in whole["images"]}
        annotations = whole["annotations"]
        by_image: dict[Any, list[Mapping[str, Any]]] = {known: [] for known in images}
        for one in annotations:
            if one["image_id"] in by_image:
                by_image[one["image_id"]].append(one)
            else:
                bad.append(Rejected(where, f"annotation {one.get('id')} is of no picture: image_id {one['image_id']}"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            "is not of COCO's form",
            where=where,
            expected='{"images": [...], "annotations": [...], "categories": [{"id": 1, "name": "cat"}, ...]}',
            found=f"{type(error).__name__}: {error}",
        ) from error
    for known, image in images.items():
        try:
            boxes = [_box(one, labels) for one in by_image[known]]
        except ValueError as error:
            yield _file_name(image), Annotation(name, split=split, flaw=f"{name}: {error}")
            continue
        size = (image.get("width"), image.get("height"))
        is_said = all(isinstance(side, int) and side > 0 for side in size)
        yield _file_name(image), Annotation(name, boxes, split, size if is_said else None)


def _box(one: Mapping[str, Any], labels: Mapping[int, str]) -> Box:
    known, box = one.get("id"), one.get("bbox")
    if one.get("category_id") not in labels:
        raise ValueError(f"annotation {known}: no category has the id {one.get('category_id')!r}")
    if not isinstance(box, list) or len(box) != 4 or not all(type(value) in (int, float) for value in box):
        raise ValueError(f"annotation {known}: bbox is not left, top, width, height: {box!r}"[:200])
    left, top, width, height = map(float, box)
    label = labels[one["category_id"]]
    return box_of(label, left, top, left + width, top + height, crowd=one.get("iscrowd") in (1, True))


def _file_name(image: Mapping[str, Any]) -> str:
    return str(image.get("file_name") or f"image {image.get('id')} without a file_name")
