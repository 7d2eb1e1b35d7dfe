"""MovieLens' tables: `::` between the cells, no header. ratings.dat, movies.dat and users.dat have known columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from noria.contract.source import Source
from noria.errors import UserError
from noria.sources.core.text_file import TextSource
from noria.types import Rows

COLUMNS = {
    "ratings.dat": ["user", "item", "rating", "time"],
    "movies.dat": ["item", "title", "genres"],
    "users.dat": ["user", "gender", "age", "occupation", "zip"],
}
BETWEEN = "::"


def open_format(path: Path, encoding: str | None = None) -> Source:
    """Open the file; raise UserError where its lines are no cells between `::`, or it is none of the known ones."""
    return DoubleColons(path, encoding)


class DoubleColons(TextSource):
    """A table with `::` between its cells."""

    def __init__(self, path: Path, encoding: str | None = None):
        super().__init__(path, COLUMNS.get(path.name.lower(), COLUMNS["ratings.dat"]), encoding)
        first = next((line for line in self._text.samples()[0].splitlines() if line.strip()), "")
        if len(first.split(BETWEEN)) != len(self.columns):
            raise UserError(
                "is no table of MovieLens", where=f"{path}:1", expected=BETWEEN.join(self.columns), found=first[:80],
                fix="a table with other separators can be renamed to .csv",
            )  # fmt: skip

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the rows; `numbers` are lines."""
        width = len(self.columns)
        for lines in self.line_chunks(self._text.lines(), chunk_size, keeps_blank=False):
            cells = [line.split(BETWEEN) for line in lines.columns[self.columns[0]]]
            flaws = {i: f"has {len(one)} cells, expected {width}" for i, one in enumerate(cells) if len(one) != width}
            kept = [i for i in range(len(cells)) if i not in flaws]
            columns = {name: [cells[i][place] for i in kept] for place, name in enumerate(self.columns)}
            yield Rows(columns, lines.origin, [int(lines.numbers[i]) for i in kept], lines.split, lines.flawed(flaws))
