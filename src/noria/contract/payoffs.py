"""What an answer is worth, in integer micro-units of a currency, by the answer and the truth. See `value` of a job.

Each kind of answer has its own class: its fields are the keys of `value` that this kind takes, as amounts of the
currency. Read next: job/value.py.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

MICRO = 1_000_000  # micro-units of one unit of a currency
MOST_AMOUNT = 10**9  # units that one answer can be worth; only sums over thousands of such answers are beyond 64 bits


def micro(amount: float) -> int:
    """Return an amount of a currency in micro-units; no single answer is worth more than MOST_AMOUNT, plus or minus."""
    return round(Decimal(str(max(-MOST_AMOUNT, min(MOST_AMOUNT, amount)))) * MICRO)


@dataclass(frozen=True, kw_only=True)
class Payoffs(ABC):
    """What answers of one kind are worth."""

    currency: str = ""

    @abstractmethod
    def micro(self, answer: Any, truth: Any) -> int:
        """Return what an answer is worth: it and the truth as `decode` and `decode_target` tell them."""

    @property
    def can_abstain(self) -> bool:
        """Say whether no answer at all has a worth, too."""
        return False

    def classes(self) -> dict[str, str]:
        """Return the classes that are named, by the key that names each."""
        return {}


@dataclass(frozen=True, kw_only=True)
class ClassPayoffs(Payoffs):
    """One class of several: `correct` and `wrong`, by the true class in `labels`, by truth and answer in `matrix`.

    What a narrower key says wins. The answer None abstains.
    """

    correct: float = 0.0
    wrong: float = 0.0
    abstain: float | None = None
    labels: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    matrix: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def micro(self, answer: Any, truth: Any) -> int:
        own = self.labels.get(truth, {})
        if answer is None:
            return micro(own.get("abstain", self.abstain or 0.0))
        usual = own.get("correct", self.correct) if answer == truth else own.get("wrong", self.wrong)
        return micro(self.matrix.get(truth, {}).get(answer, usual))

    @property
    def can_abstain(self) -> bool:
        return self.abstain is not None or any("abstain" in one for one in self.labels.values())

    def classes(self) -> dict[str, str]:
        named = {f"value.labels.{one}": one for one in self.labels}
        for truth, row in self.matrix.items():
            named |= {f"value.matrix.{truth}": truth} | {f"value.matrix.{truth}.{one}": one for one in row}
        return named


@dataclass(frozen=True, kw_only=True)
class NumberPayoffs(Payoffs):
    """A number: `correct` within `tolerance` of the truth, else `wrong` and `per_unit` for each unit beyond it.

    An answer that is no number is infinitely far off.
    """

    correct: float = 0.0
    wrong: float = 0.0
    per_unit: float = 0.0
    tolerance: float = 0.0

    def micro(self, answer: Any, truth: Any) -> int:
        beyond = abs(float(answer) - float(truth)) - self.tolerance
        if beyond <= 0:
            return micro(self.correct)
        if not self.per_unit:
            return micro(self.wrong)
        return micro(self.wrong + self.per_unit * (math.inf if math.isnan(beyond) else beyond))


@dataclass(frozen=True, kw_only=True)
class RankingPayoffs(Payoffs):
    """A list of items: `hit` for each true one among the first `top`, `miss` where none is."""

    hit: float = 0.0
    miss: float = 0.0
    top: int | None = None

    def micro(self, answer: Any, truth: Any) -> int:
        found = {str(one) for one in answer[: self.top]} & {str(one) for one in truth}
        return micro(self.hit * len(found) if found else self.miss)
