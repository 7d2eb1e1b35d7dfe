"""What answers are worth, and how many there are a day, where `wheel` does not say: by `value`, and by the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from noria.database import Transaction
from noria.job.value import Value
from noria.ledger.booking import SUM, joined

DAYS = 30  # of the ledger that are looked at


def worth_of_score(value: Value | None) -> float | None:
    """Return what a record is worth more whose score is better by 1: a right answer less a wrong one, or one unit less.

    None where the pay-offs differ by class: then no one figure says it.
    """
    if value is None or value.labels or value.matrix:
        return None
    worth = -value.per_unit if value.per_unit is not None else (value.correct or 0.0) - (value.wrong or 0.0)
    return worth if worth > 0 else None


def predictions_per_day(transaction: Transaction, model: str, now: float) -> float | None:
    """Return how many answers of a model the ledger has a day, of the last DAYS days; None where it has none."""
    today = datetime.fromtimestamp(now, UTC).date()
    rows = transaction.run(
        f"select min(day), {SUM} from total where name = 'predictions' and model = ? and day > ?",
        model, (today - timedelta(days=DAYS)).isoformat(),
    )  # fmt: skip
    first, *parts = rows[0]
    if first is None or not (count := joined(*parts)):
        return None
    return count / ((today - datetime.fromisoformat(first).date()).days + 1)
