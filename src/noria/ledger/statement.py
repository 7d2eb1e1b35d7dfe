"""What the ledger says: costs, values, margins and break-even by model, version, day, client, job, from its sums.

A margin compares money of one currency only: where values are in another than costs there is a row for each, and none
has a margin.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from typing import Any

from noria.database import Transaction
from noria.errors import UserError, did_you_mean
from noria.ledger.booking import SUM, joined
from noria.ledger.entry import COMPUTE, ENERGY, EXPECTED, MICRO, REALISED, STORAGE, TOKENS, plain
from noria.ledger.prices import ASSUMED

GROUPS = ("model", "version", "day", "month", "client", "job", "activity")
LEARNING = ("train", "tune", "evaluate")  # what is spent once, before the first answer earns anything
COSTS = (COMPUTE, ENERGY, TOKENS, STORAGE)
_MONTH = 7  # characters of 2026-11


@dataclass
class Row:
    """The sums of one group, in millionths. learning: of the costs, what was spent before answers earn anything."""

    group: dict[str, str]
    currency: str
    amounts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    learning: int = 0
    assumed: int = 0  # of the costs, those at prices that nobody stated
    has_margin: bool = True  # the group has no costs in another currency: values less costs are a margin

    @property
    def predictions(self) -> int:
        """Return how many answers were given."""
        return self.amounts.get("predictions", 0)

    @property
    def cost(self) -> int:
        """Return all costs."""
        return sum(self.amounts.get(one, 0) for one in COSTS)

    @property
    def expected(self) -> int:
        """Return what the answers are expected to be worth."""
        return self.amounts.get(EXPECTED, 0)

    @property
    def realised(self) -> int:
        """Return what the answers were worth whose truth is known."""
        return self.amounts.get(REALISED, 0)

    @property
    def break_even(self) -> int | None:
        """Return after how many answers their expected value has paid for learning; None where never, or unknown."""
        if not self.predictions or EXPECTED not in self.amounts or not self.has_margin:
            return None
        margin = (self.expected - (self.cost - self.learning)) / self.predictions
        return ceil(self.learning / margin) if margin > 0 else None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, money in units of the currency."""
        money = {name.partition(":")[2]: self.amounts.get(name, 0) for name in COSTS}
        money |= {"cost": self.cost, "learning": self.learning, "assumed": self.assumed}
        has_expected, has_realised = EXPECTED in self.amounts, REALISED in self.amounts
        has_margins = has_expected and self.has_margin, has_realised and self.has_margin
        quantities = {
            name: int(value)
            for name, value in sorted(self.amounts.items())
            if ":" not in name and name != "predictions"
        }
        return {
            **self.group,
            "currency": self.currency,
            "predictions": self.predictions,
            **{name: value / MICRO for name, value in money.items()},
            "expected_value": self.expected / MICRO if has_expected else None,
            "expected_margin": (self.expected - self.cost) / MICRO if has_margins[0] else None,
            "realised_value": self.realised / MICRO if has_realised else None,
            "realised_margin": (self.realised - self.cost) / MICRO if has_margins[1] else None,
            "break_even_predictions": self.break_even,
            "quantities": quantities,
        }


def statement(
    transaction: Transaction, by: Sequence[str] = ("model",), since: str = "", until: str = "", model: str = ""
) -> list[Row]:
    """Return the sums of each group, from a day to a day, both included. Raises UserError for other groups."""
    for one in by:
        if one not in GROUPS:
            fix = did_you_mean(one, GROUPS)
            raise UserError("the ledger has no such group", expected=", ".join(GROUPS), found=one, fix=fix)
    since, until = day_asked("--since", since), day_asked("--until", until)
    # In this order the condition on days is answered by the primary key of `total`.
    columns = [one for one in dict.fromkeys((*by, "activity")) if one not in ("day", "month")]
    if "day" in by or "month" in by:
        columns.append("day")
    names = ", ".join((*columns, "name", "currency", "basis"))
    conditions, values = ["day >= ?", "day <= ?"], [since or "0", until or "9"]
    if model:
        conditions, values = [*conditions, "model = ?"], [*values, plain(model)]
    query = f"select {names}, {SUM} from total where {' and '.join(conditions)} group by {names}"
    found = transaction.run(query, *values)
    return _rows(
        by,
        (
            {**dict(zip((*columns, "name", "currency", "basis"), one, strict=False)), "amount": joined(*one[-2:])}
            for one in found
        ),
    )


def day_asked(option: str, day: str) -> str:
    """Return a day as the ledger writes it; raise UserError where it is none. option: what it was asked by."""
    try:
        return date.fromisoformat(day).isoformat() if day else ""
    except ValueError as error:
        raise UserError("this is no day", where=option, expected="as 2027-01-31", found=day) from error


def _rows(by: Sequence[str], sums: Iterable[dict[str, Any]]) -> list[Row]:
    rows: dict[tuple[str, ...], Row] = {}
    for one in sums:
        if "day" in one:
            one["month"] = one["day"][:_MONTH]
        group = {name: str(one[name]) for name in by}
        key = (*group.values(), one["currency"])
        row = rows.setdefault(key, Row(group, one["currency"]))
        row.amounts[one["name"]] += one["amount"]
        if one["name"] in COSTS:
            row.learning += one["amount"] * (one["activity"] in LEARNING)
            row.assumed += one["amount"] * (one["basis"] == ASSUMED)
    currencies = {row.currency for row in rows.values()}
    for (*names, currency), row in rows.items():
        others = [rows.get((*names, other)) for other in currencies - {currency}]
        row.has_margin = not any(other is not None and other.cost for other in others)
    return [rows[key] for key in sorted(rows)]
