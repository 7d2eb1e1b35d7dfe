"""Answers of learners as knowledge tracing publishes them: three lines a learner, how many, of what, and which right.

    3
    51,51,7
    0,1,1

As https://github.com/chrispiech/DeepKnowledgeTracing has them; a line may end in a comma. A folder holds such files,
whose names say their split. Read next: history_pieces.py, sources/core/history.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from noria.contract.source import Source, reading
from noria.sources.core.history import History
from noria.sources.core.layout import is_hidden
from noria.sources.core.text_file import TextFile, TextSource
from noria.sources.formats.tables import Tables, split_parts
from noria.types import Rejected, Rows

ENDINGS = (".csv", ".txt", ".csv.gz", ".txt.gz")
LINES = 3
CORRECT = {"0": 0.0, "1": 1.0}


def answer_lines(path: Path, encoding: str | None = None) -> Source | None:
    """Return the reader of a file of three lines a learner, or of a folder of such; None where it is none."""
    with reading(path):
        if not path.is_dir():
            return AnswerLines(path, encoding) if _is_one(path) else None
        entries = sorted(one for one in path.iterdir() if one.is_file() and not is_hidden(one.name))
        files = {one.name: one for one in entries if _is_one(one)}
    if not files:
        return None
    tables = [AnswerLines(files[name], encoding, split) for name, split in split_parts([*files], str(path))]
    return Tables(path, path, tables, [one.name for one in entries if one.name not in files])


def _is_one(path: Path) -> bool:
    """Say whether the first three lines are one learner."""
    if not path.name.lower().endswith(ENDINGS) or not path.stat().st_size:
        return False
    first = list(islice(TextFile(path).lines(), LINES))
    if len(first) < LINES:
        return False
    try:
        _history(first)
    except ValueError:
        return False
    return True


class AnswerLines(TextSource):
    """Learners, a history each: a rating of 1 is right, 0 wrong. `numbers` are those of the first of their lines."""

    def __init__(self, path: Path, encoding: str | None = None, split: str = ""):
        super().__init__(path, ["history", "user"], encoding, split)

    def groups(self) -> list[str]:
        """Return the column of learners: what one did belongs together."""
        return ["user"]

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield learners; one whose lines do not fit together is bad."""
        with reading(self.path):
            lines = self._text.lines()
            each = iter(lines)
            number, numbers, histories, bad = 1, [], [], []
            while learner := list(islice(each, LINES)):
                try:
                    if flaw := "; ".join(lines.flaws.values()):
                        raise ValueError(flaw)
                    histories.append(_history(learner))
                    numbers.append(number)
                except ValueError as error:
                    if any(line.strip() for line in learner):  # blank lines may end a file
                        bad.append(Rejected(f"{self.path.name}:{number}", str(error), len(numbers)))
                lines.flaws.clear()
                number += len(learner)
                if len(numbers) + len(bad) >= chunk_size:
                    yield self._rows(numbers, histories, bad)
                    numbers, histories, bad = [], [], []
            if numbers or bad:
                yield self._rows(numbers, histories, bad)

    def _rows(self, numbers: list[int], histories: list[History], bad: list[Rejected]) -> Rows:
        users = [f"{self.path.name}:{number}" for number in numbers]
        return Rows({"history": histories, "user": users}, self.path.name, numbers, self._split, bad)


def _history(lines: list[str]) -> History:
    """Return the three lines of a learner as a history; raise ValueError where they do not fit together."""
    cells = [[cell.strip() for cell in line.strip().strip(",").split(",")] for line in lines]
    if len(lines) < LINES:
        raise ValueError(f"the file ends within a learner, who has {LINES} lines")
    if len(cells[0]) != 1 or not cells[0][0].isdecimal():
        raise ValueError(f"a learner begins with a number of answers, found {lines[0].strip()[:40]!r}")
    count, (_, items, correct) = int(cells[0][0]), cells
    if not len(items) == len(correct) == count:
        raise ValueError(f"{count} answers are announced, found {len(items)} exercises and {len(correct)} answers")
    if not all(items):
        raise ValueError("an exercise has no name")
    if strange := [cell for cell in correct if cell not in CORRECT]:
        raise ValueError(f"an answer is 1 (right) or 0 (wrong), found {strange[0][:40]!r}")
    return History(items, np.full(count, np.nan), np.array([CORRECT[one] for one in correct], np.float32))
