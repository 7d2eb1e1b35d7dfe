"""Columns called alike are one column: their names in Unicode's composed form (NFC), as job files have them."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from noria.contract.source import Source
from noria.sources.core.wrapped import WrappedSource
from noria.types import Rows


def with_composed_names(source: Source) -> Source:
    """Return a source whose column names are composed; the same one where they are, or where two would be one."""
    names = {name: unicodedata.normalize("NFC", name) for name in source.columns}
    is_same = all(name == composed for name, composed in names.items()) or len(set(names.values())) < len(names)
    return source if is_same else _ComposedNames(source, names)


class _ComposedNames(WrappedSource):
    def __init__(self, source: Source, names: dict[str, str]):
        super().__init__(source, list(names.values()))
        self._names = names

    def changed(self, rows: Rows) -> Rows:
        return replace(rows, columns={self._names[name]: cells for name, cells in rows.columns.items()})
