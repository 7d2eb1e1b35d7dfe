"""The ten best of a catalogue by the package `implicit`, for histories that it has learnt nothing from.

python top_ten.py ITEMS WIDTH HISTORY AT_ONCE SECONDS

Run by benchmarks/recommendation.py --speed --implicit PYTHON.

Factors are drawn, as those of Noria are: an answer is the search over all items, without those of the history.
"""

import sys
import time

import numpy as np
from implicit.cpu.matrix_factorization_base import MatrixFactorizationBase
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

size, width, history, at_once, seconds = (*map(int, sys.argv[1:5]), float(sys.argv[5]))
generator = np.random.default_rng(0)


class Drawn(MatrixFactorizationBase):
    """A model whose factors were learnt elsewhere."""

    def fit(self, user_items, show_progress=True, callback=None):
        self.item_factors = generator.normal(size=(size, width)).astype(np.float32)
        self.user_factors = generator.normal(size=(at_once, width)).astype(np.float32)

    def save(self, file):
        raise NotImplementedError


with threadpool_limits(1):
    model = Drawn(num_threads=1)
    model.fit(None)
    rows = np.repeat(np.arange(at_once), history)
    seen = csr_matrix((np.ones(len(rows)), (rows, generator.integers(0, size, len(rows)))), (at_once, size))
    users = np.arange(at_once)
    model.recommend(users, seen, N=10)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        model.recommend(users, seen, N=10)
        count += at_once
    print(count / (time.perf_counter() - started))
