"""A table of answers: a row a record, in order, with the probability of each class and the columns of the input.

    row  where  value  confidence  error  probability_CLASS ...  the input's columns ...

Knows no task and no file. Read next: sinks.py, stages/predict.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from noria.errors import UserError

OWN = ("row", "where", "value", "confidence", "error")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins so
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?\s?%?")  # which is no formula, whatever its sign


class AnswerTable:
    """Writes answers as rows of cells. The head follows the first answer: all columns of the input that it has kept.

    must_agree: raise UserError where a later answer has other columns beside it; else what it lacks stays empty, and
    `left_out` names what only it has.
    """

    def __init__(self, write_row: Callable[[Iterable[Any]], Any], classes: Sequence[str], must_agree: bool) -> None:
        self._write_row, self._classes, self._must_agree = write_row, classes, must_agree
        self._count = 0
        self._kept: list[str] = []
        self.left_out: dict[str, None] = {}

    def write(self, answer: Mapping[str, Any]) -> None:
        """Write the JSON object of one answer, and `kept`, what of the record is to stand beside it."""
        beside = answer.get("kept", {})
        self._count += 1
        if self._count == 1:
            self._kept = list(beside)
            own = [*OWN, *(f"probability_{name}" for name in self._classes)]
            self._write_row([*own, *told_apart(list(map(cell, self._kept)), own)])
        if list(beside) != self._kept:
            self._see_others(beside, str(answer["where"]))
        chances = answer.get("probabilities") or {}
        told = [self._count, *(answer.get(key) for key in OWN[1:]), *(chances.get(name) for name in self._classes)]
        self._write_row([cell(value) for value in (*told, *(beside.get(name) for name in self._kept))])

    def _see_others(self, beside: Mapping[str, Any], where: str) -> None:
        if self._must_agree:
            raise UserError(
                "the inputs do not have the same columns to keep",
                where=where,
                expected=", ".join(self._kept),
                found=", ".join(beside),
                fix="name those that all have: --keep NAME,NAME",
            )
        self.left_out |= dict.fromkeys(name for name in beside if name not in self._kept)


def told_apart(names: Sequence[str], taken: Iterable[str]) -> list[str]:
    """Return names of the input's columns, none of which is taken or stands twice: `value` becomes `input_value`."""
    used, found = {*taken}, []
    for name in names:
        free = name
        while free in used or (free != name and free in names):
            free = f"input_{free}"
        used.add(free)
        found.append(free)
    return found


def cell(value: Any) -> Any:
    """Return a cell of a table; a text that a spreadsheet would run is quoted, a number written as text is not."""
    text = "" if value is None else str(value)
    is_formula = isinstance(value, str) and text.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
