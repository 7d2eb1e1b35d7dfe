"""What a start from an earlier model brought: each score beside that of another run on the same records.

The interval of the difference takes the two scores as independent, which is too wide rather than too narrow: both were
measured on the same records. Read next: stages/evaluate.py.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from noria.errors import UserError
from noria.store.run_folder import read_json


def gain(metrics: dict[str, Any], other: Path) -> dict[str, Any]:
    """Return {"against": run, "metrics": {name: {value, low, high, ...}}}: our score minus the other run's.

    Raises UserError where the other run was scored on other records, or has no scores.
    """
    theirs = scores_of(other, metrics["split"], metrics["n"])
    common = [name for name in metrics["metrics"] if name in theirs["metrics"]]
    differences = {name: _difference(metrics["metrics"][name], theirs["metrics"][name]) for name in common}
    return {"against": str(other), "metrics": {name: one for name, one in differences.items() if one is not None}}


def scores_of(other: Path, split: str, n: int) -> dict[str, Any]:
    """Return the scores of a run; raise UserError where it has none, or not on so many records of this split."""
    path = other / "metrics.json"
    if not path.is_file():
        raise UserError("evaluate.against is no finished run", where=str(other), mend="give the folder of a run")
    scores: dict[str, Any] = read_json(path)
    if (scores["split"], scores["n"]) != (split, n):
        raise UserError(
            "evaluate.against was scored on other records",
            where=str(other),
            expected=f"{n} of {split}",
            found=f"{scores['n']} of {scores['split']}",
        )
    return scores


def _difference(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any] | None:
    if any(one[key] is None for one in (ours, theirs) for key in ("value", "low", "high")):
        return None
    value = ours["value"] - theirs["value"]
    below = math.hypot(ours["value"] - ours["low"], theirs["high"] - theirs["value"])
    above = math.hypot(ours["high"] - ours["value"], theirs["value"] - theirs["low"])
    return {
        "value": value,
        "low": value - below,
        "high": value + above,
        "unit": ours["unit"],
        "direction": ours["direction"],
    }
