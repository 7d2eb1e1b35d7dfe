"""The scores of a model: typed for who goes on with them, and as a small table for who reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noria.report.card import number
from noria.report.notebook import framed_scores


@dataclass(frozen=True)
class Score:
    """One score with its 95 % interval, the trivial baseline's beside it; None where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None
    baseline: float | None
    unit: str
    direction: str


@dataclass(frozen=True, repr=False)
class Scores:
    """What metrics.json holds, as `content`; slices and panels stand there alone."""

    content: dict[str, Any]

    @property
    def split(self) -> str:
        """Return what was scored: a split, or the name of other data."""
        return str(self.content["split"])

    @property
    def n(self) -> int:
        """Return how many records were scored."""
        return int(self.content["n"])

    @property
    def metrics(self) -> dict[str, Score]:
        """Return the scores by name, the one that training selects by first."""
        keys = ("value", "low", "high", "unit", "direction")
        baseline = self.content["baseline"]
        return {
            name: Score(**{key: one[key] for key in keys}, baseline=baseline.get(name, {}).get("value"))
            for name, one in self.content["metrics"].items()
        }

    def __getitem__(self, key: str) -> Any:
        """Return what metrics.json holds under a key."""
        return self.content[key]

    def __str__(self) -> str:
        """Return the scores as a small table."""
        return summary(self.content)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return framed_scores(self.content)


def summary(metrics: dict[str, Any], run: Path | None = None) -> str:
    """Return the scores with interval and baseline, one a line, and where the rest is."""
    groups = f" in {metrics['groups']} groups" if "groups" in metrics else ""
    lines = [f"scores on {metrics['split']}, {metrics['n']} records{groups}, with 95 % intervals"]
    for name, one in metrics["metrics"].items():
        baseline = metrics["baseline"].get(name, {}).get("value")
        interval = f"({one['note']})" if one.get("note") else f"[{number(one['low'])}, {number(one['high'])}]"
        lines.append(
            f"  {name:<18} {number(one['value']):>8} {interval:<18} baseline {number(baseline):>8}"
            f"   {one['unit']}, {one['direction']} is better"
        )
    lines += [f"look: {remark}" for remark in metrics.get("remarks", [])]
    if compared := metrics.get("compared"):
        lines.append(compared["sentence"])
    if run is not None:
        lines.append(f"report: {(run / 'report.html').resolve()}")
        lines.append(f"bundle: {(run / 'bundle').resolve()}")
    return "\n".join(lines)
