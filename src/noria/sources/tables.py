"""Tables by the ending of their name, and a folder (or archive) of them: train.csv, validation.csv, test.csv.

The split is a word of the file name; parts of one split (train-00000-of-00002.parquet) are read in order of name.
Read next: csv_table.py, json_lines.py, parquet.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from noria.errors import UserError
from noria.nouns import Rows
from noria.sources.csv_table import CsvTable
from noria.sources.json_lines import JsonLines
from noria.sources.layout import SPLITS, some
from noria.sources.parquet import Parquet
from noria.sources.source import Source

_SHARD = re.compile(r"-\d+-of-\d+")
_ORDER = ("train", "validation", "test", "")


def open_table(path: Path, *, encoding: str | None = None, split: str = "") -> Source:
    """Return the reader of one table file by the ending of its name."""
    ending = path.name.lower().removesuffix(".gz").rsplit(".", 1)[-1]
    if ending == "parquet":
        return Parquet(path, split=split)
    if ending in ("jsonl", "ndjson"):
        return JsonLines(path, encoding=encoding, split=split)
    return CsvTable(path, encoding=encoding, split=split)


class Tables(Source):
    """Several tables with the same columns, one or more to a split."""

    def __init__(self, path: Path, root: Path, tables: Sequence[Source], beside: Sequence[str] = ()):
        self.path, self.root, self._tables, self._beside = path, root, tables, beside
        first = tables[0]
        self.columns = first.columns
        for table in tables[1:]:
            if set(table.columns) != set(first.columns):
                raise UserError(
                    f"{table.path.name} has other columns than {first.path.name}",
                    where=str(path),
                    expected=some(first.columns),
                    found=some(table.columns),
                    mend=f"give one file: data.path={first.path}",
                )

    def files(self) -> list[Path]:
        """Return the table files in the order of reading."""
        return list(dict.fromkeys(file for table in self._tables for file in table.files()))

    def notes(self) -> list[str]:
        """Return the notes of the tables, and the files beside them."""
        notes = [note for table in self._tables for note in table.notes()]
        return notes + ([f"not read, as they are no tables: {some(self._beside)}"] if self._beside else [])

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the tables one after the other, train first."""
        for table in self._tables:
            yield from table.rows(chunk_size)


def split_tables(names: Sequence[str], where: str) -> list[tuple[str, str]]:
    """Return (name, split) in the order of reading; raise UserError where the names do not say which is which."""
    if len(names) == 1:
        return [(names[0], _split(names[0]))]
    splits = {name: _split(name) for name in sorted(names)}
    whole = [split for name, split in splits.items() if not _SHARD.search(name)]
    if "" in splits.values() or len(whole) != len(set(whole)) or (whole and len(whole) != len(names)):
        raise UserError(
            "there are several tables here and their names do not say which is for what",
            where=where,
            expected="train, validation and test in their names, or one table",
            found=some(splits),
            mend=f"name one: data.path={Path(where) / next(iter(splits))}",
        )
    return sorted(splits.items(), key=lambda item: _ORDER.index(item[1]))


def _split(name: str) -> str:
    """Return the split that a file name speaks of, if it speaks of exactly one."""
    words = re.split(r"[-_. ]", name.rsplit("/", 1)[-1].lower())
    found = {SPLITS[word] for word in words if word in SPLITS}
    return found.pop() if len(found) == 1 else ""


def open_table_folder(path: Path, names: Sequence[str], beside: Sequence[str], encoding: str | None) -> Source:
    """Return the tables of a folder, each with the split its name says."""
    tables = [open_table(path / name, encoding=encoding, split=split) for name, split in split_tables(names, str(path))]
    return Tables(path, path, tables, beside)
