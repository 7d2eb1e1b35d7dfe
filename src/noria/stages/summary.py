"""The scores of a model: typed for who goes on with them, and as a small table for who reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noria.pipeline.cross_validation import explained, in_words
from noria.pipeline.value_scores import value_lines
from noria.report.card import number
from noria.report.notebook import framed_scores
from noria.report.protocols import protocol_lines
from noria.report.rivals import rival_lines
from noria.report.scores import side_of, words


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

    @property
    def cross_validation(self) -> Scores | None:
        """Return the cross-validated scores; None where the job asks for none."""
        found = self.content.get("cross_validation")
        return None if found is None else Scores(found)

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
    """Return the scores with interval and baseline, one a line, and where the rest is.

    Cross-validated ones stand in the place of those on validation, which the weights were chosen by.
    """
    validated, lines = metrics.get("cross_validation"), []
    if validated is None or metrics["split"] == "test":
        about = f" in {metrics['groups']} groups" if "groups" in metrics else ""
        about += f" divided by {metrics['divided_by']}" if "divided_by" in metrics else ""
        lines = _scores(metrics, f"scores on {metrics['split']}, {metrics['n']} records{about}, with 95 % intervals")
    if validated is not None:
        title = f"scores by cross-validation, {in_words(validated)}, with 95 % intervals"
        lines += [*_scores(validated, title), explained(metrics)]
    if compared := metrics.get("compared"):
        lines.append(compared["sentence"])
    lines += protocol_lines(metrics)
    if run is not None:
        lines.append(f"report: {(run / 'report.html').resolve()}")
        lines.append(f"bundle: {(run / 'bundle').resolve()}")
    return "\n".join(lines)


def _scores(metrics: dict[str, Any], title: str) -> list[str]:
    lines = [title]
    for name, one in metrics["metrics"].items():
        baseline = metrics["baseline"].get(name, {}).get("value")
        interval = f"({one['note']})" if one.get("note") else f"[{number(one['low'])}, {number(one['high'])}]"
        lines.append(
            f"  {name:<18} {number(one['value']):>8} {interval:<18} baseline {number(baseline):>8}"
            f"   {one['unit']}, {one['direction']} is better{_over_folds(metrics, name)}"
        )
    lines += [f"  {line}" for line in [*_doubt(metrics), *value_lines(metrics), *rival_lines(metrics)]]
    return lines + [f"look: {remark}" for remark in metrics.get("remarks", [])]


def _doubt(metrics: dict[str, Any]) -> list[str]:
    """Say of the first score where its interval includes the baseline; of one that is worse a remark says it."""
    said = []
    for name, one in list(metrics["metrics"].items())[:1]:
        if side_of(one, metrics["baseline"].get(name, {}).get("value")) == "includes":
            said.append(f"the interval of {words(name)} includes the baseline: nothing shows that the model has learnt")
    return said


def _over_folds(metrics: dict[str, Any], name: str) -> str:
    values = [one["metrics"].get(name) for one in metrics.get("by_fold", ())]
    known = [value for value in values if value is not None]
    return f"; folds {number(min(known))} to {number(max(known))}" if known else ""
