"""Set a window of live records beside the calibration split: tests, expected and realised scores, what is most unlike.

The level is shared out among the tests, so that where nothing has changed one of them gives an alarm in 5 of 100
windows at most. Knows no task. Read next: two_samples.py, label_shift.py, expected_score.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from noria.drift.assessment import Assessment, Estimate, LabelShare, ShiftTest, Unlike
from noria.drift.expected_score import LEAST_RECORDS, expected_score, mean_score
from noria.drift.label_shift import shares_now
from noria.drift.two_samples import kolmogorov_smirnov, mmd
from noria.errors import UserError
from noria.pipeline.observations import Observations
from noria.pipeline.reference import MOST_VECTORS, Reference

LEVEL = 0.05
NORMAL = 1.96  # standard errors on each side, in an interval of 95 %
SHOWN = 10  # records that are most unlike
KINDS = {
    "classes": "class probabilities",
    "labels": "label probabilities",
    "numbers": "predicted numbers",
    "confidence": "confidence",
}
NO_VECTORS = "this engine shows no embeddings: they are not compared"
UNSURE = "the shares of the classes now cannot be told: the answers do not tell the classes of calibration apart"


@dataclass(frozen=True)
class _Found:
    """A test before its alarm is decided."""

    name: str
    method: str
    statistic: float
    p: float
    most: str = ""


def assess(reference: Reference, window: Observations, level: float = LEVEL) -> Assessment:
    """Return what a window of records shows; raise UserError for one that is too small, or of another model."""
    before = reference.observations
    _check(before, window, level)
    labels, realised = _labels(reference, window), mean_score(window.scores)
    return Assessment(
        model=reference.model,
        n=len(window),
        n_reference=len(before),
        level=level,
        tests=_decided(list(_tests(before, window)), level),
        score=reference.score,
        direction=reference.direction,
        before=mean_score(before.scores),
        expected=expected_score(before, before.scores, window),
        realised=realised,
        labels=labels,
        unlike=_most_unlike(before, window),
        notes=_notes(before, window, labels, realised),
        worth_before=mean_score(before.worth),
        worth_now=mean_score(window.worth) or _expected_worth(before, window),
        currency=reference.currency,
    )


def _expected_worth(before: Observations, window: Observations) -> Estimate | None:
    """Return what an answer is expected to be worth now, in micro-units, by what that was expected to be."""
    one, other = (replace(seen, guide=seen.expected) for seen in (before, window))
    return expected_score(one, before.worth, other)


def _check(before: Observations, window: Observations, level: float) -> None:
    """Raise UserError where a window cannot be set beside a reference."""
    if not 0 < level < 1:
        raise UserError("a level is the chance of a false alarm", expected="more than 0, less than 1", found=f"{level}")
    if (window.kind, window.names) != (before.kind, before.names):
        raise UserError("these answers are not of the model that they are set beside", found=f"{window.names[:5]}")
    if len(window) < LEAST_RECORDS:
        raise UserError(
            "so few records show no drift", expected=f"at least {LEAST_RECORDS}", found=str(len(window)),
            fix="wait until more have come, or name more files",
        )  # fmt: skip


def _decided(found: Sequence[_Found], level: float) -> list[ShiftTest]:
    """Return the tests with their alarms, each at its part of the level."""
    return [
        ShiftTest(one.name, one.method, one.statistic, one.p, one.p < level / len(found), one.most) for one in found
    ]


def _notes(
    before: Observations, window: Observations, labels: Sequence[LabelShare], realised: Estimate | None
) -> list[str]:
    """Return why something is not told."""
    notes = [] if before.vectors is None or window.vectors is not None else [NO_VECTORS]
    if labels and labels[0].now is None:
        notes.append(UNSURE)
    if realised is None:
        known = int(np.isfinite(window.scores).sum())
        told = f"the truth of {known} is known" if known else "no true answers are known"
        notes.append(f"{told}: what the score really is now cannot be told, only expected")
    return notes


def _tests(before: Observations, window: Observations) -> Iterator[_Found]:
    first = 1 if len(before.names) == 2 and before.kind == "classes" else 0  # the other one says the same
    one, other = (_complete(seen.values[:, first:]) for seen in (before, window))
    if len(one) and len(other):
        statistic, p, column = kolmogorov_smirnov(one, other)
        most = before.names[first:][column] if one.shape[1] > 1 else ""
        yield _Found(KINDS[before.kind], "Kolmogorov-Smirnov", statistic, p, most)
    if before.vectors is not None and window.vectors is not None:
        known, new = _complete(before.vectors), _complete(window.vectors[-MOST_VECTORS:])
        if len(known) and len(new):
            yield _Found("embeddings", "MMD", *mmd(known, new))
    if len(before.residuals) >= LEAST_RECORDS and len(window.residuals) >= LEAST_RECORDS:
        statistic, p, _ = kolmogorov_smirnov(before.residuals[:, None], window.residuals[:, None])
        yield _Found("residuals", "Kolmogorov-Smirnov", statistic, p)
    elif (figures := (mean_score(before.scores), mean_score(window.scores)))[1] is not None:
        yield from _of_scores(*figures)


def _of_scores(before: Estimate | None, now: Estimate | None) -> Iterator[_Found]:
    """Yield the test of whether the score per record has changed: both means, by the normal distribution."""
    if before is None or now is None:
        return
    from scipy.special import ndtr

    error = np.hypot(before.high - before.low, now.high - now.low) / (2 * NORMAL)
    z = float((now.value - before.value) / max(error, 1e-12))
    yield _Found("score", "z", z, float(2 * ndtr(-abs(z))))


def _complete(values: np.ndarray) -> np.ndarray:
    return np.asarray(values[np.isfinite(values).all(1)])


def _labels(reference: Reference, window: Observations) -> list[LabelShare]:
    confusion = reference.confusion
    if confusion is None:
        return []
    count = len(confusion)
    now = shares_now(confusion, window.likeliest)
    before = confusion.sum(1) / confusion.sum()
    answered = np.bincount(window.answers[window.answers >= 0], minlength=count) / len(window)
    told = [None if now is None else _estimate(now[i], len(window)) for i in range(count)]
    rows = zip(reference.observations.names, before.tolist(), answered.tolist(), told, strict=True)
    return [LabelShare(*row) for row in rows]


def _estimate(bounds: np.ndarray, n: int) -> Estimate:
    value, low, high = bounds.tolist()
    return Estimate(value, low, high, n)


def _most_unlike(before: Observations, window: Observations) -> list[Unlike]:
    """Return the records that are farthest from the nearest one of calibration."""
    if before.vectors is None or window.vectors is None:
        return []
    known, told = _complete(before.vectors), np.flatnonzero(np.isfinite(window.vectors).all(1))
    if len(known) < 2 or not len(told):
        return []
    spread = np.maximum(known.std(0), 1e-9)
    known, new = known / spread, window.vectors[told] / spread
    usual = float(np.median(np.sort(_apart(known, known), axis=1)[:, 1])) or 1.0  # 0 is the record itself
    far = _apart(new, known).min(1) / usual
    sure = window.guide[told] if before.kind != "numbers" else np.full(len(told), np.nan)
    return [
        Unlike(window.places[told[i]], round(float(far[i]), 3), None if np.isnan(sure[i]) else round(float(sure[i]), 6))
        for i in np.argsort(-far, kind="stable")[:SHOWN]
    ]


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))
