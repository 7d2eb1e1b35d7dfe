"""A table of answers: a row a record, in order, with the probability of each class and the columns of the input.

    row  where  value  confidence  error  probability_CLASS ...  other numbers and texts of an answer ...  the input's

Knows no task and no file. Read next: sinks.py, stages/predict.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from noria.errors import UserError

OWN = ("row", "where", "value", "confidence", "error")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins so
MOST_WAITING = 4096  # records without an answer that the head waits for one with
BETWEEN = "; "  # names of one cell, as a column of labels is read
NO_NAME = re.compile(r"\s*\[.*|.*[;|,\n].*|\s*", re.DOTALL)  # not read back as one name of several
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)*|[.,]\d+)([eE][+-]?\d+)?\s?%?")  # which is no formula, whatever its sign


class AnswerTable:
    """Writes answers as rows of cells; `finish` ends it.

    The head follows the first record, all columns of the input that it has kept, and the first that has an answer, all
    that it tells in a number or a text. Records without one wait for that.

    must_agree: raise UserError where a later answer has other columns beside it; else what it lacks stays empty, and
    `left_out` names what only it has.
    """

    def __init__(self, write_row: Callable[[Iterable[Any]], Any], classes: Sequence[str], must_agree: bool) -> None:
        self._write_row, self._classes, self._must_agree = write_row, classes, must_agree
        self._count = 0
        self._kept: list[str] = []
        self._details: list[str] = []
        self._waiting: list[Mapping[str, Any]] | None = []  # None once the head is written
        self.left_out: dict[str, None] = {}

    def write(self, answer: Mapping[str, Any]) -> None:
        """Write the JSON object of one answer, and `kept`, what of the record is to stand beside it."""
        if self._waiting is not None:
            self._waiting.append(answer)
            if "error" not in answer or len(self._waiting) >= MOST_WAITING:
                self.finish()
            return
        self._write(answer)

    def finish(self) -> None:
        """Write the head where it still waits, and what waits for it."""
        waiting, self._waiting = self._waiting or [], None
        if waiting:
            self._details = [name for name, value in waiting[-1].items() if is_detail(name, value)]
            self._kept = list(waiting[0].get("kept", {}))
            own = [*OWN, *(f"probability_{name}" for name in self._classes)]
            own += told_apart(list(map(cell, self._details)), own, "answer")
            self._write_row([*own, *told_apart(list(map(cell, self._kept)), own)])
        for answer in waiting:
            self._write(answer)

    def _write(self, answer: Mapping[str, Any]) -> None:
        beside = answer.get("kept", {})
        self._count += 1
        if list(beside) != self._kept:
            self._see_others(beside, str(answer["where"]))
        chances = answer.get("probabilities") or {}
        told = [self._count, *(answer.get(key) for key in OWN[1:]), *(chances.get(name) for name in self._classes)]
        told += [answer.get(name) for name in self._details]
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


def is_detail(name: str, value: Any) -> bool:
    """Say whether an answer tells a number or a text beside what has a column already."""
    return name not in OWN and isinstance(value, int | float | str)


def told_apart(names: Sequence[str], taken: Iterable[str], of: str = "input") -> list[str]:
    """Return names of columns, none of which is taken or stands twice: the input's `value` becomes `input_value`."""
    used, found = {*taken}, []
    for name in names:
        free = name
        while free in used or (free != name and free in names):
            free = f"{of}_{free}"
        used.add(free)
        found.append(free)
    return found


def cell(value: Any) -> Any:
    """Return a cell of a table: of several names `pro; busy`, of anything else with parts JSON.

    A text that a spreadsheet would run is quoted, a number written as text is not.
    """
    if isinstance(value, list | tuple | dict):
        are_names = bool(value) and all(isinstance(one, str) and not NO_NAME.fullmatch(one) for one in value)
        is_list = are_names and not isinstance(value, dict)
        value = BETWEEN.join(value) if is_list else json.dumps(value, ensure_ascii=False, default=str)
    text = "" if value is None else str(value)
    is_formula = isinstance(value, str) and text.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
