"""Where answers stand in their contexts: by the places that are given, in whichever unit, or by their text alone.

Knows no format. Read next: text/offsets.py; squad.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from noria.text.offsets import UNITS, Counting, Decision

Answer = dict[str, Any]  # text and, where it stands in the context, start
Pair = tuple[Any, Any]  # the text of an answer and its start, as given

WAYS = tuple(Counting(unit) for unit in UNITS)


class AnswerPlaces:
    """Places answers in their contexts, all of one source as most of them show."""

    def __init__(self) -> None:
        self._decision: Decision | None = None
        self._num_moved = 0

    def begin(self, answers: Iterable[tuple[Pair, str]]) -> None:
        """Begin a reading; the first one tells, from answers with their contexts, what places count."""
        self._num_moved = 0
        if self._decision is not None:
            return
        self._decision = Decision(WAYS)
        for (text, start), context in answers:
            if isinstance(text, str) and text.strip() and type(start) is int:
                self._decision.see_fitting([way for way in WAYS if _stands(text, way.start(context, start), context)])
            if self._decision.is_sure:
                break

    def notes(self) -> list[str]:
        """Return what places count where that is not characters, and how many answers were found by text alone."""
        said = self._decision.note() if self._decision else ""
        moved = (
            f"{self._num_moved:,} answers stand elsewhere than answer_start says, in one place alone, which was taken"
        )
        return [*([said] if said else []), *([moved] if self._num_moved else [])]

    def placed(self, pairs: Iterable[Pair], context: str) -> list[Answer]:
        """Return answers with their places; at least one must have one, the others count in scoring only."""
        answers: list[Answer] = []
        reason = ""
        for text, start in pairs:
            text = str(text) if isinstance(text, int | float) and not isinstance(text, bool) else text
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"an answer has no text, but {text!r}"[:200])
            place = self._place(text, start, context)
            answers.append({"text": text} if place is None else {"text": text, "start": place})
            times = context.count(text)
            if place is None:
                said = "does not stand in the context" if not times else f"stands in the context {times} times"
                reason = reason or f"the answer {said}: {text!r}"[:200]
        if reason and not any("start" in one for one in answers):
            raise ValueError(reason)
        return answers

    def _place(self, text: str, start: Any, context: str) -> int | None:
        """Return the character where an answer starts; None where that cannot be told."""
        is_given = type(start) is int
        if is_given:
            first = self._decision.counting() if self._decision else WAYS[0]
            places = (way.start(context, start) for way in (first, *WAYS))
            if (found := next((one for one in places if _stands(text, one, context)), None)) is not None:
                return found
        if context.count(text) != 1:
            return None
        self._num_moved += is_given
        return context.index(text)


def _stands(text: str, place: int | None, context: str) -> bool:
    return place is not None and context.startswith(text, place)
