"""How well the things in pictures are found: mean average precision as COCO has it, and what is shown to people.

Boxes are matched picture by picture, once; precision and recall then follow from weighted counts, so that a bootstrap
resample costs no matching. The rules are those of pycocotools (Lin et al. 2014), ties and all: any number of boxes may
lie in a crowd, and are neither right nor wrong; one marked difficult may be found once. Read next: vision/boxes.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.contract import Metric
from noria.types import Arrays
from noria.vision.boxes import areas, ious, shares_within

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
SIZES = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}  # square pixels
CROWD, DIFFICULT = 1, 2  # what is not scored: many things in one box, and one that is hard to see
MOST = 100  # boxes of a label in a picture that count
BLOCK = 4_000_000  # resamples times boxes held at once


@dataclass(frozen=True)
class Matches:
    """Boxes given for a label, best first: [D] or [sizes, overlaps, D]; `true` [sizes, n]: how many are to be found."""

    picture: np.ndarray
    score: np.ndarray
    is_right: np.ndarray
    is_ignored: np.ndarray
    true: np.ndarray


class Matching:
    """The matches of each label, kept as long as the same answers are asked for."""

    def __init__(self, labels: int) -> None:
        self.labels = labels
        self._of: tuple[Any, Any] = (None, None)
        self._matches: list[Matches] = []

    def __call__(self, output: Arrays, truth: Arrays) -> list[Matches]:
        if self._of[0] is not output["boxes"] or self._of[1] is not truth["boxes"]:
            self._matches = matched(output, truth, self.labels)
            self._of = (output["boxes"], truth["boxes"])
        return self._matches


def detection_metrics(labels: int, threshold: float) -> tuple[Metric, ...]:
    """Return the scores of `boxes`, `labels`, `scores` of the output beside `boxes` of the truth (left, top, right,
    bottom, label, 0 or CROWD or DIFFICULT); precision, recall and F1 are of boxes from this score on, at overlap 0.5.
    """
    matching = Matching(labels)

    def precision(size: str, overlaps: slice) -> Any:
        def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
            found = average_precisions(matching(output, truth), weights, list(SIZES).index(size), overlaps)
            return _mean(found.mean(2))

        return value

    def counted(score: str) -> Any:
        def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
            counts = shown_counts(matching(output, truth), threshold, len(weights[0])).sum(1)
            right, given, true = counts @ weights.astype(np.float64).T
            above, below = {"f1": (2 * right, given + true), "precision": (right, given), "recall": (right, true)}[
                score
            ]
            return np.asarray(np.divide(above, below, out=np.full(len(weights), np.nan), where=below > 0))

        return value

    of_size = [Metric(f"map_{size}", "fraction", "higher", precision(size, slice(None))) for size in list(SIZES)[1:]]
    return (
        Metric("map50", "fraction", "higher", precision("all", slice(0, 1))),
        Metric("map50_95", "fraction", "higher", precision("all", slice(None))),
        *of_size,
        *(Metric(score, "fraction", "higher", counted(score)) for score in ("f1", "precision", "recall")),
    )


def matched(output: Arrays, truth: Arrays, labels: int) -> list[Matches]:
    """Match the boxes of every picture with the true ones, label by label."""
    count = len(truth["boxes"])
    parts: list[list[Any]] = [[] for _ in range(labels)]
    true = np.zeros((labels, len(SIZES), count))
    for picture in range(count):
        boxes, codes, scores = (output[name][picture] for name in ("boxes", "labels", "scores"))
        wanted = truth["boxes"][picture]
        for label in set(codes.tolist()) | set(wanted[:, 4].astype(int).tolist()):
            given = np.flatnonzero(codes == label)
            given = given[np.argsort(-scores[given], kind="stable")][:MOST]
            own = wanted[wanted[:, 4] == label]
            is_ignored = _is_other_size(own[:, :4]) | (own[:, 5] > 0)
            true[label, :, picture] = (~is_ignored).sum(1)
            right, ignored = _match(boxes[given], own[:, :4], is_ignored, own[:, 5] == CROWD)
            parts[label].append((np.full(len(given), picture), scores[given].astype(np.float64), right, ignored))
    return [_joined(one, true[label]) for label, one in enumerate(parts)]


def overlaps_with(boxes: np.ndarray, true: np.ndarray, is_crowd: np.ndarray) -> np.ndarray:
    """Return float64[n, m]: the intersection over union of boxes with true ones; with a crowd, how much of the box lies
    in it."""
    return np.where(is_crowd, shares_within(boxes, true), ious(boxes, true))


def _match(
    boxes: np.ndarray, true: np.ndarray, is_ignored: np.ndarray, is_crowd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give each box, best first, the free true one that it overlaps most; one that is scored rather than one that is
    not. A crowd stays free. Return whether it is right and whether it is not scored, bool[sizes, overlaps, D]."""
    shape = (len(SIZES), len(OVERLAPS), len(boxes))
    right, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    ignored[:] = _is_other_size(boxes)[:, None]
    if not len(true):
        return right, ignored
    overlaps = overlaps_with(boxes, true, is_crowd)
    is_free = np.ones((*shape[:2], len(true)), bool)
    least = np.minimum(OVERLAPS, 1 - 1e-10)[None, :, None]
    for index, row in enumerate(overlaps):
        value = np.where(is_free & (row >= least), row + 2.0 * ~is_ignored[:, None], -1)
        best = len(true) - 1 - value[..., ::-1].argmax(2)  # the last of equal ones, as pycocotools has it
        found = np.take_along_axis(value, best[..., None], 2)[..., 0] >= 0
        is_optional = np.take_along_axis(is_ignored, best, 1)
        right[..., index] = found & ~is_optional
        ignored[..., index] = np.where(found, is_optional, ignored[..., index])
        is_left = ~found | is_crowd[best]
        np.put_along_axis(
            is_free, best[..., None], is_left[..., None] & np.take_along_axis(is_free, best[..., None], 2), 2
        )
    return right, ignored


