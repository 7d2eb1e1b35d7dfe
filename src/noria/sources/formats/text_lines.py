"""A text file of which each line is a record: what is to be answered or searched, line by line.

No cell, quote or delimiter is looked for, and a blank line is a record too: line n is record n. Training reads a .txt
otherwise, as running text. Read next: sources/core/text_file.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from noria.contract.source import reading
from noria.errors import UserError
from noria.sources.core.text_file import TextSource
from noria.types import Rows


class TextLines(TextSource):
    """The lines of a file as one column, without their ends. `numbers` are those of the lines."""

    def __init__(self, path: Path, column: str, *, encoding: str | None = None):
        super().__init__(path, [column], encoding)

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the lines, in order; one that cannot be read is bad."""
        with reading(self.path):
            lines = self._text.lines()
            yield from self.line_chunks(lines, chunk_size, keeps_blank=True)
            if not lines.number:
                raise UserError("the file is empty", where=str(self.path))
