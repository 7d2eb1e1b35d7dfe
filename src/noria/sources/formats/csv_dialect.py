"""Sniff how the cells of a table are told apart: what separates them, which quotes mean anything, how one is escaped.

Knows text only, no file. Read next: csv_records.py, csv_table.py.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from noria.sources.formats.csv_records import Dialect

_DELIMITERS = ",;\t|"
_SAMPLE_RECORDS = 200
_QUOTED = re.compile(r'"(?:[^"]|"")*"')  # a whole cell in quotes, those inside it doubled
_SAYS_DELIMITER = re.compile(r'"?sep=([^\w"\'\r\n])"?\r?\n', re.IGNORECASE)  # as Excel writes it first
_LEAST_FIT = 0.5  # of the first records of a table without a header must be as wide as the names given
_LEAST_WORDS = 3  # in a header that spaces separate: two are the name of a single column as well
_NEVER = "\x1f"  # the unit separator of ASCII, which no text holds: a line is one cell


def said_delimiter(sample: str) -> str:
    """Return the delimiter that the first line says, `sep=;`; nothing where it says none."""
    found = _SAYS_DELIMITER.match(sample)
    return found[1] if found else ""


def sniff_dialect(sample: str, suffix: str = "", others: Sequence[str] = ()) -> Dialect:
    """Return the dialect in which the most records of the sample have as many cells as the header.

    The sample is whole lines from the beginning, the others from anywhere. A separator that is not in the header is not
    considered, but for a header below a title: then the records' own width counts. Where the first line says the
    delimiter, it is that.
    """
    if said := said_delimiter(sample):
        return _with_quoting(Dialect(said), sample.split("\n", 1)[1], others)
    candidates = [Dialect(delimiter) for delimiter in _DELIMITERS]
    if any(map(_has_plain_quotes, (sample, *others))):
        candidates.insert(0, Dialect("\t", csv.QUOTE_NONE))
    if suffix in (".tsv", ".tab"):
        candidates.sort(key=lambda dialect: dialect.delimiter != "\t")
    candidates = [_with_quoting(dialect, sample, others) for dialect in candidates]
    best = max(candidates, key=lambda dialect: _fit(sample, dialect))
    if _fit(sample, best) > (0.0, 0):
        return best
    spaces = [Dialect(" "), Dialect(" ", skips_spaces=True)]
    best = max(spaces, key=lambda dialect: _fit(sample, dialect))
    share, width = _fit(sample, best)
    if share >= _LEAST_FIT and width >= _LEAST_WORDS:
        return best
    below = [_usual(sample, dialect) for dialect in candidates]
    share, _, best = max(zip(*zip(*below, strict=True), candidates, strict=True), key=lambda one: one[:2])
    return best if share >= _LEAST_FIT else Dialect(",")


def sniff_headerless(samples: Sequence[str], width: int) -> Dialect | None:
    """Return the dialect in which the most records have `width` cells; None where hardly any has in any.

    Between tabs a quote is just a character unless the samples show that it quotes; a single column is whole lines.
    """
    if width == 1:
        return Dialect(_NEVER, csv.QUOTE_NONE)
    plain = Dialect("\t", csv.QUOTE_NONE)
    candidates = [plain, *(Dialect(delimiter) for delimiter in "\t,;|"), Dialect(" "), Dialect(" ", skips_spaces=True)]
    if any(map(_shows_quoting, samples)):
        candidates.remove(plain)
    candidates = [_with_quoting(dialect, samples[0], samples[1:], width) for dialect in candidates]
    best = max(candidates, key=lambda dialect: _fit(samples[0], dialect, width))
    return best if _fit(samples[0], best, width)[0] >= _LEAST_FIT else None


def looks_like_table(sample: str) -> bool:
    """Say whether nearly all lines of a text have the same number of tabs, and some."""
    counts = [line.count("\t") for line in sample.splitlines()[:_SAMPLE_RECORDS] if line.strip()]
    return len(counts) > 1 and counts[0] > 0 and counts.count(counts[0]) >= 0.9 * len(counts)


def _with_quoting(dialect: Dialect, sample: str, others: Sequence[str], width: int | None = None) -> Dialect:
    """Return the dialect with the quotes, the escapes and the spaces in which the fewest records are broken."""
    if dialect.quoting == csv.QUOTE_NONE:
        return dialect
    texts = [text for text in (sample, *others) if text]
    variants = [dialect]
    if any('\\"' in text for text in texts):
        variants.append(replace(dialect, escape="\\"))
    if any(_has_single_quotes(text, dialect.delimiter) for text in texts):
        is_named_so = _has_single_quotes(sample.split("\n", 1)[0], dialect.delimiter)  # hardly a part of a name
        variants.insert(0 if is_named_so else 1, replace(dialect, quote="'"))
    if dialect.delimiter == "|" and any(
        _has_plain_quotes(text, "|") for text in texts
    ):  # texts of speech, as LJSpeech's
        variants.append(replace(dialect, quoting=csv.QUOTE_NONE))
    if not dialect.delimiter.isspace() and _has_spaces(sample, dialect.delimiter):
        variants = [replace(one, skips_spaces=True) for one in variants]
    if len(variants) == 1:
        return variants[0]
    return min(variants, key=lambda one: _num_broken(texts, one, width or _usual(sample, one)[1]))


def _has_single_quotes(text: str, delimiter: str) -> bool:
    """Say whether there are cells between single quotes, and none between double ones."""
    if "'" not in text:
        return False
    edge = rf"(?:^|{re.escape(delimiter)})\s*{{}}[^'\"\r\n]*{{}}\s*(?:$|{re.escape(delimiter)})"
    quotes = (re.search(edge.format(quote, quote), text, re.MULTILINE) is not None for quote in "'\"")
    return tuple(quotes) == (True, False)


def _has_spaces(text: str, delimiter: str) -> bool:
    """Say whether each delimiter of the first lines has a space behind it, as in "a, b": it belongs to no cell."""
    lines = [line for line in text.splitlines()[:_SAMPLE_RECORDS] if delimiter in line]
    if len(lines) < 2:
        return False
    spaced = [len(re.findall(rf"{re.escape(delimiter)}(?: |$)", line)) for line in lines]
    return all(spaced) and sum(spaced) >= 0.9 * sum(line.count(delimiter) for line in lines)


def _has_plain_quotes(sample: str, mark: str = "\t") -> bool:
    """Say whether a cell between tabs (or bars) opens with a quote and is no quoted cell: then it is just a character.

    Read as quoting, two such cells would swallow all the lines between them without a trace.
    """
    return any(cell.startswith('"') and not _QUOTED.fullmatch(cell) for cell in _between(sample, mark))


def _shows_quoting(sample: str) -> bool:
    """Say whether cells between tabs are quoted: with a doubled quote in one, or all of them."""
    cells = [cell for cell in _between(sample, "\t") if cell]
    quoted = [cell for cell in cells if _QUOTED.fullmatch(cell)]
    return any('""' in cell[1:-1] for cell in quoted) or (bool(cells) and len(quoted) == len(cells))


def _between(sample: str, mark: str) -> Iterator[str]:
    for line in io.StringIO(sample, newline=""):
        yield from line.rstrip("\r\n").split(mark)


def _fit(sample: str, dialect: Dialect, width: int | None = None) -> tuple[float, int]:
    """Return the share of records that are `width` (else as the header) wide, and that width; zeros for one cell."""
    widths = list(islice(_widths(sample, dialect), _SAMPLE_RECORDS + 1))
    if not widths or (width or widths[0]) < 2:
        return (0.0, 0)
    records = widths if width else widths[1:] or widths
    wide = width or widths[0]
    return (round(sum(one == wide for one in records) / len(records), 1), wide)


def _usual(sample: str, dialect: Dialect) -> tuple[float, int]:
    """Return the share of the records below the first one that have the most usual width, and that; zeros for one."""
    widths = list(islice(_widths(sample, dialect), _SAMPLE_RECORDS + 1))[1:]
    if not widths:
        return (0.0, 0)
    wide, count = Counter(widths).most_common(1)[0]
    return (round(count / len(widths), 1), wide) if wide > 1 else (0.0, 0)


def _num_broken(texts: Sequence[str], dialect: Dialect, width: int) -> int:
    """Return how many records of the texts are broken or of another width."""
    return sum(one != width for text in texts for one in islice(_widths(text, dialect), 10 * _SAMPLE_RECORDS))


def _widths(text: str, dialect: Dialect) -> Iterator[int]:
    """Yield how many cells each record has; 0 for one that is broken, after which the next line begins one."""
    lines = (dialect.prepared(line) for line in io.StringIO(text, newline=""))
    reader = dialect.reader(lines)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            yield 0
            continue
        if cells is None:
            return
        if cells:
            yield len(cells)
