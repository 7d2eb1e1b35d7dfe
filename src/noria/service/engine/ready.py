"""What waits for the model, encoded: no more than fits in memory, and as much at a time as is quick.

A batch is what is there when the model becomes free, so nothing ever waits for others to come; where much is there, as
many records as the model answered lately in `batch_seconds`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from noria.pipeline.encoder import EncodedChunk
from noria.service.engine.work import Work
from noria.types import Ragged

MOST_BYTES = 1 << 27  # of encoded records that wait: what is read ahead while the model is at work
FORGETTING = 0.1  # by how much the measured pace falls with a slower batch: one that was held up says little


@dataclass(frozen=True)
class Piece:
    """Encoded records of one request, or the news that all of it is encoded (`chunk` None)."""

    work: Work
    chunk: EncodedChunk | None
    number: int = 0  # among the pieces of its request

    @property
    def num_bytes(self) -> int:
        """Return the memory that the records take."""
        if self.chunk is None:
            return 0
        arrays = [one for part in self.chunk.records.inputs.values() for one in part.values()]
        return sum(one.values.nbytes if isinstance(one, Ragged) else getattr(one, "nbytes", 0) for one in arrays)

    @property
    def cost(self) -> int:
        """Return how much work the records are: their tokens, or their number where all are alike."""
        if self.chunk is None:
            return 0
        lengths = self.chunk.records.lengths
        return len(self.chunk) if lengths is None else int(lengths.sum()) + len(self.chunk)


class Pace:
    """How much work a second the model does, measured."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._pace = seconds, 0.0

    def see(self, cost: int, seconds: float) -> None:
        """Take note of a batch."""
        if cost and seconds > 0:
            self._pace = max(cost / seconds, (1 - FORGETTING) * self._pace)

    @property
    def most(self) -> float:
        """Return how much work a batch may be; as much as there is until something was measured."""
        return self._pace * self._seconds if self._pace else float("inf")


class Ready:
    """Pieces in the order of their turns, and things to do between batches. The only place where two threads meet."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self._tasks: deque[Callable[[], None]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._is_closed = False

    def put(self, piece: Piece) -> None:
        """Add a piece; wait while too much waits already."""
        num_bytes = piece.num_bytes
        with self._changed:
            while self._pieces and self._bytes + num_bytes > MOST_BYTES and not self._is_closed:
                self._changed.wait()
            self._pieces.append(piece)
            self._bytes += num_bytes
            self._changed.notify_all()

    def call(self, task: Callable[[], None]) -> None:
        """Have something done by the model's thread, before the next batch."""
        with self._changed:
            self._tasks.append(task)
            self._changed.notify_all()

    def take(self, most: float, can_wait: bool) -> tuple[list[Callable[[], None]], list[Piece]] | None:
        """Return what is to be done now and the pieces of a batch, of at most so much work; None once it is closed."""
        with self._changed:
            while can_wait and not self._pieces and not self._tasks and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return None
            tasks, pieces, cost = list(self._tasks), list[Piece](), 0.0
            self._tasks.clear()
            while self._pieces and (not pieces or cost + self._pieces[0].cost <= most):
                piece = self._pieces.popleft()
                self._bytes -= piece.num_bytes
                cost += piece.cost
                pieces.append(piece)
            self._changed.notify_all()
            return tasks, pieces

    def close(self) -> None:
        """Give no more pieces."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
