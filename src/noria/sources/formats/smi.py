"""Molecules as SMILES, one a line, with a name behind it where it has one: .smi, as ZINC and RDKit write them.

Knows no chemistry: whether a line is a molecule is seen where it is encoded. Read next: sdf.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.text_file import TextSource
from noria.types import Rows

COMMENT = "#"  # with which no SMILES begins
HEADER = ("smiles", "canonical_smiles", "smi")  # a first line that begins so names columns


def open_format(path: Path, encoding: str | None) -> Source:
    """Return the reader of a file that ends in .smi."""
    return Smiles(path, encoding)


class Smiles(TextSource):
    """The columns `molecule` and `name`; a line without a name has None. `numbers` are lines.

    Comments are passed over, which a note counts.
    """

    def __init__(self, path: Path, encoding: str | None = None):
        super().__init__(path, ["molecule", "name"], encoding)
        self._num_comments = 0

    def notes(self) -> list[str]:
        """Return how the encoding was guessed, and how many lines are comments."""
        passed = f"{self.path.name}: {self._num_comments:,} lines that begin with {COMMENT} are comments, passed over"
        return super().notes() + ([passed] if self._num_comments else [])

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the lines that are not blank."""
        self._num_comments = 0
        with reading(self.path):
            lines, is_head = self._text.lines(), True
            for rows in self.line_chunks(lines, chunk_size, keeps_blank=False):
                kept = _without_comments(rows)
                self._num_comments += len(rows.numbers) - len(kept.numbers)
                yield _in_columns(kept, may_be_header=is_head)
                is_head = is_head and not kept.numbers
            if not lines.number:
                raise UserError("the file is empty", where=str(self.path))


def _without_comments(rows: Rows) -> Rows:
    """Return the lines that are no comments."""
    texts = rows.columns["molecule"]
    chosen = [place for place, line in enumerate(texts) if not str(line).lstrip().startswith(COMMENT)]
    bad = [replace(one, before=bisect_left(chosen, one.before)) for one in rows.bad]
    numbers: list[Any] = [rows.numbers[place] for place in chosen]
    return Rows({"molecule": [texts[place] for place in chosen]}, rows.origin, numbers, rows.split, bad)


def _in_columns(rows: Rows, may_be_header: bool) -> Rows:
    """Return the lines as molecules and names, without a first line that names these columns."""
    pairs = [[*str(line).split(maxsplit=1), None][:2] for line in rows.columns["molecule"]]
    start = int(may_be_header and bool(pairs) and str(pairs[0][0]).lower() in HEADER)
    columns = {name: [pair[place] for pair in pairs[start:]] for place, name in enumerate(("molecule", "name"))}
    bad = [replace(one, before=max(0, one.before - start)) for one in rows.bad]
    return Rows(columns, rows.origin, list(rows.numbers)[start:], rows.split, bad)
