"""Several sources of one form, read one after another as if they were one: data that was labelled later.

Places of the first one's records stay what they are; those of the others begin with their folder, so that two files of
one name are told apart. Knows no format. Read next: wrapped.py.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.errors import UserError, did_you_mean
from noria.types import Rows


class Joined(Source):
    """Sources one after another, with the columns of the first; `naming` are the columns whose cells name files."""

    def __init__(self, sources: Sequence[Source], naming: Collection[str] = ()):
        first = sources[0]
        self._sources, self._naming = sources, naming
        self.path, self.columns = first.path, first.columns
        roots = [one.root.resolve() for one in sources]
        self.root = first.root if len({*roots}) == 1 else Path(os.path.commonpath(roots))
        for one in sources[1:]:
            if missing := [name for name in self.columns if name not in one.columns]:
                raise UserError(
                    f"further data lacks the column {missing[0]!r} of the data that it is added to",
                    where=str(one.path),
                    expected=f"the columns of {first.path}: {', '.join(self.columns)}",
                    found=", ".join(one.columns),
                    fix=did_you_mean(missing[0], one.columns),
                )

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the records of all sources, in their order."""
        for number, source in enumerate(self._sources):
            folder = source.path.resolve().parent.as_posix()
            for rows in source.rows(chunk_size):
                columns = self._columns(rows, source.root)
                yield replace(rows, columns=columns, origin=f"{folder}/{rows.origin}" if number else rows.origin)

    def files(self) -> Iterable[Path]:
        """Return the files of all sources."""
        return [path for one in self._sources for path in one.files()]

    def notes(self) -> list[str]:
        """Return the notes of all sources."""
        return list(dict.fromkeys(note for one in self._sources for note in one.notes()))

    def groups(self) -> Sequence[str]:
        """Return those of the first."""
        return self._sources[0].groups()

    def _columns(self, rows: Rows, root: Path) -> dict[str, Any]:
        """Return the columns of the first source, with files named as seen from the root of all."""
        found = {name: rows.columns[name] for name in self.columns if name in rows.columns}
        below = os.path.relpath(root.resolve(), self.root.resolve())
        if below == ".":
            return found
        named = {name: [_below(below, root, cell) for cell in found[name]] for name in self._naming if name in found}
        return found | named


def _below(folder: str, root: Path, cell: Any) -> Any:
    """Return the name of a file with its folder; what names none stays as it is, to be told of where it is read."""
    is_file = isinstance(cell, str) and cell.strip() and "\0" not in cell and (root / cell).exists()
    return f"{folder}/{cell}" if is_file and not os.path.isabs(cell) else cell
