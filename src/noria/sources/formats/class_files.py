"""A file a class, a text a line: rt-polarity.pos and rt-polarity.neg, or positive.txt and negative.txt.

The class is the ending, or of .txt files the name; the split is a word of the name or a folder: train/pos.txt,
test-neg.txt. Read next: tables.py.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from noria.contract.source import Source, reading
from noria.sources.core.layout import SPLITS, is_beside
from noria.sources.core.text_file import TextSource
from noria.sources.core.walk import Walk
from noria.sources.formats.tables import Tables, speaks_of_split, unpacked
from noria.types import Rows

_MOST_CLASSES = 100  # of more files each is a document
_ABOUT = frozenset(("readme", "license", "licence", "changelog"))
_WORD = re.compile(r"[^-_. ]+")


class _Place(NamedTuple):
    split: str
    label: str


def class_files(path: Path, encoding: str | None = None) -> Source | None:
    """Return the reader of a folder with a file a class, or None where the path is no such folder."""
    if not path.is_dir():
        return None
    with reading(path):
        names = [name for name in Walk(path) if _WORD.findall(name.rpartition("/")[2].lower())[0] not in _ABOUT]
        places = _by_ending(names) or _by_name([name for name in names if unpacked(name.lower()).endswith(".txt")])
        if not places or not all(name in places or is_beside(name) for name in names):
            return None
        order = ("train", "validation", "test", "")
        listed = sorted(places.items(), key=lambda item: (order.index(item[1].split), item[0]))
        files = [ClassFile(path / name, place.label, encoding, place.split) for name, place in listed]
        if not all(file.has_lines() for file in files):
            return None
        return Tables(path, path, files, [name for name in names if name not in places])


class ClassFile(TextSource):
    """A file of which every line that is not blank is a text of one class. `numbers` are the lines."""

    def __init__(self, path: Path, label: str, encoding: str | None = None, split: str = ""):
        super().__init__(path, ["text", "label"], encoding, split)
        self._label = label

    def has_lines(self) -> bool:
        """Say whether there are several, within the first megabyte."""
        return sum(bool(line.strip()) for line in self._text.samples()[0].splitlines()) > 1

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the texts, in order."""
        with reading(self.path):
            for rows in self.line_chunks(self._text.lines("\n"), chunk_size, keeps_blank=False):
                yield replace(rows, columns={**rows.columns, "label": [self._label] * len(rows)})


def _by_ending(names: list[str]) -> dict[str, _Place]:
    """Return split and class of the files that share a name but for the ending, which is of no format."""
    endings = defaultdict(list)
    for name in names:
        stem, _, ending = unpacked(name).rpartition(".")
        if stem and not is_beside(name):
            endings[stem].append((name, ending))
    return {
        name: _Place(_split_of(stem), ending)
        for stem, files in endings.items()
        if len(files) > 1 and _is_flat(stem)
        for name, ending in files
    }


def _by_name(names: list[str]) -> dict[str, _Place]:
    """Return split and class of text files that are named after classes."""
    places = {}
    for name in names:
        stem = unpacked(name.lower())[: -len(".txt")].rpartition("/")[2]
        original = name.rpartition("/")[2][: len(stem)]
        words = [word for word in re.split(r"[-_. ]", original) if word.lower() not in SPLITS]
        if words and _is_flat(name):
            places[name] = _Place(_split_of(name.lower().removesuffix(".txt")), "_".join(words))
    labels = {place.label for place in places.values()}
    return places if len(places) == len(names) and 2 <= len(labels) <= _MOST_CLASSES else {}


def _is_flat(name: str) -> bool:
    """Say whether the folders around a file, if any, are those of splits."""
    return all(part.lower() in SPLITS for part in name.split("/")[:-1])


def _split_of(name: str) -> str:
    folder = next((SPLITS[part.lower()] for part in name.split("/")[:-1]), "")
    return folder or speaks_of_split(name)
