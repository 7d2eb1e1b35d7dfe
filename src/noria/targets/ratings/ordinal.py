"""How likely each level is, given the rating that is foretold: proportional odds (McCullagh 1980).

    log odds of more than level k = slope (rating - cut_k)

Read next: target.py.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

LEAST = 200  # held-out ratings below which slope and cuts stay as the noise of the factors has them
LOGISTIC = 1.7  # slope of the logistic curve that is nearest to a normal one of spread 1
PRIOR = 1.0  # what a cut costs that lies one level off, in nats


def first_odds(levels: np.ndarray, spread: float) -> list[float]:
    """Return the slope and the cuts, half way between the levels, of a rating that errs by so much."""
    return [LOGISTIC / max(spread, 1e-3), *((levels[1:] + levels[:-1]) / 2).tolist()]


def fitted_odds(ratings: np.ndarray, places: np.ndarray, odds: list[float]) -> list[float]:
    """Return slope and cuts by held-out ratings: foretold float[n], true level int[n] from 0 on."""
    if len(ratings) < LEAST:
        return odds
    start = np.array([np.log(odds[0]), *odds[1:]])
    sign = np.where(places[:, None] > np.arange(len(odds) - 1), 1.0, -1.0)

    def cost(given: np.ndarray) -> tuple[float, np.ndarray]:
        slope, apart = np.exp(given[0]), ratings[:, None] - given[1:]
        margin = sign * slope * apart
        push = -sign * expit(-margin)
        gradient = np.concatenate([[(push * slope * apart).sum()], -slope * push.sum(0)])
        return float(np.logaddexp(0, -margin).sum() + PRIOR * ((given - start) ** 2).sum()), (
            gradient + 2 * PRIOR * (given - start)
        )

    found = minimize(cost, start, jac=True, method="L-BFGS-B").x
    return [float(np.exp(found[0])), *np.sort(found[1:]).tolist()]


def chances(ratings: np.ndarray, odds: list[float]) -> np.ndarray:
    """Return float64[n, levels], how likely each level is."""
    above = expit(odds[0] * (ratings[:, None] - np.array(odds[1:])))
    ends = np.ones((len(ratings), 1)), np.zeros((len(ratings), 1))
    return np.asarray(-np.diff(np.concatenate([ends[0], above, ends[1]], 1), axis=1))
