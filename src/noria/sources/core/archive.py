"""An archive of files as rows, streamed member by member: what folder.py reads, without unpacking it to disk.

One pass at the start learns the layout from the names, one pass a reading gives the data, in the archive's order.
Paths that lead out, links and devices are quarantined; a bomb is an error. Read next: zip_members.py, tar_members.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.file_rows import FileRows
from noria.sources.core.folder import ignored_note, layout_notes
from noria.sources.core.layout import Survey, is_beside
from noria.sources.core.limits import Limits
from noria.sources.core.members import Member
from noria.sources.core.tar_members import tar_members
from noria.sources.core.zip_members import zip_members
from noria.types import Rows

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_MAX_NAMES_BESIDE = 100  # names kept for a sentence


class Archive(Source):
    """A .zip or .tar of files, in class folders or not, in split folders or not."""

    def __init__(self, path: Path, *, limits: Limits | None = None):
        self.path, self.root, self._limits = path, path.parent, limits or Limits()
        self.seen = Survey()
        self._beside: list[str] = []
        with reading(path):
            for member in self._members(lambda name: False):
                if not member.flaw:
                    self.seen.add(member.name)
                    if is_beside(member.name) and len(self._beside) < _MAX_NAMES_BESIDE:
                        self._beside.append(member.name)
        if not self.seen.folders:
            raise UserError("the archive holds no file that can be read", where=str(path))
        self._layout = self.seen.layout()
        self.columns = self._layout.columns

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return what is passed over, and how the names are read."""
        left_out = (name for name in self._beside if not self._layout.place(name).is_data)
        return [f"{self.path.name}: {note}" for note in layout_notes(self.seen) + ignored_note(left_out)]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the members; an empty, broken, misplaced or refused one is in `bad`."""
        gathered = FileRows(self.columns, self.path.name, chunk_size)
        place_of = lru_cache(maxsize=1)(self._layout.place)  # asked twice for each member
        with reading(self.path):
            for member in self._members(lambda name: place_of(name).is_record):
                place = place_of(member.name)
                flaw = member.flaw or place.flaw or ("" if member.data or not place.is_data else "empty file")
                if flaw:
                    yield from gathered.add_bad(member.name, flaw)
                elif place.is_data:
                    yield from gathered.add(place, member.name, member.data)
            yield from gathered.rest()

    def _members(self, is_wanted: Callable[[str], bool]) -> Iterator[Member]:
        read = zip_members if self.path.suffix.lower() == ".zip" else tar_members
        return read(self.path, is_wanted, self._limits)
