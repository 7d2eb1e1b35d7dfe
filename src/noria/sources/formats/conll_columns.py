"""Which columns of a CoNLL file hold tokens and tags, told once from many of its lines.

    John NNP B-NP B-PER          the last column that looks like tags; the token first, or after the tokens' numbers
    New York\\tB-LOC              between tabs, where there are any: a token may then hold spaces
    1\\tJohn\\tJohn\\tPROPN\\t...    CoNLL-U: without such tags, each word's part of speech

Read next: conll.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from noria.errors import UserError

BREAK = "-DOCSTART-"  # a line between documents
DOCUMENT_COMMENTS = ("# newdoc", "#begin document")
MOST_USUAL = 0.9  # of the lines: so many must agree in what a column is
CONLLU_WIDTH, PART_OF_SPEECH = 10, 3
NO_SPACE = "SpaceAfter=No"

_TAG = re.compile(r"O|[BIESLUMW][-_].+")
_NUMBER = re.compile(r"\d+([-.]\d+)?")
_RANGE, _EMPTY = re.compile(r"(\d+)-(\d+)"), re.compile(r"\d+\.\d+")
_TABS, _BLANKS = re.compile("\t+"), re.compile("[ \t]+")


@dataclass(frozen=True)
class Columns:
    """`tag` and `token` are columns, counted from 0; `others` those of further tags. `is_spelled`: tokens are
    characters, spaces among them, so that no space stands between them."""

    width: int
    token: int
    tag: int
    others: tuple[int, ...]
    is_tabbed: bool
    is_spelled: bool
    is_conllu: bool

    def cells(self, line: str) -> list[str]:
        """Return the columns of a line."""
        return _cells(line, self.is_tabbed)

    def is_comment(self, line: str) -> bool:
        """Say whether a line is about the sentence; a token may begin with # too."""
        if not line.startswith("#"):
            return False
        cells = self.cells(line)
        return len(cells) != self.width or self.is_conllu or not _TAG.fullmatch(cells[self.tag])

    def note(self) -> str:
        """Return what was chosen where another choice was possible; else ""."""
        if self.is_conllu and not self.others and self.tag == PART_OF_SPEECH:
            return "no column holds tags such as B-PER: each word is labelled with its part of speech, column 4"
        if not self.others:
            return ""
        other = self.others[-1] + 1
        return f"tags are read from column {self.tag + 1}; those of column {other} are data.fields.tags=tags_{other}"


def find_columns(lines: Sequence[str]) -> Columns | None:
    """Return the columns of a file by many of its lines; None where none of them holds tags."""
    lines = [line.rstrip("\r\n") for line in lines if line.strip() and not line.startswith(BREAK)]
    lines = [line for line in lines if not line.startswith("#")] or lines
    if not lines:
        return None
    is_tabbed = sum("\t" in line for line in lines) > MOST_USUAL * len(lines)
    rows = [_cells(line, is_tabbed) for line in lines]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    rows = [row for row in rows if len(row) == width]
    if width < 2 or len(rows) <= MOST_USUAL * len(lines):
        return None
    is_numbered = width > 2 and _mostly(_NUMBER, rows, 0) and _counts(rows)
    token = 1 if is_numbered else 0
    tags = [column for column in range(token + 1, width) if _mostly(_TAG, rows, column)]
    tags = [column for column in tags if any(row[column] != "O" for row in rows)] or tags[-1:]
    is_conllu = is_numbered and is_tabbed and width == CONLLU_WIDTH
    if not tags and is_conllu:
        tags = [PART_OF_SPEECH]
    if not tags:
        return None
    is_spelled = any(not row[token].strip() for row in rows)
    return Columns(width, token, tags[-1], tuple(tags[:-1]), is_tabbed, is_spelled, is_conllu)


def words_of(lines: Sequence[str], number: int, columns: Columns) -> tuple[list[list[str]], list[bool]]:
    """Return the columns of each word of a sentence, and whether a space follows it in the text.

    `number` is that of the first line. Raises ValueError for a line that does not have the file's columns.
    """
    rows: list[list[str]] = []
    covered = 0  # words that stand in the text as one: 1-2 del, 1 de, 2 el
    for place, line in enumerate(lines):
        row = columns.cells(line)
        if len(row) != columns.width:
            raise ValueError(_flaw(row, line, number + place, columns))
        if not row[columns.token]:
            raise ValueError(f"line {number + place} has a tag and no token: {line!r}"[:200])
        if not columns.is_conllu:
            rows.append(row)
        elif found := _RANGE.fullmatch(row[0]):
            covered = int(found[2])
            rows.append(row)
        elif not _EMPTY.fullmatch(row[0]) and int(row[0]) > covered:
            rows.append(row)
        elif covered and rows[-1][columns.tag] in ("_", ""):  # the first of them says what they are
            rows[-1] = [*row[: columns.token], rows[-1][columns.token], *row[columns.token + 1 : -1], rows[-1][-1]]
    return rows, [not (columns.is_conllu and NO_SPACE in row[-1].split("|")) for row in rows]


def refuse(path: str, lines: Sequence[str]) -> UserError:
    """Return what to say of a file that is named as a CoNLL file and is none."""
    first = next((line.strip() for line in lines if line.strip() and not line.startswith(("#", BREAK))), "")
    return UserError(
        "no column of this file holds tags",
        where=path,
        expected="a token a line with its tag, O, B-PER or I-PER, in the last column, a blank line between sentences",
        found=repr(first[:100]),
        fix="texts without labels are read from .txt, .csv and .jsonl: rename the file",
    )


def _flaw(row: Sequence[str], line: str, number: int, columns: Columns) -> str:
    if len(row) < 2:
        return f"line {number} has no token and tag, but {line!r}"[:200]
    between = "tabs" if columns.is_tabbed else "spaces; a token that holds one needs tabs between the columns"
    return f"line {number} has {len(row)} columns and the file {columns.width}, between {between}: {line!r}"[:200]


def _cells(line: str, is_tabbed: bool) -> list[str]:
    if is_tabbed:  # of ASCII alone: a no-break space belongs to its token
        return [cell.strip(" ") or cell for cell in _TABS.split(line.rstrip("\t\r\n"))]
    return _BLANKS.split(line.strip(" \t\r\n"))


def _mostly(pattern: re.Pattern[str], rows: Sequence[Sequence[str]], column: int) -> bool:
    return sum(bool(pattern.fullmatch(row[column])) for row in rows) > MOST_USUAL * len(rows)


def _counts(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether the first column numbers the tokens of each sentence: most are one more than those before."""
    numbers = [int(re.split("[-.]", row[0])[0]) if row[0][:1].isdigit() else -1 for row in rows]
    follows = sum(b - a == 1 or b <= 1 or b == a for a, b in pairwise(numbers))
    return len(set(numbers)) > 1 and follows > MOST_USUAL * (len(numbers) - 1)
