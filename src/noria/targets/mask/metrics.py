"""How well regions of classes agree: intersection over union, and how many pixels are right.

Everything follows from one table an image, how many pixels of each true class were given each class; it is counted once
for all metrics and resamples. Everingham et al. 2010, "The Pascal Visual Object Classes Challenge", section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from noria.contract import Metric
from noria.types import Arrays

VOID = 255  # the code of a place that belongs to no class and is not scored
MOST_CLASSES = 40  # of more, no class has a score of its own beside the table in the report
Table = Callable[[Arrays, Arrays], np.ndarray]


def region_metrics(classes: Sequence[str]) -> tuple[Metric, ...]:
    """Return the metrics of `classes` (output) against `mask` (truth), uint8[n, H, W] each; the first is mean IoU."""
    table = _Counted(len(classes))

    def miou(counts: np.ndarray) -> np.ndarray:
        return mean_known(intersection_over_union(counts))

    def pixels(counts: np.ndarray) -> np.ndarray:
        return _share(np.trace(counts, axis1=1, axis2=2), counts.sum((1, 2)))

    def recall(counts: np.ndarray) -> np.ndarray:
        return mean_known(_share(np.diagonal(counts, axis1=1, axis2=2), counts.sum(2)))

    def of_image(output: Arrays, truth: Arrays) -> np.ndarray:
        return miou(table(output, truth))

    def mean_of_images(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        scores = of_image(output, truth)
        known = np.isfinite(scores)
        return _share(weights @ np.where(known, scores, 0), weights @ known)

    each = [
        _pooled(f"iou_{'_'.join(name.split())}", table, partial(_one_class, place=place))
        for place, name in enumerate(classes[:MOST_CLASSES] if len(classes) <= MOST_CLASSES else ())
    ]
    return (
        _pooled("miou", table, miou),
        _pooled("pixel_accuracy", table, pixels),
        _pooled("class_accuracy", table, recall),
        Metric("image_iou", "fraction", "higher", mean_of_images, of_image),
        *each,
    )


def confusion(answer: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return int64[n, classes, classes]: pixels of each image by true class (rows) and given class, void left out."""
    counts = np.zeros((len(truth), classes, classes), np.int64)
    for index in range(len(truth)):
        true = truth[index].ravel()
        is_scored = true != VOID
        pairs = true[is_scored].astype(np.int64) * classes + answer[index].ravel()[is_scored]
        counts[index] = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return counts


def intersection_over_union(counts: np.ndarray) -> np.ndarray:
    """Return float[..., classes] for tables [..., classes, classes]; NaN for a class neither true nor given."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return _share(hits, counts.sum(-1) + counts.sum(-2) - hits)


def mean_known(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of what is a number; NaN where nothing is."""
    known = np.isfinite(values)
    return _share(np.where(known, values, 0).sum(-1), known.sum(-1))


class _Counted:
    """The table of each image; that of the last arrays asked for is kept, as all metrics ask for the same."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self._of: tuple[Any, Any] = (None, None)
        self._table = np.zeros(0)

    def __call__(self, output: Arrays, truth: Arrays) -> np.ndarray:
        answer, true = output["classes"], truth["mask"]
        if self._of[0] is not answer or self._of[1] is not true:
            self._table = confusion(np.asarray(answer, np.uint8), np.asarray(true), self.classes)
            self._of = (answer, true)
        return self._table


def _pooled(name: str, table: Table, score: Callable[[np.ndarray], np.ndarray]) -> Metric:
    """Return the metric of all pixels of all images together."""

    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        counts = table(output, truth)
        pooled = weights.astype(np.float64) @ counts.reshape(len(counts), -1)
        return score(pooled.reshape(len(weights), *counts.shape[1:]))

    return Metric(name, "fraction", "higher", value)


def _one_class(counts: np.ndarray, place: int) -> np.ndarray:
    return np.asarray(intersection_over_union(counts)[..., place])


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(whole > 0, part / whole, np.nan), np.float64)
