"""A folder or an archive as files by name, for formats that keep what they say of a file in another file.

Gives names first and data on demand, in an order that never changes; a file that cannot be read comes with its flaw.
Knows no format. Read next: sources/formats/pictures_with_boxes.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from noria.contract.source import reading
from noria.sources.core.archive import ARCHIVE_SUFFIXES
from noria.sources.core.limits import Limits
from noria.sources.core.members import Member
from noria.sources.core.named_file import read_regular
from noria.sources.core.tar_members import tar_members
from noria.sources.core.walk import Walk
from noria.sources.core.zip_members import zip_members


class Tree:
    """The files at or below a path, named with forward slashes."""

    def __init__(self, path: Path, limits: Limits | None = None):
        self.path, self._limits = path, limits or Limits()
        self.origin = path.resolve().name
        with reading(path):
            self.names = [member.name for member in self.members(lambda name: False)]

    @classmethod
    def at(cls, path: Path) -> Tree | None:
        """Return the files of a folder or an archive; None where the path is neither."""
        is_one = path.is_dir() or (path.is_file() and path.name.lower().endswith(ARCHIVE_SUFFIXES))
        return cls(path) if is_one else None

    def members(self, is_wanted: Callable[[str], bool]) -> Iterator[Member]:
        """Yield all files, with data where wanted."""
        if self.path.is_dir():
            for name in Walk(self.path):
                yield self._read(name) if is_wanted(name) else Member(name)
        else:
            is_zip = self.path.suffix.lower() == ".zip"
            yield from (zip_members if is_zip else tar_members)(self.path, is_wanted, self._limits)

    def read(self, names: Collection[str]) -> dict[str, Member]:
        """Return the named files."""
        wanted = frozenset(names)
        if not wanted:
            return {}
        with reading(self.path):
            if self.path.is_dir():
                return {name: self._read(name) for name in names}
            return {member.name: member for member in self.members(wanted.__contains__) if member.name in wanted}

    def files(self) -> list[Path]:
        """Return the files on disk that hold the data."""
        if not self.path.is_dir():
            return [self.path]
        return [path for name in self.names if (path := self.path / name).exists()]  # a broken link has no stamp

    def _read(self, name: str) -> Member:
        try:
            return Member(name, read_regular(f"{self.path}/{name}", name))
        except ValueError as error:
            return Member(name, flaw=str(error))
