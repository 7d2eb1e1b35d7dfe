"""Cross-validation scored: every record was answered by the one model of several that had not seen it.

Where answers of all models can be put together (a class, a number) they are scored as those of one model. Other
scores, and those that rank records, are worked out fold by fold and averaged by their records: a rank among the answers
of several models depends on the model, too (Forman and Scholz 2010, "Apples-to-apples in cross-validation studies").
Knows no task. Read next: metrics/across_folds.py, stages/folds.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from noria.contract import Metric, Target, dispatch
from noria.metrics.across_folds import across_folds
from noria.metrics.intervals import LEAST_RESAMPLES, measure, point
from noria.pipeline.predictor import Predictor
from noria.pipeline.remarks import remarks
from noria.types import Arrays, Dataset, State, concatenated, rows_of

NAME = "cross-validation"  # in the place of a split's name


@dataclass(frozen=True)
class Fold:
    """The records that one model had not seen: its outputs, those of the trivial answer, the truth, their groups."""

    state: State
    output: Arrays
    trivial: Arrays
    truth: Arrays
    groups: np.ndarray | None

    @classmethod
    def of(cls, predictor: Predictor, dataset: Dataset) -> Fold:
        """Answer one fold's held-out records."""
        learnt = {name: np.asarray(value, np.float32) for name, value in predictor.bundle.config["baseline"].items()}
        return cls(
            predictor.bundle.states["target"],
            predictor.outputs(dataset),
            dispatch.predict_baseline(predictor.task, dataset, learnt),
            rows_of(dataset.target, slice(None)),
            dataset.groups,
        )

    def __len__(self) -> int:
        return len(next(iter(self.output.values())))


def cross_validation(
    target: Target, folds: Sequence[Fold], resamples: int, records: int, leaks: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what metrics.json holds of it: scores and baseline as those of a split, each fold's own, their spread.

    records: how many there are; those that no fold could hold out are told. `leaks` as for `scores`.
    """
    count, groups = sum(map(len, folds)), groups_of(folds)
    names = [one.name for one in target.metrics(folds[0].state)]
    points = [_points(target, fold) for fold in folds]
    result: dict[str, Any] = {
        "split": NAME,
        "folds": len(folds),
        "n": count,
        "metrics": measure(*scored_together(target, folds, [one.output for one in folds]), resamples, groups=groups),
        "baseline": measure(
            *scored_together(target, folds, [one.trivial for one in folds]), LEAST_RESAMPLES, groups=groups
        ),
        "by_fold": [{"n": len(fold), "metrics": one} for fold, one in zip(folds, points, strict=True)],
        "spread": {name: _spread([one.get(name) for one in points]) for name in names},
    }
    if groups is not None:
        result["groups"] = len(np.unique(groups))
    truth = _together(target, folds, [one.truth for one in folds])
    result["remarks"] = remarks(target, folds[0].state, truth or folds[0].truth, result, leaks)
    if missing := records - count:
        said = f"{missing:,} of {records:,} records were held out by no fold: their answers stood nowhere else"
        result["remarks"].append(said)
    output = _together(target, folds, [one.output for one in folds])
    if output is not None and truth is not None:
        result["panels"] = [asdict(one) for one in dispatch.panels(target, output, truth, folds[0].state)]
    return result


def groups_of(folds: Sequence[Fold]) -> np.ndarray | None:
    """Return which group each record of all folds belongs to; None where they say nothing of it."""
    if any(fold.groups is None for fold in folds):
        return None
    return np.concatenate([np.asarray(fold.groups) for fold in folds])


def in_front(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the scores that say what new records may expect: on test, or else cross-validated where they are."""
    found: Mapping[str, Any] = metrics if metrics["split"] == "test" else metrics.get("cross_validation", metrics)
    return found


def in_words(validated: Mapping[str, Any]) -> str:
    """Return how cross-validated scores came about."""
    groups = f" in {validated['groups']:,} groups" if "groups" in validated else ""
    return f"{validated['n']:,} records{groups}, each held out by one of {validated['folds']} folds"


def explained(metrics: Mapping[str, Any]) -> str:
    """Return whose scores the cross-validated ones are: not those of the model that is kept."""
    count = metrics["cross_validation"]["folds"]
    said = f"These are the scores of {count} models trained like this one, each on what is outside of its fold."
    if metrics["split"] == "test":
        return said
    return f"{said} This one learnt from all records but those for validation, so that none is left to test it."


def scored_together(
    target: Target, folds: Sequence[Fold], outputs: Sequence[Arrays]
) -> tuple[Sequence[Metric], Arrays, Arrays]:
    """Return the scores of one model a fold, and the outputs and the truth of all records that they are of."""
    output, truth = _together(target, folds, outputs), _together(target, folds, [one.truth for one in folds])
    named = [{one.name: one for one in target.metrics(fold.state)} for fold in folds]
    counts = [len(fold) for fold in folds]

    def across(name: str) -> Metric:
        return across_folds([(named[i][name], outputs[i], folds[i].truth) for i in range(len(folds))], counts)

    if output is not None and truth is not None:
        return [across(name) if one.is_ranking else one for name, one in named[0].items()], output, truth
    every = {"record": np.arange(sum(counts))}
    return [across(name) for name in named[0] if all(name in metrics for metrics in named)], every, every


def _together(target: Target, folds: Sequence[Fold], arrays: Sequence[Arrays]) -> Arrays | None:
    """Return outputs or true answers of all folds under the state of the first; None where they cannot stand so."""
    parts = []
    for fold, one in zip(folds, arrays, strict=True):
        if (part := dispatch.restated(target, one, fold.state, folds[0].state)) is None:
            return None
        parts.append(part)
    return {name: concatenated([part[name] for part in parts]) for name in parts[0]}


def _points(target: Target, fold: Fold) -> dict[str, float | None]:
    return {one.name: point(one, fold.output, fold.truth) for one in target.metrics(fold.state)}


def _spread(values: Sequence[float | None]) -> float | None:
    """Return the standard deviation over the folds."""
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None
