"""Which records make up which batch: a pure function of (seed, step), whatever was killed or resumed in between."""

from __future__ import annotations

import numpy as np


class Order:
    """An endless stream of epochs, each its own permutation of the records."""

    def __init__(self, records: int, seed: int) -> None:
        self.records, self.seed = records, seed
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def indices(self, start: int, count: int) -> np.ndarray:
        """Return int64[count], the records at these places of the stream."""
        parts, missing = [], count
        while missing:
            epoch, offset = divmod(start, self.records)
            part = self._of_epoch(epoch)[offset : offset + missing]
            parts.append(part)
            start, missing = start + len(part), missing - len(part)
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _of_epoch(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            generator = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
            self._epoch, self._permutation = epoch, generator.permutation(self.records)
        return self._permutation


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Return the seed of all randomness (dropout, variation) within one step of one process."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> np.uint64(1))
