"""How many answers are given a day, where `wheel` does not say: as many as stand in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from noria.database import Transaction
from noria.ledger.booking import SUM, joined

DAYS = 30  # of the ledger that are looked at


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
