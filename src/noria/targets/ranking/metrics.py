"""Scores of rankings: what of the true items stands among the first ten of the whole catalogue.

As RecBole and most papers count: each user weighs the same; the ideal of NDCG has as many items as the user has, at
most ten. Read next: target.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.contract import Metric, mean_metric
from noria.types import Arrays, Panel

PLACES = 10
NOTHING = -1  # where fewer items can be answered than are asked for
_DISCOUNTS = 1 / np.log2(np.arange(2, PLACES + 2))


def ranking_metrics() -> Sequence[Metric]:
    """Return NDCG, recall, hit and MRR at ten; training selects by the first."""
    return (
        mean_metric("ndcg_10", "fraction", "higher", lambda o, t: _ndcg(found(o, t), t)),
        mean_metric("recall_10", "fraction", "higher", _recall),
        mean_metric("hit_10", "fraction", "higher", _hit),
        mean_metric("mrr_10", "fraction", "higher", _mrr),
    )


def found(output: Arrays, truth: Arrays) -> np.ndarray:
    """Return float64[n, PLACES]: whether the item at each place is one of the true ones."""
    given = np.full((len(output["items"]), PLACES), NOTHING, np.int64)
    first = output["items"][:, :PLACES]
    given[:, : first.shape[1]] = first
    items = truth["items"]
    values = np.asarray(items.values[items.offsets[0] : items.offsets[-1]], np.int64)
    rows = np.repeat(np.arange(len(items)), items.lengths)
    most = max(int(given.max(initial=0)), int(values.max(initial=0))) + 1
    is_item = values >= 0
    true = rows[is_item] * most + values[is_item]
    asked = np.arange(len(given))[:, None] * most + given
    return np.asarray(np.isin(asked, true) & (given >= 0), np.float64)


def _hit(output: Arrays, truth: Arrays) -> np.ndarray:
    return np.asarray(found(output, truth).any(1), np.float64)


def _mrr(output: Arrays, truth: Arrays) -> np.ndarray:
    return np.asarray((found(output, truth) / np.arange(1, PLACES + 1)).max(1))


def _recall(output: Arrays, truth: Arrays) -> np.ndarray:
    return np.asarray(found(output, truth).sum(1) / np.maximum(1, truth["items"].lengths))


def _ndcg(hits: np.ndarray, truth: Arrays) -> np.ndarray:
    ideal = np.concatenate([[0], np.cumsum(_DISCOUNTS)])[np.minimum(truth["items"].lengths, PLACES)]
    return np.asarray((hits * _DISCOUNTS).sum(1) / np.maximum(ideal, 1e-12))


def beyond_accuracy(output: Arrays, popularity: np.ndarray) -> Panel:
    """Return how much of the catalogue is recommended at all, how novel it is, and how far the popular is preferred."""
    given = output["items"][:, :PLACES]
    given = given[(given >= 0) & (given < len(popularity))]
    share = (popularity + 1) / max(1, popularity.sum())
    rank = np.argsort(np.argsort(-popularity, kind="stable"), kind="stable")
    is_head = rank < max(1, len(popularity) // 5)
    events = popularity[is_head].sum() / max(1, popularity.sum())
    told = {
        "coverage: items that somebody is shown": len(np.unique(given)) / len(popularity),
        "novelty: mean of -log2 of an item's share of the events": -np.log2(share[given]).mean() if len(given) else 0,
        "popularity: shown items of the most popular fifth": is_head[given].mean() if len(given) else 0,
        "events of training with items of that fifth": events,
    }
    rows = [[name, round(float(value), 4)] for name, value in told.items()]
    return Panel("table", "Beside accuracy", {"columns": ["of the first ten", "value"], "rows": rows})
