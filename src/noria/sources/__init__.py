"""Paths as rows: table files, folders, archives, arrays. Each format is one file here; open_source() picks one.

Knows no task. Read next: source.py, then csv_table.py.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from noria.errors import UserError, did_you_mean
from noria.sources.archive import ARCHIVE_SUFFIXES
from noria.sources.archive_tables import open_archive
from noria.sources.arrays import Arrays
from noria.sources.download import fetch
from noria.sources.folder import Folder
from noria.sources.idx import IdxFolder, idx_files
from noria.sources.layout import TABLE_SUFFIXES, is_hidden, is_table, survey
from noria.sources.named_file import read_file
from noria.sources.source import Source, reading
from noria.sources.tables import open_table, open_table_folder

_PACKED = (*ARCHIVE_SUFFIXES, ".npz")

__all__ = ["Source", "fetch", "open_source", "read_file"]


def open_source(path: Path, *, encoding: str | None = None) -> Source:
    """Return the reader for what the path is; `encoding` is for text that is not UTF-8.

    Raises UserError where there is no such path, or none of the formats fits.
    """
    with reading(path):
        if path.is_dir():
            return _open_folder(path, encoding)
        if not path.exists():
            raise _no_such_path(path)
        if not path.is_file():
            raise UserError("is neither a file nor a folder", where=str(path))
    name = path.name.lower()
    if name.endswith(TABLE_SUFFIXES):
        return open_table(path, encoding=encoding)
    if name.endswith(ARCHIVE_SUFFIXES):
        return open_archive(path, encoding)
    if name.endswith(".npz"):
        return Arrays(path)
    raise UserError(
        "is of a kind that has no reader",
        where=str(path),
        expected=f"a folder, or a file ending in {', '.join((*TABLE_SUFFIXES[:6], '.npz', *ARCHIVE_SUFFIXES[:3]))}",
        found=f"a file ending in {path.suffix or 'nothing'}",
        mend="a table whose name ends otherwise can be renamed to .csv",
    )


def _open_folder(path: Path, encoding: str | None) -> Source:
    if idx_files(path):
        return IdxFolder(path)
    entries = sorted(entry for entry in path.iterdir() if not is_hidden(entry.name))
    names = [entry.name for entry in entries]
    if not all(entry.is_file() for entry in entries):
        return Folder(path)
    tables = [name for name in names if is_table(name)]
    packed = [name for name in names if name.lower().endswith(_PACKED)]
    if len(packed) > 1 or (packed and tables):
        raise UserError(
            "several files here could be the data",
            where=str(path),
            found=", ".join([*packed, *tables][:10]),
            mend=f"name one: data.path={path / packed[0]}",
        )
    if packed:
        return open_source(path / packed[0], encoding=encoding)
    if survey(names).is_tables:
        return open_table_folder(path, tables, [name for name in names if not is_table(name)], encoding)
    return Folder(path)


def _no_such_path(path: Path) -> UserError:
    """Say which part of the path is missing, and what there is in its place."""
    missing = path.absolute()
    while not missing.parent.exists():
        missing = missing.parent
    siblings = sorted(entry.name for entry in missing.parent.iterdir()) if missing.parent.is_dir() else []
    near = difflib.get_close_matches(missing.name, siblings, n=1) or siblings[:10]
    return UserError("there is no such file or folder", where=str(missing), mend=did_you_mean(missing.name, near))
