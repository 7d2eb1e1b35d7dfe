"""The last answers of a model in service, kept as numbers, and what they show beside its calibration split.

`see` costs an answer some microseconds: it keeps what the network gave, and nothing is worked out until it is asked
for. Read next: assess.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Lock

from noria.contract import dispatch
from noria.drift.assess import assess
from noria.drift.assessment import Assessment
from noria.pipeline.observations import Observations, joined, observe
from noria.pipeline.pooling import POOLED
from noria.pipeline.predictor import Predictor
from noria.pipeline.reference import Reference
from noria.types import Arrays, Prediction

MOST_RECORDS = 1000
LEAST_RECORDS = 100  # of which anything is said
NEW_SHARE = 0.1  # of the window: so much of it is new before it is assessed again


class Live:
    """The window of one model. Answers may come from one thread and be assessed in another."""

    def __init__(self, predictor: Predictor, reference: Reference, most: int = MOST_RECORDS) -> None:
        self._predictor, self._reference, self._most = predictor, reference, most
        self._answers = dispatch.answer_output(predictor.task.target)
        self._lock = Lock()
        self._seen: deque[tuple[Arrays, Sequence[Prediction], int]] = deque()
        self._num_kept = self._num_new = 0
        self._found: Assessment | None = None

    def see(self, output: Arrays, given: Sequence[Prediction]) -> None:
        """Keep what is needed of the outputs for some records and of their answers."""
        wanted = [name for name in (self._answers, POOLED) if name is not None and name in output]
        kept = {name: output[name] for name in wanted}
        sure = [] if self._answers in kept else [Prediction(None, one.confidence) for one in given]
        with self._lock:
            self._seen.append((kept, sure, len(given)))
            self._num_kept += len(given)
            self._num_new += len(given)
            while self._num_kept - self._seen[0][2] >= self._most:
                self._num_kept -= self._seen.popleft()[2]

    @property
    def num_seen(self) -> int:
        """Return how many records are kept."""
        return min(self._num_kept, self._most)

    def assessment(self) -> Assessment | None:
        """Return what the window shows, worked out anew where enough of it is new; None where it is too small."""
        with self._lock:
            is_old = self._found is None or self._num_new >= NEW_SHARE * self._most
            if self._num_kept < LEAST_RECORDS or not is_old:
                return self._found
            seen, self._num_new = list(self._seen), 0
        self._found = assess(self._reference, self._observed(seen))
        return self._found

    def _observed(self, seen: Sequence[tuple[Arrays, Sequence[Prediction], int]]) -> Observations:
        parts = [observe(self._predictor, output, (), predictions=sure) for output, sure, _ in seen]
        return joined(parts).last(self._most)
