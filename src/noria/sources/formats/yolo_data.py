"""What data.yaml, or a list of names, says of pictures with boxes as YOLO keeps them: classes, splits, keypoints.

    names: [cat, dog]                    or {0: cat, 1: dog}, or the name of a file with a class a line
    train: images/train  val: images/val folders, lists of them, or .txt files that list pictures
    kpt_shape: [17, 3]                   keypoints follow the box in each row, and how many numbers each has

What it says of splits is followed but for one thing: who trains and validates on the same pictures has no validation.
Read next: yolo.py.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from noria.errors import UserError
from noria.sources.core.annotations import split_of_folders
from noria.sources.core.layout import SPLITS, some
from noria.sources.core.tree import Tree

_YAML = (".yaml", ".yml")
_LISTS = ("classes.txt", "obj.names")  # names, one a line, as labelling programs write them


@dataclass
class Splits:
    """Which pictures are for which split: by folder, or by lists; what is not said, folders' names say."""

    folders: dict[str, set[str]] = field(default_factory=dict)
    listed: dict[str, dict[str, set[str]]] = field(default_factory=dict)  # the last part of a name -> name -> splits

    def add_list(self, lines: list[str], split: str) -> None:
        for line in lines:
            place = line.strip().replace("\\", "/").removeprefix("./")
            if place:
                self.listed.setdefault(place.rsplit("/", 1)[-1], {}).setdefault(place, set()).add(split)

    def of(self, picture: str) -> str:
        """Return the split of a picture; "" where it is said to be of several, or nothing says it."""
        for place, splits in self.listed.get(picture.rsplit("/", 1)[-1], {}).items():
            if f"/{place}".endswith(f"/{picture}") or f"/{picture}".endswith(f"/{place}"):
                return _only(splits)
        above = [folder for folder in self.folders if picture.startswith(f"{folder}/")]
        if above:
            return _only(self.folders[max(above, key=len)]) or split_of_folders(picture)
        return split_of_folders(picture)

    def notes(self) -> list[str]:
        """Return what is said to be of several splits at once."""
        notes = [
            f"{folder}/ is said to be {' and '.join(sorted(splits))} at once: its pictures are divided anew"
            for folder, splits in self.folders.items()
            if len(splits) > 1
        ]
        several = [place for places in self.listed.values() for place, splits in places.items() if len(splits) > 1]
        if several:
            notes.append(f"{len(several)} pictures are listed for several splits and are divided anew: {some(several)}")
        return notes


@dataclass(frozen=True)
class YoloData:
    """What is said of all pictures. `names` of the classes by number, None where they are not said;
    num_keypoint_values: how many numbers follow each box."""

    names: dict[int, str] | None = None
    splits: Splits = field(default_factory=Splits)
    num_keypoint_values: int = 0


def names_file(tree: Tree) -> str | None:
    """Return the file that names the classes; None where there is none."""
    for name, member in tree.read([name for name in tree.names if name.lower().endswith(_YAML)]).items():
        if b"names" in member.data:
            return name
    return next((name for name in tree.names if name.rsplit("/", 1)[-1] in _LISTS), None)


def read_data(tree: Tree) -> YoloData:
    """Return what the file of names says; raise UserError where it does not name the classes."""
    name = names_file(tree)
    if name is None:
        return YoloData()
    text = _text(tree, name)
    if not name.lower().endswith(_YAML):
        return YoloData(_lines(text))
    where = f"{tree.origin}/{name}"
    try:
        whole = yaml.safe_load(text)
        names = _names(tree, name.rpartition("/")[0], whole["names"])
        points = whole.get("kpt_shape")
        num_values = int(points[0]) * int(points[1]) if points else 0
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        found = " ".join(str(error).split())[:200]
        raise UserError("does not name the classes", where=where, expected="names: [cat, dog]", found=found) from error
    return YoloData(names, _splits(tree, name.rpartition("/")[0], whole), num_values)


def _names(tree: Tree, folder: str, given: Any) -> dict[int, str]:
    if isinstance(given, str):
        beside = posixpath.normpath(posixpath.join(folder, given))
        if beside not in tree.names:
            raise ValueError(f"names: {given}, and there is no such file")
        return _lines(_text(tree, beside))
    pairs = given.items() if isinstance(given, Mapping) else enumerate(given)
    return {int(number): str(label) for number, label in pairs}


def _splits(tree: Tree, folder: str, whole: dict[str, Any]) -> Splits:
    splits = Splits()
    root = posixpath.join(folder, str(whole.get("path") or ""))
    for key, split in SPLITS.items():
        given = whole.get(key) or []
        for said in given if isinstance(given, list) else [given]:
            for start in (root, folder):  # `path` is where its writer had it
                place = posixpath.normpath(posixpath.join(start, str(said))).lstrip("./")  # ../ leads to where it lay
                if place.endswith(".txt") and place in tree.names:
                    splits.add_list(_text(tree, place).split("\n"), split)
                elif any(name.startswith(f"{place}/") for name in tree.names):
                    splits.folders.setdefault(place, set()).add(split)
    return splits


def _only(splits: set[str]) -> str:
    return next(iter(splits)) if len(splits) == 1 else ""


def _lines(text: str) -> dict[int, str]:
    return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))


def _text(tree: Tree, name: str) -> str:
    return tree.read([name])[name].data.decode("utf-8-sig", "replace")
