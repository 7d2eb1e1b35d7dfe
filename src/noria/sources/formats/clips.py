"""Clips as rows: videos, and folders of pictures that are the frames of one clip, in class folders or not.

    run/1.mp4  run/2.avi  walk/3.webm           a record each, the label is the first folder
    run/1/001.png  run/1/002.png  run/2/...     a record a folder, `file` the pictures in the order of their numbers

Splits and classes are those of the folders' names, as for pictures.
Read next: sources/core/layout.py, sources/core/tree.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from noria.contract.source import Source, reading
from noria.sources.core.file_rows import FileRows
from noria.sources.core.layout import Layout, some, survey
from noria.sources.core.members import Member
from noria.sources.core.tree import Tree
from noria.types import Rows

VIDEO_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".webm",
    ".mkv",
    ".mpg",
    ".mpeg",
    ".ts",
    ".wmv",
    ".flv",
    ".gif",
    ".ogv",
)
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm")


def clips(path: Path) -> Source | None:
    """Return the reader of a folder or archive of clips; None where there is neither a video nor a picture in it."""
    tree = Tree.at(path)
    if tree is None or not any(_is_frame(name) or _is_video(name) for name in tree.names):
        return None
    return Clips(tree)


class Clips(Source):
    """The clips of a tree; `numbers` are the names of videos and of folders of frames."""

    def __init__(self, tree: Tree):
        self.path = tree.path
        self.root = tree.path if tree.path.is_dir() else tree.path.parent
        self._tree = tree
        self._layout: Layout = survey(name for name in tree.names if _is_frame(name) or _is_video(name)).layout()
        self._counts = Counter(_folder(name) for name in tree.names if _is_frame(name))
        self.columns = self._layout.columns

    def files(self) -> list[Path]:
        """Return the files on disk that hold the clips."""
        return self._tree.files()

    def notes(self) -> list[str]:
        """Return which files are neither videos nor pictures."""
        rest = [name for name in self._tree.names if not _is_frame(name) and not _is_video(name)]
        return [f"not read, as they are neither videos nor pictures: {some(rest)}"] if rest else []

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the clips; one of which a file cannot be read is bad."""
        gathered = FileRows(self.columns, self._tree.origin, chunk_size)
        pending: dict[str, list[Member]] = {}
        with reading(self.path):
            for member in self._tree.members(lambda name: _is_frame(name) or _is_video(name)):
                if _is_video(member.name):
                    yield from self._clip(gathered, member.name, member.name, [member])
                elif _is_frame(member.name):
                    folder = _folder(member.name)
                    pending.setdefault(folder, []).append(member)
                    if len(pending[folder]) == self._counts[folder]:
                        frames = sorted(pending.pop(folder), key=lambda one: _natural(one.name))
                        yield from self._clip(gathered, folder or self._tree.origin, frames[0].name, frames)
            for folder in pending:  # a file came twice, or went away while the others were read
                yield from gathered.add_bad(folder, "its frames changed while they were read")
            yield from gathered.rest()

    def _clip(self, gathered: FileRows, name: str, first: str, members: list[Member]) -> Iterator[Rows]:
        place = self._layout.place(first)
        flaws = [f"{one.name}: {one.flaw}" if len(members) > 1 else one.flaw for one in members if one.flaw]
        flaws += [f"{one.name}: empty file" for one in members if not one.data]
        if place.flaw or flaws:
            yield from gathered.add_bad(name, place.flaw or flaws[0])
            return
        value = members[0].data if _is_video(first) else [one.data for one in members]
        size = sum(len(one.data) for one in members)
        yield from gathered.add_record(place.split, name, (value, place.label or "")[: len(self.columns)], size)


def _is_video(name: str) -> bool:
    return name.lower().endswith(VIDEO_SUFFIXES)


def _is_frame(name: str) -> bool:
    return name.lower().endswith(PICTURE_SUFFIXES)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _natural(name: str) -> list[tuple[str, int]]:
    """Return what names are sorted by so that 2.png comes before 10.png."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d{0,18})", name)]
