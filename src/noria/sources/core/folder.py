"""A folder of files as rows: `file` is the bytes, `label` the name of the class folder, the split that of train/, ...

layout.py says what the names mean. Files come sorted by name, folder by folder; `numbers` are their names below the
folder. Does not decode anything. Read next: layout.py, walk.py, archive.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.file_rows import FileRows
from noria.sources.core.layout import Survey, some, survey
from noria.sources.core.named_file import read_regular
from noria.sources.core.walk import Walk
from noria.types import Rows

ONE_CLASS = "there is one class folder only"
ALL_CLASSES = "train and test stand beside other folders, so all are classes"


class Folder(Source):
    """A folder of files, in class folders or not, in split folders or not."""

    def __init__(self, path: Path):
        self.path = self.root = path
        self._walk = Walk(path)
        with reading(path):
            self.seen = survey(self._walk)
        self._notes = [*self._walk_notes(), *layout_notes(self.seen)]
        if not self.seen.folders:
            empty = some(self._walk.empty_folders)
            raise UserError(
                "the folder holds no file", where=str(path), found=f"empty folders: {empty}" if empty else ""
            )
        self._layout = self.seen.layout()
        self.columns = self._layout.columns

    def files(self) -> Iterator[Path]:
        """Yield the files that are read."""
        for name in Walk(self.path):
            if self._layout.place(name).is_data and (self.path / name).exists():  # a broken link has no stamp
                yield self.path / name

    def notes(self) -> list[str]:
        """Return what was passed over: files about the data, empty classes, links that lead back."""
        left_out = (name for name in Walk(self.path) if not self._layout.place(name).is_data)
        return self._notes + ignored_note(left_out)

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the files; an empty, broken or misplaced one is in `bad`."""
        gathered = FileRows(self.columns, self.path.resolve().name, chunk_size)
        root = str(self.path)
        with reading(self.path):
            for name in Walk(self.path):
                place = self._layout.place(name)
                if place.flaw:
                    yield from gathered.add_bad(name, place.flaw)
                elif place.is_data:
                    try:
                        data = read_regular(f"{root}/{name}", name)
                    except ValueError as error:
                        yield from gathered.add_bad(name, str(error))
                    else:
                        yield from gathered.add(place, name, data)
            yield from gathered.rest()

    def _walk_notes(self) -> list[str]:
        notes = []
        if self._walk.empty_folders:
            notes.append(f"folders without a file: {some(self._walk.empty_folders)}")
        if self._walk.links_not_followed:
            links = self._walk.links_not_followed
            notes.append(f"{len(links)} links to folders that are read already were not followed: {some(links)}")
        return notes


def layout_notes(seen: Survey) -> list[str]:
    """Return what a person should know about how the names are read."""
    layout = seen.layout()
    notes = []
    if layout.prefix:
        notes.append(f"everything is read from {layout.prefix}")
    top = seen.below(tuple(layout.prefix.split("/")[:-1]))
    if layout.has_classes and not layout.has_splits and len(top) == 1:
        notes.append(f"{ONE_CLASS}: every file has the label {top[0]}")
    if not layout.has_splits and any(name in ("train", "test") for name in top):
        notes.append(f"{ALL_CLASSES}: {some(top)}")
    return notes


def ignored_note(names: Iterator[str]) -> list[str]:
    """Return the sentence that names the files which are about the data and were not read."""
    listed = list(names)
    return [f"not read, as they stand beside the data: {some(listed)}"] if listed else []
