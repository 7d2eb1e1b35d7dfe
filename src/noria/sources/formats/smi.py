"""Molecules as SMILES, one a line, with a name behind it where it has one: .smi, as ZINC and RDKit write them.

Knows no chemistry: whether a line is a molecule is seen where it is encoded. Read next: sdf.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.text_file import TextSource
from noria.types import Rows

HEADER = ("smiles", "canonical_smiles", "smi")  # a first line that begins so names columns


def open_format(path: Path, encoding: str | None) -> Source:
    """Return the reader of a file that ends in .smi."""
    return Smiles(path, encoding)


class Smiles(TextSource):
    """The columns `molecule` and `name`; a line without a name has None. `numbers` are lines."""

    def __init__(self, path: Path, encoding: str | None = None):
        super().__init__(path, ["molecule", "name"], encoding)

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the lines that are not blank."""
        with reading(self.path):
            lines = self._text.lines()
            for rows in self.line_chunks(lines, chunk_size, keeps_blank=False):
                yield _without_header(rows)
            if not lines.number:
                raise UserError("the file is empty", where=str(self.path))


def _without_header(rows: Rows) -> Rows:
    """Return the lines as molecules and names, without a first line that names these columns."""
    pairs = [[*str(line).split(maxsplit=1), None][:2] for line in rows.columns["molecule"]]
    start = int(1 in rows.numbers[:1] and str(pairs[0][0]).lower() in HEADER)
    columns = {name: [pair[place] for pair in pairs[start:]] for place, name in enumerate(("molecule", "name"))}
    bad = [replace(one, before=max(0, one.before - start)) for one in rows.bad]
    return Rows(columns, rows.origin, list(rows.numbers)[start:], rows.split, bad)
