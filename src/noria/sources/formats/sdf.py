"""Molecules as MOL blocks with properties behind them, one after another, each ended by $$$$: .sdf.

Knows no chemistry: whether a block is a molecule is seen where it is encoded. Read next: mol.py, which is one block.

    ethanol                        the name
      RDKit          2D            ...
    M  END                         the block ends
    >  <solubility>                a property, its value on the lines below
    1.1

    $$$$
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.text_file import TextSource
from noria.types import Rejected, Rows

BLOCK_END, RECORD_END = "M  END", "$$$$"
OWN = ["molecule", "name"]
Record = tuple[int, dict[str, str], str]  # the line that it begins in, its columns, what is wrong with it


def open_format(path: Path, encoding: str | None) -> Source:
    """Return the reader of a file that ends in .sdf."""
    return MolBlocks(path, encoding)


class MolBlocks(TextSource):
    """The columns `molecule`, `name` and each property that any record has. `numbers` are first lines of records."""

    def __init__(self, path: Path, encoding: str | None = None):
        super().__init__(path, list(OWN), encoding)
        with reading(path):
            names = dict.fromkeys(name for _, cells, _ in self._records() for name in cells)
        self.columns += [name for name in names if name not in OWN]
        if not names:
            raise UserError(
                "holds no molecule", where=str(path), expected=f"MOL blocks, each with a line {BLOCK_END!r}"
            )

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the records, in order; one without a MOL block is bad."""
        with reading(self.path):
            records = self._records()
            while chunk := list(islice(records, chunk_size)):
                good = [one for one in chunk if not one[2]]
                bad: list[Rejected] = []
                before = 0
                for line, _, flaw in chunk:
                    if flaw:
                        bad.append(Rejected(f"{self.path.name}:{line}", flaw, before))
                    before += not flaw
                columns: dict[str, Any] = {name: [cells.get(name) for _, cells, _ in good] for name in self.columns}
                yield Rows(columns, self.path.name, [line for line, _, _ in good], bad=bad)

    def _records(self) -> Iterator[Record]:
        lines, first, held, flaw = self._text.lines(), 1, list[str](), ""
        for line in lines:
            flaw = flaw or lines.flaws.get(lines.number, "")
            if line.rstrip() != RECORD_END:
                held.append(line.rstrip("\r\n"))
                continue
            yield first, *_cells(held, flaw)
            first, held, flaw = lines.number + 1, [], ""
        if any(line.strip() for line in held):  # the last one need not be ended
            yield first, *_cells(held, flaw)


def _cells(lines: list[str], flaw: str) -> tuple[dict[str, str], str]:
    """Return the columns of a record, and what is wrong with it."""
    end = next((index for index, line in enumerate(lines) if line.rstrip() == BLOCK_END), None)
    if end is None:
        return {}, flaw or f"has no line {BLOCK_END!r}: it is cut off, or no MOL block"
    cells = {"molecule": "\n".join(lines[: end + 1]) + "\n", "name": lines[0].strip()}
    name, value = "", list[str]()
    for line in [*lines[end + 1 :], ""]:
        if line.startswith(">"):
            name, value = line.partition("<")[2].rpartition(">")[0].strip(), []
        elif line.strip():
            value.append(line)
        elif name:
            cells.setdefault(name, "\n".join(value))
            name = ""
    return cells, flaw
