"""Tables by the ending of their name, and a folder (or archive) of them: train.csv, validation.csv, test.csv.

The split is a word of the file name; parts of one split (train-00000-of-00002.parquet) are read in order of name.
Read next: csv_table.py, json_lines.py, parquet.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from noria.contract.source import Source
from noria.errors import UserError, did_you_mean, raise_all
from noria.sources.core.layout import PACKINGS, SPLITS, WORKBOOK_SUFFIXES, some
from noria.sources.formats.csv_table import CsvTable
from noria.sources.formats.json_file import JsonFile
from noria.sources.formats.json_lines import JsonLines
from noria.sources.formats.json_objects import JsonObjects
from noria.sources.formats.parquet import Parquet
from noria.sources.formats.running_text import RunningText
from noria.sources.formats.workbook import Workbook
from noria.types import Rows

_SHARD = re.compile(r"-\d+-of-\d+")
_ORDER = ("train", "validation", "test", "")


def open_table(
    path: Path, *, encoding: str | None = None, split: str = "", columns: Sequence[str] = (), sheet: str | None = None
) -> Source:
    """Return the reader of one table file by the ending of its name; `columns` names those of one without a header."""
    if path.suffix.lower() in WORKBOOK_SUFFIXES:
        return Workbook(path, sheet=sheet, columns=columns, split=split)
    ending = unpacked(path.name.lower()).rsplit(".", 1)[-1]
    if ending == "parquet":
        return Parquet(path, split=split)
    if ending in ("jsonl", "ndjson"):
        return JsonLines(path, encoding=encoding, split=split)
    if ending == "json":
        return JsonFile(path, encoding=encoding, split=split)
    if ending == "txt" and not columns:
        return RunningText(path, encoding=encoding, split=split)
    return CsvTable(path, encoding=encoding, columns=columns, split=split)


def unpacked(name: str) -> str:
    """Return the name that a packed file has once it is unpacked."""
    return next((name.removesuffix(packing) for packing in PACKINGS if name.endswith(packing)), name)


class Tables(Source):
    """Several tables with the same columns, one or more to a split."""

    def __init__(self, path: Path, root: Path, tables: Sequence[Source], beside: Sequence[str] = ()):
        self.path, self.root, self._tables, self._beside = path, root, tables, beside
        first = tables[0]
        if all(isinstance(table, JsonObjects) for table in tables):  # a key that one lacks is None
            for table in tables:
                table.columns = list(dict.fromkeys(name for table in tables for name in table.columns))
        self.columns = first.columns
        for table in tables[1:]:
            if set(table.columns) != set(first.columns):
                raise UserError(
                    f"{table.path.name} has other columns than {first.path.name}",
                    where=str(path),
                    expected=some(first.columns),
                    found=some(table.columns),
                    fix=f"give one file: data.path={first.path}; if the first lines are records, name the columns: "
                    "data.columns=[text, label]",
                )

    def groups(self) -> Sequence[str]:
        """Return those that every table has."""
        return [name for name in self._tables[0].groups() if all(name in table.groups() for table in self._tables)]

    def files(self) -> list[Path]:
        """Return the table files in the order of reading."""
        return list(dict.fromkeys(file for table in self._tables for file in table.files()))

    def notes(self) -> list[str]:
        """Return the notes of the tables, and the files beside them."""
        notes = [note for table in self._tables for note in table.notes()]
        return notes + ([f"not read, beside the tables: {some(self._beside)}"] if self._beside else [])

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the tables one after the other, train first."""
        for table in self._tables:
            yield from table.rows(chunk_size)


def split_tables(names: Sequence[str], where: str, fix: str = "") -> list[tuple[str, str]]:
    """Return (name, split) in the order of reading; raise UserError where the names do not say which is which.

    One table alone is all the data, whatever its name: crash_test.csv. `fix` says how to mend names of another kind.
    """
    if len(names) == 1:
        return [(names[0], "")]
    splits = {name: speaks_of_split(name) for name in sorted(names)}
    whole = [split for name, split in splits.items() if not _SHARD.search(name)]
    if "" in splits.values() or len(whole) != len(set(whole)) or (whole and len(whole) != len(names)):
        first = next(iter(splits))
        raise UserError(
            "there are several tables here and their names do not say which is for what",
            where=where,
            expected="train, validation and test in their names, or one table",
            found=some(splits),
            fix=fix
            or f"name one: data.path={Path(where) / first}, or say it: data.splits={{train: {first}, test: ...}}",
        )
    return sorted(splits.items(), key=lambda item: _ORDER.index(item[1]))


def split_parts(names: Sequence[str], where: str, fix: str = "") -> list[tuple[str, str]]:
    """Return (name, split) as split_tables does, but names that speak of no split are parts of one whole, in order."""
    if any(map(speaks_of_split, names)):
        return split_tables(names, where, fix)
    return [(name, "") for name in sorted(names, key=_natural)]


def _natural(name: str) -> list[tuple[str, int]]:
    """Return what names are sorted by so that 2.json comes before 10.json."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d{0,18})", name)]


def speaks_of_split(name: str) -> str:
    """Return the split that a file name speaks of, if it speaks of exactly one."""
    words = re.split(r"[-_. ]", name.rsplit("/", 1)[-1].lower())
    found = {SPLITS[word] for word in words if word in SPLITS}
    return found.pop() if len(found) == 1 else ""


def open_table_folder(
    path: Path,
    named: Sequence[tuple[str, str]],
    beside: Sequence[str],
    encoding: str | None,
    columns: Sequence[str],
    sheet: str | None = None,
) -> Source:
    """Return the tables of a folder, given by name and split."""
    tables = [
        open_table(path / name, encoding=encoding, split=split, columns=columns, sheet=sheet) for name, split in named
    ]
    return Tables(path, path, tables, beside)


def said_splits(path: Path, splits: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (name, split) of the files in a folder that the job names; raise UserError where one is not there."""
    problems = []
    for split, name in splits.items():
        if split not in SPLITS:
            problems.append(UserError(f"data.splits has no {split!r}", fix=did_you_mean(split, SPLITS)))
        elif not (path / name).is_file():
            names = [entry.name for entry in path.iterdir() if entry.is_file()] if path.is_dir() else []
            place, mend = str(path / name), did_you_mean(name, names)
            problems.append(UserError("there is no such file, which data.splits names", where=place, fix=mend))
    raise_all(problems)
    return sorted(((name, SPLITS[split]) for split, name in splits.items()), key=lambda item: _ORDER.index(item[1]))