def _is_other_size(boxes: np.ndarray) -> np.ndarray:
    """Return bool[sizes, n], whether a box is not of the size."""
    area = areas(boxes)
    return np.stack([(area < low) | (area > high) for low, high in SIZES.values()])


def _joined(parts: list[Any], true: np.ndarray) -> Matches:
    if not parts:
        none = np.zeros((len(SIZES), len(OVERLAPS), 0), bool)
        return Matches(np.zeros(0, np.int64), np.zeros(0), none, none, true)
    picture, score, right, ignored = (np.concatenate([part[i] for part in parts], -1) for i in range(4))
    order = np.argsort(-score, kind="stable")
    return Matches(picture[order], score[order], right[..., order], ignored[..., order], true)


def average_precisions(matches: Sequence[Matches], weights: np.ndarray, size: int, overlaps: slice) -> np.ndarray:
    """Return float[R, labels, overlaps] for R weightings of the pictures; NaN where there is nothing to find."""
    columns = []
    for one in matches:
        step = max(1, BLOCK // max(1, len(one.picture)))
        blocks = [weights[i : i + step].astype(np.float64) for i in range(0, len(weights), step)]
        columns.append(np.concatenate([_of_label(one, block, size, overlaps) for block in blocks]))
    return np.stack(columns, 1)


def _of_label(one: Matches, weights: np.ndarray, size: int, overlaps: slice) -> np.ndarray:
    total = weights @ one.true[size]
    each = weights[:, one.picture]
    found = []
    for right, ignored in zip(one.is_right[size, overlaps], one.is_ignored[size, overlaps], strict=True):
        counts = [np.cumsum(each * flags, 1) for flags in (right & ~ignored, ~right & ~ignored)]
        found.append([_area(*row) for row in zip(*counts, total, strict=True)])
    return np.array(found).T


def _area(right: np.ndarray, wrong: np.ndarray, total: float) -> float:
    """Return the mean over recalls of the best precision at that recall or a higher one."""
    if total == 0:
        return np.nan
    precision = right / (right + wrong + np.spacing(1))
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(right / total, RECALLS, side="left")
    return float(np.append(best, 0.0)[places].mean())


def shown_counts(matches: Sequence[Matches], threshold: float, count: int) -> np.ndarray:
    """Return float[3, labels, n]: the boxes from this score on that are right at overlap 0.5, all of them that count,
    and the true ones, in each picture."""
    counts = np.zeros((3, len(matches), count))
    for label, one in enumerate(matches):
        right, ignored = one.is_right[0, 0], one.is_ignored[0, 0]
        is_shown = (one.score >= threshold) & ~ignored
        np.add.at(counts[0, label], one.picture[is_shown & right], 1)
        np.add.at(counts[1, label], one.picture[is_shown], 1)
        counts[2, label] = one.true[0]
    return counts


def best_threshold(output: Arrays, truth: Arrays, labels: int) -> float | None:
    """Return the score from which shown boxes have the best F1 over all labels, halfway to the next lower score; None
    where no box is right."""
    matches = matched(output, truth, labels)
    score = np.concatenate([one.score[~one.is_ignored[0, 0]] for one in matches])
    right = np.concatenate([one.is_right[0, 0][~one.is_ignored[0, 0]] for one in matches])
    order = np.argsort(-score, kind="stable")
    score, right = score[order], np.cumsum(right[order])
    if not len(score) or not right[-1]:
        return None
    f1 = 2 * right / (np.arange(1, len(score) + 1) + sum(one.true[0].sum() for one in matches))
    is_last = np.append(score[1:] < score[:-1], True)  # of its score: boxes of one score are shown together
    best = int(np.where(is_last, f1, -1).argmax())
    below = score[best + 1] if best + 1 < len(score) else 0.0
    return round(float((score[best] + below) / 2), 4)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of what there is; NaN where there is nothing."""
    is_there = ~np.isnan(values)
    count = is_there.sum(-1)
    return np.asarray(np.divide(np.nansum(values, -1), count, out=np.full(count.shape, np.nan), where=count > 0))
