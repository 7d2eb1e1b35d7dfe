"""Sequences of boxes as the MOT challenge keeps them: folders with detections, and with the truth where it is known.

    train/TUD-Campus/det/det.txt  train/TUD-Campus/gt/gt.txt        as published
    detections/TUD-Campus/det.txt  TUD-Campus/gt.txt                any folders: the sequence is the nearest one

Columns: `detections` and, where any sequence has it, `tracks`, both the bytes of a file. A split is a folder named
after it. Does not parse the files. Read next: modalities/detections/mot.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from noria.contract.source import Source, reading
from noria.sources.core.annotations import split_of_folders
from noria.sources.core.file_rows import FileRows
from noria.sources.core.layout import some
from noria.sources.core.tree import Tree
from noria.types import Rows

_FILES = {"det.txt": "detections", "gt.txt": "tracks"}


def mot_sequences(path: Path) -> Source | None:
    """Return the reader of a folder or archive of sequences; None where there is no det.txt in it."""
    with reading(path):
        tree = Tree.at(path)
    found = {} if tree is None else _sequences(tree)
    return (
        MotSequences(tree, found) if tree is not None and any("detections" in one for one in found.values()) else None
    )


class MotSequences(Source):
    """The sequences of a tree; `numbers` are their names."""

    def __init__(self, tree: Tree, sequences: dict[str, dict[str, str]]):
        self.path = tree.path
        self.root = tree.path if tree.path.is_dir() else tree.path.parent
        self._tree, self._sequences = tree, sequences
        has_truth = any("tracks" in one for one in sequences.values())
        self.columns = ["detections", "tracks"] if has_truth else ["detections"]

    def files(self) -> list[Path]:
        """Return the files that are read."""
        if not self.path.is_dir():
            return [self.path]
        return [self.path / name for one in self._sequences.values() for name in one.values()]

    def notes(self) -> list[str]:
        """Return which texts are neither detections nor truth."""
        read = {name for one in self._sequences.values() for name in one.values()}
        rest = [name for name in self._tree.names if name.endswith(".txt") and name not in read]
        return [f"not read, as they are neither det.txt nor gt.txt: {some(rest)}"] if rest else []

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the sequences; one that lacks what others have is bad."""
        gathered = FileRows(self.columns, self._tree.origin, chunk_size)
        for sequence, names in self._sequences.items():
            members = self._tree.read(list(names.values()))
            flaws = [f"{member.name}: {member.flaw}" for member in members.values() if member.flaw]
            files = {"detections": "det.txt", "tracks": "gt.txt"}
            flaws += [f"it has no {files[column]}" for column in self.columns if column not in names]
            if flaws:
                yield from gathered.add_bad(sequence, flaws[0])
                continue
            values = tuple(members[names[column]].data for column in self.columns)
            split = split_of_folders(next(iter(names.values())))
            yield from gathered.add_record(split, sequence, values, sum(map(len, values)))
        yield from gathered.rest()


def _sequences(tree: Tree) -> dict[str, dict[str, str]]:
    """Return the files of each sequence by column; a sequence is the nearest folder that is not det or gt."""
    found: dict[str, dict[str, str]] = {}
    for name in tree.names:
        *folders, base = name.split("/")
        if base in _FILES:
            named = [folder for folder in folders if folder not in ("det", "gt")]
            found.setdefault(named[-1] if named else tree.origin, {})[_FILES[base]] = name
    return dict(sorted(found.items()))
