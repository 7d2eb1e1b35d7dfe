"""Plain text to learn from, whatever it comes in: a long .txt file, a folder of documents, JSON with lists of lines.

Read next: running_text.py, documents.py, json_file.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract.source import Source, reading
from noria.sources.core.layout import JSON_SUFFIXES, PACKINGS, is_beside, is_hidden
from noria.sources.core.wrapped import WrappedSource
from noria.sources.formats.opening import TEXT_SUFFIXES, open_source
from noria.sources.formats.running_text import RunningText
from noria.sources.formats.tables import open_table_folder, split_parts
from noria.types import Rows

_LINES_SUFFIXES = tuple(f"{name}{packing}" for packing in ("", *PACKINGS) for name in (".jsonl", ".ndjson"))


def text_pieces(path: Path, encoding: str | None = None) -> Source | None:
    """Return the reader of texts to learn from, or None where open_source() knows best, as for a table.

    A .txt file is cut into pieces which, joined, are the file; JSON is read as by json_list().
    """
    if path.is_file() and path.name.lower().endswith(TEXT_SUFFIXES):
        return RunningText(path, encoding=encoding)
    return json_list(path, encoding)


def json_list(path: Path, encoding: str | None = None) -> Source | None:
    """Return the reader of a JSON file (a list of objects, or one a line) or of a folder of them, else None.

    A cell that is a list of texts becomes one text. Files whose names speak of no split are parts of one whole.
    """
    if not path.is_dir():
        is_json = path.name.lower().endswith((*_LINES_SUFFIXES, *JSON_SUFFIXES))
        return JoinedLines(open_source(path, encoding=encoding)) if is_json else None
    with reading(path):
        entries = sorted(entry for entry in path.iterdir() if not is_hidden(entry.name))
    names = [entry.name for entry in entries]
    found = [name for name in names if name.lower().endswith(_LINES_SUFFIXES)]
    found = found or [name for name in names if name.lower().endswith(JSON_SUFFIXES)]
    beside = [name for name in names if name not in found]
    if not found or not all(entry.is_file() for entry in entries) or not all(map(is_beside, beside)):
        return None
    return JoinedLines(open_table_folder(path, split_parts(found, str(path)), beside, encoding, ()))


class JoinedLines(WrappedSource):
    """A source in which a cell that is a list of texts, as the lines of a poem, is one text with line breaks."""

    def __init__(self, source: Source):
        super().__init__(source, source.columns)

    def changed(self, rows: Rows) -> Rows:
        """Return the same records."""
        columns: dict[str, Any] = {
            name: cells if isinstance(cells, np.ndarray) else [_joined(cell) for cell in cells]
            for name, cells in rows.columns.items()
        }
        return replace(rows, columns=columns)


def _joined(cell: Any) -> Any:
    is_lines = isinstance(cell, list) and bool(cell) and all(isinstance(line, str) for line in cell)
    return "\n".join(cell) if is_lines else cell
