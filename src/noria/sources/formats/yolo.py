"""Boxes as YOLO keeps them: a text file a picture, in labels/ where the picture is in images/, and names in data.yaml.

    images/train/7.jpg  labels/train/7.txt  data.yaml: {names: [cat, dog], train: images/train, val: images/val}

A line is a class number, then centre, width and height as shares of the picture; or a polygon's corners, whose bounds
are the box. A picture without a file has no objects. Read next: sources/core/annotations.py.
"""

from __future__ import annotations

import posixpath
from typing import Any

import yaml

from noria.errors import UserError
from noria.sources.core.annotations import Annotation, Annotations, Box, Pictures, box_of, split_of_folders, stem
from noria.sources.core.layout import SPLITS, some
from noria.sources.core.members import Member
from noria.sources.core.tree import Tree
from noria.types import Rejected

_YAML = (".yaml", ".yml")
_LISTS = ("classes.txt", "obj.names")  # names, one a line, as labelling programs write them


def has_yolo(tree: Tree) -> bool:
    """Say whether there are labels of this form: a folder labels/ with texts, or names with texts beside pictures."""
    pictures = {stem(name) for name in Pictures(tree.names).names}
    texts = [name for name in tree.names if name.endswith(".txt")]
    if any("labels" in name.split("/")[:-1] and _twin(name) in pictures for name in texts):
        return True
    return _names_file(tree) is not None and any(stem(name) in pictures for name in texts)


def read_yolo(tree: Tree) -> Annotations:
    """Return what the label files say, each of the picture of its own name."""
    marks, pictures = Annotations(), Pictures(tree.names)
    names, splits = _data(tree)
    known = set(tree.names)
    labels = {picture: _labels(picture) for picture in pictures.names}
    read = tree.read([text for text in labels.values() if text in known])
    without = 0
    for picture, text in labels.items():
        split = splits.of(picture)
        if text in read:
            marks.of[picture] = _marked(read[text], split, names)
        else:
            without += 1
            marks.of[picture] = Annotation(picture, split=split, is_relative=True)
    belongs = set(labels.values())
    lost = [name for name in tree.names if "labels" in name.split("/")[:-1] and name.endswith(".txt")]
    marks.bad += [Rejected(f"{tree.origin}/{name}", "its picture is missing") for name in lost if name not in belongs]
    if without:
        marks.notes.append(f"{without} pictures have no file in labels/: they are taken to show no object")
    if names is None:
        marks.notes.append("no data.yaml names the classes: their numbers are the labels")
    return marks


def _twin(text: str) -> str:
    """Return the picture that a label file is of, without an ending: images/ stands for the last labels/."""
    return "/images/".join(f"/{stem(text)}".rsplit("/labels/", 1)).lstrip("/")


def _labels(picture: str) -> str:
    """Return the label file of a picture: labels/ stands for the last images/."""
    return "/labels/".join(f"/{stem(picture)}".rsplit("/images/", 1)).lstrip("/") + ".txt"


def _names_file(tree: Tree) -> str | None:
    for name, member in tree.read([name for name in tree.names if name.lower().endswith(_YAML)]).items():
        if b"names" in member.data:
            return name
    return next((name for name in tree.names if name.rsplit("/", 1)[-1] in _LISTS), None)


class _Splits:
    """What data.yaml says of splits: folders, or lists of pictures; what it does not say, folders' names do."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}
        self.listed: dict[str, list[tuple[str, str]]] = {}  # by the last part of the name

    def add_list(self, lines: list[str], split: str) -> None:
        for line in lines:
            place = line.strip().replace("\\", "/").removeprefix("./")
            self.listed.setdefault(place.rsplit("/", 1)[-1], []).append((place, split))

    def of(self, picture: str) -> str:
        for place, split in self.listed.get(picture.rsplit("/", 1)[-1], ()):
            if f"/{place}".endswith(f"/{picture}") or f"/{picture}".endswith(f"/{place}"):
                return split
        found = (split for folder, split in self.folders.items() if picture.startswith(f"{folder}/"))
        return next(found, "") or split_of_folders(picture)


def _data(tree: Tree) -> tuple[dict[int, str] | None, _Splits]:
    """Return the names of the classes by number, if they are said, and the splits."""
    name = _names_file(tree)
    if name is None:
        return None, _Splits()
    text = tree.read([name])[name].data.decode("utf-8-sig", "replace")
    if not name.lower().endswith(_YAML):
        return dict(enumerate(line.strip() for line in text.splitlines() if line.strip())), _Splits()
    where = f"{tree.origin}/{name}"
    try:
        whole = yaml.safe_load(text)
        given = whole["names"]
        pairs = given.items() if isinstance(given, dict) else enumerate(given)
        names = {int(number): str(label) for number, label in pairs}
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        found = " ".join(str(error).split())[:200]
        raise UserError("does not name the classes", where=where, expected="names: [cat, dog]", found=found) from error
    return names, _splits(tree, name.rpartition("/")[0], whole)


def _splits(tree: Tree, folder: str, whole: dict[str, Any]) -> _Splits:
    splits = _Splits()
    root = posixpath.join(folder, str(whole.get("path") or ""))
    for key, split in SPLITS.items():
        given = whole.get(key) or []
        for said in given if isinstance(given, list) else [given]:
            for start in (root, folder):  # `path` is where its writer had it
                place = posixpath.normpath(posixpath.join(start, str(said))).lstrip("./")  # ../ leads to where it lay
                if place.endswith(".txt") and place in tree.names:
                    splits.add_list(tree.read([place])[place].data.decode("utf-8-sig", "replace").split("\n"), split)
                elif any(name.startswith(f"{place}/") for name in tree.names):
                    splits.folders[place] = split
    return splits


def _marked(member: Member, split: str, names: dict[int, str] | None) -> Annotation:
    if member.flaw and member.flaw != "empty file":
        return Annotation(member.name, split=split, is_relative=True, flaw=member.flaw)
    boxes: list[Box] = []
    for number, line in enumerate(member.data.decode("utf-8-sig", "replace").splitlines(), 1):
        if line.strip():
            try:
                boxes.append(_box(line.split(), names))
            except ValueError as error:
                return Annotation(member.name, split=split, is_relative=True, flaw=f"{member.name}:{number}: {error}")
    return Annotation(member.name, boxes, split, is_relative=True)


def _box(words: list[str], names: dict[int, str] | None) -> Box:
    try:
        number, shares = int(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        raise ValueError(f"not a class number and shares of the picture: {' '.join(words)!r}"[:200]) from None
    if len(shares) == 5:
        raise ValueError("a sixth number is how sure a detector was: this is no truth to learn from")
    is_polygon = len(shares) >= 6 and len(shares) % 2 == 0
    if len(shares) != 4 and not is_polygon:
        raise ValueError(f"expected a class number and four shares of the picture, found {len(words)} numbers")
    if not all(-0.01 <= share <= 1.01 for share in shares):
        raise ValueError(f"shares of the picture lie in 0 to 1: {' '.join(words)!r}"[:200])
    if number < 0:
        raise ValueError(f"a class number is not negative: {number}")
    if names is not None and number not in names:
        raise ValueError(f"the class {number} is none of the names: {some(names.values())}")
    label = str(number) if names is None else names[number]
    if is_polygon:
        return box_of(label, min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2]))
    x, y, width, height = shares
    return box_of(label, x - width / 2, y - height / 2, x + width / 2, y + height / 2)
