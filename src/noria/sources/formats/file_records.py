"""A folder or an archive in which every file is a record, whatever its name ends in: recordings, clips, series.

Left to the other readers: a single table, and tables whose names say train and test.
Read next: sources/core/folder.py, sources/core/layout.py.
"""

from __future__ import annotations

from pathlib import Path

from noria.contract.source import Source
from noria.sources.core.archive import ARCHIVE_SUFFIXES, Archive
from noria.sources.core.folder import Folder
from noria.sources.formats.tables import speaks_of_split


def file_records(path: Path) -> Source | None:
    """Return the files of a folder or an archive as records; None where the path is neither, or holds tables."""
    if path.is_dir():
        source: Folder | Archive = Folder(path)
    elif path.is_file() and path.name.lower().endswith(ARCHIVE_SUFFIXES):
        source = Archive(path)
    else:
        return None
    tables = source.seen.tables
    if source.seen.is_tables and (len(tables) == 1 or all(map(speaks_of_split, tables))):
        return None
    return source
