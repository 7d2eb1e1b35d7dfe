"""What preparation gives: encoded splits, what was learnt from training, and what a person should know of the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.aligned import aligned
from noria.types import Dataset
from noria.units import size

SHOWN_ITEMS = 12
SHOWN_CHARACTERS = 200
SHOWN_ROWS, SHOWN_CELL = 100, 60  # of how a field is read


@dataclass(frozen=True, repr=False)
class Prepared:
    """Encoded splits, what was learnt from training (`states`), and what a person should know (`report`).

    states: {"inputs": {field: state}, "target": state}. fingerprint: sha256 over all encoded arrays. origin: what names
    the model that training starts from, as it was then. train_hashes: those of the training records, uint64[n], sorted.
    stored: the splits as they lie in the cache, where `splits` has windows cut from them.
    """

    splits: dict[str, Dataset]
    states: dict[str, Any]
    report: dict[str, Any]
    fingerprint: str
    origin: str = ""
    train_hashes: np.ndarray | None = None
    stored: dict[str, Dataset] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the data report."""
        return describe(self)

    __repr__ = __str__

    def places(self) -> dict[str, list[str]]:
        """Return where the records of each split stand in the source, in the order of the source."""
        return {split: dataset.wheres() for split, dataset in (self.stored or self.splits).items()}

    def record(self) -> dict[str, Any]:
        """Return what a run writes down of it: no record. Those that could not be used are a file of their own."""
        report = {key: value for key, value in self.report.items() if key not in ("quarantine", "samples")}
        return {"fingerprint": self.fingerprint, "origin": self.origin, "states": self.states, "report": report}


def understood(prepared: Prepared) -> str:
    """Return how the raw values of each field are read, as aligned text; "" where no field tells it."""
    parts = []
    for name, panel in prepared.report.get("readings", {}).items():
        rows = [panel["columns"], *panel["rows"][:SHOWN_ROWS]]
        cells = [[str(cell)[:SHOWN_CELL] for cell in row] for row in rows]
        more = len(panel["rows"]) + 1 - len(rows)
        parts += [f"{name}: {panel['title']}", *aligned(cells), *([f"... and {more} more"] if more else [])]
    return "\n".join(parts)


def describe(prepared: Prepared) -> str:
    """Return the data report as text: records, what was learnt, what is suspicious."""
    report = prepared.report
    records = ", ".join(f"{count:,} {split}" for split, count in report["records"].items())
    lines = [f"data: {records} records; {report['quarantined']} could not be used"]
    lines += [f"  {count} x {reason}" for reason, count in report["reasons"].items()]
    for name, state in [*prepared.states["inputs"].items(), ("answer", prepared.states["target"])]:
        lines += [f"  {name}: {brief}"] if (brief := _brief(state)) else []
    lines += [f"  note: {note}" for note in report["notes"]]
    lines += [f"  look: {warning}" for warning in report["warnings"]]
    return "\n".join(lines)


def _brief(state: dict[str, Any]) -> str:
    """Return what was learnt, in one line: a list is shown by its length and first items."""

    def show(value: Any) -> str:
        if isinstance(value, list) and len(value) > SHOWN_ITEMS:
            return f"{len(value)}: {', '.join(map(str, list(value)[:SHOWN_ITEMS]))}, ..."
        if isinstance(value, list):
            return ", ".join(f"{one:.3g}" if isinstance(one, float) else str(one) for one in value)
        if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
            return f"of {size(len(value.encode()))}"  # a whole vocabulary
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    told = {key: value for key, value in state.items() if _is_told(value)}
    return "; ".join(f"{key} {show(value)}" for key, value in told.items())


def _is_told(value: Any) -> bool:
    """Say whether what was learnt says something to people: no empty text, no numbers of the network, no parts."""
    has_rows = isinstance(value, list) and bool(value) and isinstance(value[0], list)
    return not (isinstance(value, dict | np.ndarray) or has_rows or value is None or value in ("", []))
