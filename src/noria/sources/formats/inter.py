"""RecBole's atomic file of interactions: a table with tabs, whose header names types (`user_id:token`)."""

from __future__ import annotations

from pathlib import Path

from noria.contract.source import Source
from noria.sources.formats.csv_table import CsvTable


def open_format(path: Path, encoding: str | None = None) -> Source:
    """Open the file; .item and .user beside it describe what its ids name."""
    return CsvTable(path, encoding=encoding)
