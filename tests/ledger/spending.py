"""What the ledger's tests book."""

from __future__ import annotations

from noria.ledger import About, Entry, Posting

DAY = 1_795_953_600.0  # 2026-11-29, noon


def spent(key: str, micro: int = 5, about: About | None = None, day: float = DAY, **quantities: int) -> Entry:
    """Return an entry of compute."""
    postings = (Posting("cost:compute", micro), Posting("clearing:cost", -micro))
    return Entry(key, day, about or About("digits", "1"), quantities or {"predictions": 1}, postings, "EUR", "stated")
