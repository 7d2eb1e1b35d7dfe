"""An archive that holds only tables: each is streamed out of it, without unpacking it to disk.

Only .csv and its like, which need no going back and forth. Read next: sources/core/archive.py, tables.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noria.contract.source import Source
from noria.errors import UserError
from noria.sources.core.archive import Archive
from noria.sources.core.layout import LINES_SUFFIXES
from noria.sources.core.tar_members import open_tar_member
from noria.sources.core.text_file import Opener
from noria.sources.core.zip_members import open_zip_member
from noria.sources.formats.csv_table import CsvTable
from noria.sources.formats.documents import Documents
from noria.sources.formats.tables import Tables, split_tables


def open_archive(path: Path, encoding: str | None, columns: Sequence[str] = ()) -> Source:
    """Return an archive of files, or the documents or tables in it where it holds nothing else."""
    archive = Archive(path)
    if not archive.seen.is_tables:
        return Documents(archive, encoding=encoding) if archive.seen.is_texts else archive
    names = archive.seen.tables
    if unread := [name for name in names if not name.lower().endswith(LINES_SUFFIXES)]:
        raise UserError(f"{unread[0]} cannot be read inside an archive", where=str(path), fix="unpack it first")
    tables = [
        CsvTable(path, encoding=encoding, columns=columns, split=split, name=name, opener=_opener(path, name))
        for name, split in split_tables(names, str(path), "unpack it, and name one: data.path=FILE")
    ]
    return Tables(path, path.parent, tables)


def _opener(path: Path, name: str) -> Opener:
    if path.suffix.lower() == ".zip":
        return lambda: open_zip_member(path, name)
    return lambda: open_tar_member(path, name)
