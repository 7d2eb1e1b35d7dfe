"""What was given of a few training records, kept so that people can compare it with what was read of it.

Knows no task. Read next: report/samples.py, which shows both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.types import Values

MOST_SAMPLES = 24
MOST_CHARACTERS = 20_000  # of one text: what lies beyond, few networks read


class Samples:
    """Keeps raw values of training records that are spread evenly over the source, so that sorted classes all occur."""

    def __init__(self, is_train: np.ndarray) -> None:
        places = np.flatnonzero(is_train)
        spread = np.linspace(0, len(places) - 1, min(MOST_SAMPLES, len(places)))
        self._wanted = places[spread.astype(int)]
        self._seen = 0
        self.found: list[dict[str, Any]] = []

    def see(self, places: np.ndarray, rows: np.ndarray, values: Mapping[str, Values]) -> None:
        """Take in usable training records of a chunk: their places in the source, ascending, and their rows in
        `values`. Where a wanted record cannot be used, the next one is kept."""
        while len(places) and len(self._wanted) and self._wanted[0] <= places[-1]:
            chosen = int(np.searchsorted(places, self._wanted[0]))
            given = {name: _given(one, int(rows[chosen])) for name, one in values.items()}
            self.found.append({"index": self._seen + chosen, "given": given})
            self._wanted = self._wanted[self._wanted > places[chosen]]
        self._seen += len(places)


def _given(values: Values, row: int) -> Any:
    if isinstance(values, Mapping):
        return {name: _text(cells[row]) for name, cells in values.items()}
    return _text(values[row])


def _text(value: Any) -> str | None:
    """Return a cell as it was given, "" where it is empty; None of what is no text: a file, an array, a list."""
    if value is None or isinstance(value, str):
        return (value or "")[:MOST_CHARACTERS]
    return str(value) if isinstance(value, int | float | np.number | np.bool_) else None
