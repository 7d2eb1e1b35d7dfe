"""What the names of files say of them, as columns: the named groups of a regular expression.

    a08_s09_e01.txt   with   a(?P<label>\\d+)_s(?P<subject>\\d+)   has the label 08 and the subject 09

Knows no format: it stands around the reader of any source whose records are files. Read next: folder.py, archive.py.
"""

from __future__ import annotations

import re
from typing import Any

from noria.contract.source import Source
from noria.errors import UserError
from noria.sources.core.folder import ALL_CLASSES, ONE_CLASS
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows


class Named(WrappedSource):
    """A source with a column more for each named group of a pattern that its records' names are searched for.

    A group replaces the column of its name. A record whose name does not fit is bad.
    """

    def __init__(self, source: Source, pattern: str):
        self._pattern = re.compile(pattern)
        super().__init__(source, list(dict.fromkeys([*source.columns, *self._pattern.groupindex])))

    def notes(self) -> list[str]:
        """Return the notes of what is read, without those on class folders where the names say the label."""
        about_classes = (ONE_CLASS, ALL_CLASSES) if "label" in self._pattern.groupindex else ()
        return [note for note in super().notes() if not any(sign in note for sign in about_classes)]

    def changed(self, rows: Rows) -> Rows:
        """Return the records with what their names say."""
        found: list[re.Match[str] | None] = []
        for name in rows.numbers:
            if not isinstance(name, str):
                raise UserError(
                    "data.names is about records that are files of their own",
                    where=str(self.path),
                    found="the records of a table",
                )
            found.append(self._pattern.search(name))
        kept = [i for i, match in enumerate(found) if match is not None]
        columns: dict[str, Any] = {name: [values[i] for i in kept] for name, values in rows.columns.items()}
        for group in self._pattern.groupindex:
            columns[group] = [match[group] for match in found if match is not None]
        flaws = {i: "its name does not fit data.names" for i, match in enumerate(found) if match is None}
        return Rows(columns, rows.origin, [str(rows.numbers[i]) for i in kept], rows.split, rows.flawed(flaws))
