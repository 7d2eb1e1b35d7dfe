"""An archive that holds only tables: each is streamed out of it, without unpacking it to disk.

Only .csv and .tsv, which need no going back and forth. Read next: archive.py, tables.py.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, cast

from noria.errors import UserError
from noria.sources.archive import Archive
from noria.sources.csv_table import CsvTable
from noria.sources.members import clean_name
from noria.sources.source import Source
from noria.sources.tables import Tables, split_tables

_STREAMED = (".csv", ".tsv", ".tab")


def open_archive(path: Path, encoding: str | None) -> Source:
    """Return an archive of files, or the tables in it where it holds nothing else."""
    archive = Archive(path)
    if not archive.seen.is_tables:
        return archive
    names = archive.seen.tables
    if unread := [name for name in names if not name.lower().endswith(_STREAMED)]:
        raise UserError(f"{unread[0]} cannot be read inside an archive", where=str(path), mend="unpack it first")
    tables = [
        CsvTable(path, encoding=encoding, split=split, name=name, opener=_opener(path, name))
        for name, split in split_tables(names, str(path))
    ]
    return Tables(path, path.parent, tables)


def _opener(path: Path, name: str) -> Callable[[], BinaryIO]:
    is_zip = path.suffix.lower() == ".zip"
    return lambda: cast(BinaryIO, _open_zipped(path, name) if is_zip else _open_tarred(path, name))


def _open_zipped(path: Path, name: str) -> IO[bytes]:
    with zipfile.ZipFile(path) as archive:  # the member keeps the file open after this
        for info in archive.infolist():
            if clean_name(info.filename)[0] == name:
                return archive.open(info)
    raise UserError(f"{name} is gone", where=str(path))


def _open_tarred(path: Path, name: str) -> IO[bytes]:
    archive = tarfile.open(path, "r|*")  # noqa: SIM115  the caller closes the stream of the member, not the archive
    for member in archive:
        stream = archive.extractfile(member) if clean_name(member.name)[0] == name else None
        if stream is not None:
            return stream
    raise UserError(f"{name} is gone", where=str(path))
