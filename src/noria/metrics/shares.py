"""The interval of a share: Wilson's, which is never [1, 1], also where records come in groups.

Wilson 1927; of groups, by the number of records on their own that would spread as much (Korn and Graubard 1998).
Measured by benchmarks/coverage.py.
"""

from __future__ import annotations

import math

import numpy as np

CONFIDENCE = 0.95


def wilson(share: float, count: float, quantile: float | None = None) -> tuple[float, float]:
    """Return the interval of a share of `count` records; `quantile` is that of the normal distribution by default."""
    from scipy.special import ndtri  # here, as below: a service that watches would start a fifth of a second later

    z = float(ndtri((1 + CONFIDENCE) / 2)) if quantile is None else quantile
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return (0.0 if share == 0 else max(0.0, middle - half)), (1.0 if share == 1 else min(1.0, middle + half))


def share_interval(hits: np.ndarray, groups: np.ndarray | None = None) -> tuple[float, float]:
    """Return the interval of the share of hits, float[n] of zeros and ones; `groups` int[n], 0 .. m - 1.

    Where all or none are hits, nothing shows how alike the records of a group are: each group then counts as one.
    """
    share = float(hits.mean())
    if groups is None:
        return wilson(share, len(hits))
    count = int(groups.max()) + 1
    spread = count / (count - 1) * float((np.bincount(groups, hits - share) ** 2).sum()) / len(hits) ** 2
    alone = float(count) if share in (0, 1) else min(len(hits), share * (1 - share) / max(spread, 1e-12))
    return wilson(share, alone, t_quantile(count))


def t_quantile(count: int) -> float:
    """Return the quantile of Student's t for an interval from `count` independent values."""
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
