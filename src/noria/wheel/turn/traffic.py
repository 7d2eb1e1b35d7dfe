"""How many answers are given a day, where `wheel` does not say: as many as stand in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from noria.database import Transaction

DAYS = 30  # of the ledger that are looked at


def predictions_per_day(transaction: Transaction, model: str, now: float) -> float | None:
    """Return how many answers of a model the ledger has a day, of the last DAYS days; None where it has none."""
    today = datetime.fromtimestamp(now, UTC).date()
    rows = transaction.run(
        "select min(day), sum(amount) from total where name = 'predictions' and model = ? and day > ?",
        model, (today - timedelta(days=DAYS)).isoformat(),
    )  # fmt: skip
    first, count = rows[0]
    if first is None or not count:
        return None
    return float(count) / ((today - datetime.fromisoformat(first).date()).days + 1)
