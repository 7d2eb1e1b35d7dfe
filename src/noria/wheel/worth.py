"""What the answers of a window are worth, beside those of calibration, where a job says what right and wrong are worth.

Read next: contract/payoffs.py, loss.py.
"""

from __future__ import annotations

import numpy as np

from noria.contract.payoffs import Payoffs
from noria.pipeline.observations import Observations
from noria.wheel.assessment import Estimate
from noria.wheel.expected_score import expected_score, mean_score


def worth_of(seen: Observations, payoffs: Payoffs) -> np.ndarray:
    """Return what each answer is worth in micro-units, float[n]; NaN where its truth is not known."""
    found = np.full(len(seen), np.nan)
    known = np.flatnonzero(np.isfinite(seen.truths))
    if seen.kind == "numbers":  # by how far off they are, which is all that an amount for numbers asks
        found[known] = [payoffs.micro(error, 0.0) for error in seen.scores[known]]
    elif seen.kind == "classes":
        pairs = np.stack([seen.answers[known], seen.truths[known].astype(np.int64)], 1)
        each, rows = np.unique(pairs, axis=0, return_inverse=True)
        amounts = [payoffs.micro(seen.names[answer], seen.names[truth]) for answer, truth in each]
        found[known] = np.array(amounts, np.float64)[rows.reshape(-1)]
    return found


def worth_before_and_now(
    reference: Observations, window: Observations, payoffs: Payoffs
) -> tuple[Estimate | None, Estimate | None]:
    """Return what an answer is worth on average, in micro-units, in calibration and now; None where it is untold.

    Now: realised where truths are known, else expected from how sure the answers are.
    """
    before = worth_of(reference, payoffs)
    now = mean_score(worth_of(window, payoffs)) or expected_score(reference, before, window)
    return mean_score(before), now
