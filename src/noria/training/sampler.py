"""Which records make up which batch: a pure function of (seed, step), whatever was killed or resumed in between."""

from __future__ import annotations

import numpy as np

POOL = 64  # batches among which records of like length are put together


class Order:
    """An endless stream of epochs, each its own permutation of the records.

    With `lengths`, int[records], every `batch_size` neighbours are of like length: the permutation is cut into pools,
    each is sorted by length, and its batches are shuffled.
    """

    def __init__(self, records: int, seed: int, lengths: np.ndarray | None = None, batch_size: int = 1) -> None:
        self.records, self.seed = records, seed
        self.lengths, self.batch_size = lengths, batch_size
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
            permutation = generator.permutation(self.records)
            if self.lengths is not None:
                permutation = self._bucketed(permutation, generator)
            self._epoch, self._permutation = epoch, permutation
        return self._permutation

    def _bucketed(self, permutation: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Sort by length within pools, then shuffle the whole batches; what fills no batch stays last."""
        assert self.lengths is not None
        pools = np.arange(self.records) // (POOL * self.batch_size)
        sorted_ = permutation[np.lexsort((self.lengths[permutation], pools))]
        whole = self.records // self.batch_size
        batches = sorted_[: whole * self.batch_size].reshape(whole, self.batch_size)
        return np.concatenate([batches[generator.permutation(whole)].ravel(), sorted_[whole * self.batch_size :]])


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Return the seed of all randomness (dropout, variation) within one step of one process."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> np.uint64(1))
