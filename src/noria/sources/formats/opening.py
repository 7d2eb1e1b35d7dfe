"""Pick the reader for a path: by what it is, by the ending of its name, and by the names in a folder.

Knows no task. Each format is a file beside this one. An ending that is not named here is read by the file of its name:
of x.arff, `arff.py` is asked for `open_format(path, encoding)`, so a new format is one new file and no edit here. Read
next: contract/source.py, then csv_table.py.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from noria.contract.source import Source, reading
from noria.errors import UserError, did_you_mean
from noria.sources.core.archive import ARCHIVE_SUFFIXES
from noria.sources.core.folder import Folder
from noria.sources.core.layout import (
    JSON_SUFFIXES,
    LINES_SUFFIXES,
    PACKINGS,
    TABLE_SUFFIXES,
    WORKBOOK_SUFFIXES,
    is_hidden,
    is_table,
    some,
    survey,
)
from noria.sources.core.text_file import TextFile
from noria.sources.formats.unread import unread_kind

TEXT_SUFFIXES = (".txt", *(f".txt{packing}" for packing in PACKINGS))
DATA_SUFFIXES = (*TABLE_SUFFIXES, *JSON_SUFFIXES, *TEXT_SUFFIXES, *ARCHIVE_SUFFIXES, *WORKBOOK_SUFFIXES, ".npz")
_SHOWN = (".csv", ".tsv", ".data", ".jsonl", ".parquet", ".xlsx", ".json", ".txt", ".npz")
_FORMATS = "noria.sources.formats"
_PACKED = (*ARCHIVE_SUFFIXES, ".npz")
_HEADERLESS = (  # what `columns` can name those of
    *(f"{name}{packing}" for name in LINES_SUFFIXES for packing in ("", *PACKINGS)),
    *WORKBOOK_SUFFIXES,
    *TEXT_SUFFIXES,
)


@dataclass(frozen=True)
class Said:
    """What the job says of a path: see open_source."""

    encoding: str | None
    columns: Sequence[str]
    splits: Mapping[str, str]
    sheet: str | None
    asked: Collection[str]


def open_source(
    path: Path,
    *,
    encoding: str | None = None,
    columns: Sequence[str] = (),
    splits: Mapping[str, str] | None = None,
    sheet: str | None = None,
    asked: Collection[str] = (),
) -> Source:
    """Return the reader for what the path is.

    `encoding` is for text that is not UTF-8; `columns` names those of tables without a header; `splits` says which
    file of a folder is train, validation and test; `sheet` which one of a workbook; `asked` are columns that the task
    needs: a text whose first line names them is a table. Raises UserError where there is no such path, or none of the
    formats fits.
    """
    with reading(path):
        source = _open(path, Said(encoding, columns, splits or {}, sheet, asked))
    if missing := [name for name in columns if name not in source.columns]:
        raise UserError(
            f"names its own columns, and none is {missing[0]!r}",
            where=str(path),
            expected=f"data.columns: {', '.join(columns)}",
            found=some(source.columns),
            fix="leave data.columns out; data.fields says which column fills which field",
        )
    return source


def may_lack_header(path: Path) -> bool:
    """Say whether `columns` or `splits` could be about this path: it is a table of lines, or a folder of some."""
    if path.is_dir():
        return any(entry.name.lower().endswith(_HEADERLESS) for entry in path.iterdir())
    return path.name.lower().endswith(_HEADERLESS)


def lone_archive(path: Path) -> Path | None:
    """Return the archive that is all the data of a folder; None where the path is no such folder."""
    entries = [entry for entry in path.iterdir() if not is_hidden(entry.name)] if path.is_dir() else []
    packed = [entry for entry in entries if entry.name.lower().endswith(_PACKED)]
    others = any(entry.is_dir() or is_table(entry.name) for entry in entries)
    return packed[0] if len(packed) == 1 and not others else None


def _open(path: Path, said: Said) -> Source:
    from noria.sources.formats.archive_tables import open_archive
    from noria.sources.formats.arrays import Arrays
    from noria.sources.formats.tables import open_table, open_table_folder, said_splits

    if said.splits:
        return open_table_folder(path, said_splits(path, said.splits), [], said.encoding, said.columns, said.sheet)
    if path.is_dir():
        return _open_folder(path, said)
    if not path.exists():
        raise _no_such_path(path)
    if not path.is_file():
        raise UserError("is neither a file nor a folder", where=str(path))
    name = path.name.lower()
    if name.endswith(TEXT_SUFFIXES) and not said.columns:
        return _open_text(path, said.encoding, said.asked)
    if name.endswith((*TABLE_SUFFIXES, *TEXT_SUFFIXES, *JSON_SUFFIXES)):
        return open_table(path, encoding=said.encoding, columns=said.columns, sheet=said.sheet)
    if name.endswith(ARCHIVE_SUFFIXES):
        return open_archive(path, said.encoding, said.columns)
    if name.endswith(".npz"):
        return Arrays(path)
    if found := _opener(path.suffix.lower().removeprefix(".")):
        return found(path, said.encoding)
    raise _no_reader(path)


def _open_text(path: Path, encoding: str | None, asked: Collection[str]) -> Source:
    """Return running text, unless its first line names the columns asked for, or its lines are plainly rows."""
    from noria.sources.formats.csv_dialect import looks_like_table
    from noria.sources.formats.csv_table import CsvTable
    from noria.sources.formats.running_text import RunningText

    with suppress(UserError):  # it need not be a table
        table = CsvTable(path, encoding=encoding)
        if len(table.columns) > 1 and asked and set(asked) <= set(table.columns):
            return table
    text = TextFile(path, declared=encoding)
    if looks_like_table(text.samples()[0]):
        raise UserError(
            "is a table without a header, by its tabs",
            where=str(path),
            fix="name its columns: data.columns=[text, label]",
        )
    return RunningText(path, encoding=encoding)


def _open_folder(path: Path, said: Said) -> Source:
    from noria.sources.formats.idx import IdxFolder, idx_files
    from noria.sources.formats.tables import open_table_folder, split_tables

    if idx_files(path):
        return IdxFolder(path)
    entries = sorted(entry for entry in path.iterdir() if not is_hidden(entry.name))
    if not all(entry.is_file() for entry in entries):
        return _open_files(path, said.encoding)
    names = [entry.name for entry in entries]
    texts = [name for name in names if name.lower().endswith(TEXT_SUFFIXES)]
    tables = [name for name in names if is_table(name) or (said.columns and name in texts)]
    packed = [name for name in names if name.lower().endswith(_PACKED)]
    if len(packed) > 1 or (packed and tables):
        raise UserError(
            "several files here could be the data",
            where=str(path),
            found=", ".join([*packed, *tables][:10]),
            fix=f"name one: data.path={path / packed[0]}",
        )
    if packed:
        return _open(path / packed[0], said)
    seen = survey(names)
    parts: list[tuple[str, str]] = []
    if seen.is_tables or (said.columns and tables and not seen.loose):
        parts = split_tables(tables, str(path))
    elif not seen.loose:
        parts = _parts(names, texts, path)
    if not parts:
        return _open_files(path, said.encoding)
    beside = [name for name in names if name not in dict(parts)]
    return open_table_folder(path, parts, beside, said.encoding, said.columns, said.sheet)


def _parts(names: Sequence[str], texts: Sequence[str], path: Path) -> list[tuple[str, str]]:
    """Return name and split of JSON files that make up one table, or of long texts of which each is a split."""
    from noria.sources.formats.tables import speaks_of_split, split_parts, split_tables

    lists = [name for name in names if name.lower().endswith(JSON_SUFFIXES)]
    if len(lists) >= max(1, len(texts)):
        return split_parts(lists, str(path))
    if len(texts) == 1 or (texts and all(map(speaks_of_split, texts))):
        return split_tables(texts, str(path))
    return []


def _open_files(path: Path, encoding: str | None) -> Source:
    from noria.sources.formats.documents import Documents

    folder = Folder(path)
    return Documents(folder, encoding=encoding) if folder.seen.is_texts else folder


def _opener(ending: str) -> Callable[[Path, str | None], Source] | None:
    """Return `open_format` of the file beside this one that has the ending as its name; None where there is none."""
    if ending not in _beside():
        return None
    module = importlib.import_module(f"{_FORMATS}.{ending}")
    found: Callable[[Path, str | None], Source] | None = vars(module).get("open_format")
    return found


def _beside() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(importlib.import_module(_FORMATS).__path__)]


def _no_reader(path: Path) -> UserError:
    """Say what the file is, and which endings can be read, those found by the name of their file among them."""
    kind = unread_kind(path)
    found = [f".{name}" for name in _beside() if _opener(name)]
    shown = (*_SHOWN, *found, *ARCHIVE_SUFFIXES[:3])
    return UserError(
        f"is {kind.what}, a kind that has no reader" if kind else "is of a kind that has no reader",
        where=str(path),
        expected=f"a folder, or a file ending in {', '.join(shown)}",
        found=f"a file ending in {path.suffix or 'nothing'}",
        fix=kind.fix if kind else "a table whose name ends otherwise can be renamed to .csv",
    )


def _no_such_path(path: Path) -> UserError:
    """Say which part of the path is missing, and what there is in its place."""
    missing = path.absolute()
    while not missing.parent.exists():
        missing = missing.parent
    siblings = sorted(entry.name for entry in missing.parent.iterdir()) if missing.parent.is_dir() else []
    near = difflib.get_close_matches(missing.name, siblings, n=1) or siblings[:10]
    return UserError("there is no such file or folder", where=str(missing), fix=did_you_mean(missing.name, near))
