"""Sniff what separates the cells of a table: comma, semicolon, tab or bar; with tabs, whether quotes mean anything.

Knows text only, no file. Read next: csv_table.py.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Literal

_DELIMITERS = ",;\t|"
_SAMPLE_RECORDS = 200


@dataclass(frozen=True)
class Dialect:
    """How cells are told apart: `quoting` is csv.QUOTE_MINIMAL, or csv.QUOTE_NONE where a quote is just a character."""

    delimiter: str
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL


def sniff_dialect(sample: str, suffix: str = "") -> Dialect:
    """Return the dialect in which the most records of the sample have as many cells as the header.

    The sample is whole lines from the beginning. A separator that is not in the header is not considered.
    """
    candidates = [Dialect(delimiter) for delimiter in _DELIMITERS]
    if _has_plain_quotes(sample):
        candidates.insert(0, Dialect("\t", csv.QUOTE_NONE))
    if suffix in (".tsv", ".tab"):
        candidates.sort(key=lambda dialect: dialect.delimiter != "\t")
    best = max(candidates, key=lambda dialect: _fit(sample, dialect))
    return best if _fit(sample, best) > (0.0, 0) else Dialect(",")


def _has_plain_quotes(sample: str) -> bool:
    """Say whether a cell between tabs opens with a quote and does not close with one: then it is just a character.

    Read as quoting, two such cells would swallow all the lines between them without a trace.
    """
    return any(
        cell.startswith('"') and (len(cell) == 1 or not cell.endswith('"'))
        for cells in csv.reader(io.StringIO(sample, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)
        for cell in cells
    )


def _fit(sample: str, dialect: Dialect) -> tuple[float, int]:
    """Return the share of records as wide as the header, and that width; zeros where the header is one cell wide."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=dialect.delimiter, quoting=dialect.quoting)
    widths: list[int] = []
    try:
        for cells in reader:
            if cells:
                widths.append(len(cells))
            if len(widths) > _SAMPLE_RECORDS:
                break
    except csv.Error:
        return (0.0, 0)
    if not widths or widths[0] < 2:
        return (0.0, 0)
    records = widths[1:] or widths
    return (round(sum(width == widths[0] for width in records) / len(records), 1), widths[0])
