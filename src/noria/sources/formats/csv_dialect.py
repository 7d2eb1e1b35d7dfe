"""Sniff what separates the cells of a table: comma, semicolon, tab or bar; with tabs, whether quotes mean anything.

Knows text only, no file. Read next: csv_table.py.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

_DELIMITERS = ",;\t|"
_SAMPLE_RECORDS = 200
_QUOTED = re.compile(r'"(?:[^"]|"")*"')  # a whole cell in quotes, those inside it doubled
_LEAST_FIT = 0.5  # of the first records of a table without a header must be as wide as the names given
_NEVER = "\x1f"  # the unit separator of ASCII, which no text holds: a line is one cell


@dataclass(frozen=True)
class Dialect:
    """How cells are told apart: `quoting` is csv.QUOTE_MINIMAL, or csv.QUOTE_NONE where a quote is just a character."""

    delimiter: str
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL


def sniff_dialect(sample: str, suffix: str = "", others: Sequence[str] = ()) -> Dialect:
    """Return the dialect in which the most records of the sample have as many cells as the header.

    The sample is whole lines from the beginning, the others from anywhere. A separator that is not in the header is not
    considered.
    """
    candidates = [Dialect(delimiter) for delimiter in _DELIMITERS]
    if any(map(_has_plain_quotes, (sample, *others))):
        candidates.insert(0, Dialect("\t", csv.QUOTE_NONE))
    if suffix in (".tsv", ".tab"):
        candidates.sort(key=lambda dialect: dialect.delimiter != "\t")
    best = max(candidates, key=lambda dialect: _fit(sample, dialect))
    return best if _fit(sample, best) > (0.0, 0) else Dialect(",")


def sniff_headerless(samples: Sequence[str], width: int) -> Dialect | None:
    """Return the dialect in which the most records have `width` cells; None where hardly any has in any.

    Between tabs a quote is just a character unless the samples show that it quotes; a single column is whole lines.
    """
    if width == 1:
        return Dialect(_NEVER, csv.QUOTE_NONE)
    plain = Dialect("\t", csv.QUOTE_NONE)
    candidates = [plain, *(Dialect(delimiter) for delimiter in "\t,;|")]
    if any(map(_shows_quoting, samples)):
        candidates.remove(plain)
    best = max(candidates, key=lambda dialect: _fit(samples[0], dialect, width))
    return best if _fit(samples[0], best, width)[0] >= _LEAST_FIT else None


def looks_like_table(sample: str) -> bool:
    """Say whether nearly all lines of a text have the same number of tabs, and some."""
    counts = [line.count("\t") for line in sample.splitlines()[:_SAMPLE_RECORDS] if line.strip()]
    return len(counts) > 1 and counts[0] > 0 and counts.count(counts[0]) >= 0.9 * len(counts)


def _has_plain_quotes(sample: str) -> bool:
    """Say whether a cell between tabs opens with a quote and is no quoted cell: then it is just a character.

    Read as quoting, two such cells would swallow all the lines between them without a trace.
    """
    return any(cell.startswith('"') and not _QUOTED.fullmatch(cell) for cell in _between_tabs(sample))


def _shows_quoting(sample: str) -> bool:
    """Say whether cells between tabs are quoted: with a doubled quote in one, or all of them."""
    cells = [cell for cell in _between_tabs(sample) if cell]
    quoted = [cell for cell in cells if _QUOTED.fullmatch(cell)]
    return any('""' in cell[1:-1] for cell in quoted) or (bool(cells) and len(quoted) == len(cells))


def _between_tabs(sample: str) -> Iterator[str]:
    for line in io.StringIO(sample, newline=""):
        yield from line.rstrip("\r\n").split("\t")


def _fit(sample: str, dialect: Dialect, width: int | None = None) -> tuple[float, int]:
    """Return the share of records that are `width` (else as the header) wide, and that width; zeros for one cell."""
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
    if not widths or (width or widths[0]) < 2:
        return (0.0, 0)
    records = widths if width else widths[1:] or widths
    wide = width or widths[0]
    return (round(sum(one == wide for one in records) / len(records), 1), wide)
