"""One model at work: requests in, replies out. Two threads: one reads and encodes, one runs the model and replies.

What one client sent costs the others a piece of it at a time (turns.py); what is encoded when the model becomes free is
one batch (ready.py), across requests; answers that are written token by token go on between batches, side by side.
What nobody waits for any more is dropped wherever it is found.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import torch

from noria import __version__
from noria.contract import dispatch, streaming
from noria.errors import UserError
from noria.ledger.till import name_of_run
from noria.pipeline.predictor import Predictor
from noria.pipeline.streams import Full, Streams
from noria.pipeline.valuing import text_of
from noria.service.asking.operation import Operation, View
from noria.service.engine.joining import alike, joined, tokens_of
from noria.service.engine.ready import Pace, Piece, Ready
from noria.service.engine.refusals import not_offered, unusable_setting
from noria.service.engine.turns import Turns
from noria.service.engine.watched import Watched
from noria.service.engine.work import Sink, Work, Writing, timed_step, too_late
from noria.service.request.exchange import Request
from noria.service.request.http_error import HTTPError, busy
from noria.service.request.inputs import inputs_of, record_schema
from noria.service.request.limits import Limits
from noria.store.run_folder import read_json
from noria.types import Prediction

_log = logging.getLogger(__name__)


class Engine:
    """A predictor and its two threads. `submit` and `cancel` return at once, and may be called from any thread.

    threads: of the CPU, for the model. It is for a process that computes nowhere else: of two threads that compute by
    teams, as OpenMP does, each wakes its team anew for every step, and a small model takes twice as long.
    """

    def __init__(
        self,
        predictor: Predictor,
        operations: Mapping[str, Operation],
        limits: Limits | None = None,
        name: str = "",
        streams: Streams | None = None,
        threads: int | None = None,
    ) -> None:
        limits = limits or Limits()
        self._cpu_threads = threads
        self.predictor = predictor
        self.view = View(
            name or name_of(predictor), version_of(predictor), predictor, inputs_of(predictor.bundle), limits
        )
        self._operations = {key: one for key, one in operations.items() if one.is_offered(self.view)}
        self._turns: Turns[Work | Callable[[], None]] = Turns()
        self._ready, self._pace = Ready(), Pace(limits.batch_seconds)
        self._works: dict[int, Work] = {}
        usual = Streams(predictor, limits.streams, limits.writing_seconds)
        self._streams = usual if streams is None else streams
        self._writings: dict[int, tuple[Writing, int]] = {}  # by their number in the streams: and which record
        self._last_answer = 0.0
        self.watched = Watched(predictor)
        self._threads = [
            threading.Thread(target=self._read_all, name="reads", daemon=True),
            threading.Thread(target=self._run_all, name="model", daemon=True),
        ]
        self._is_reading = threading.Event()
        for thread in self._threads:
            thread.start()

    def about(self) -> dict[str, Any]:
        """Return what the model says of itself, as JSON."""
        bundle, view = self.predictor.bundle, self.view
        target = self.predictor.task.target
        fields = ("name", "raw_type", "kind", "columns", "example", "is_optional", "column")
        found = {
            "name": view.name,
            "task": bundle.config["task"],
            "noria": __version__,
            "version": view.version,
            "created": int((bundle.path / "config.json").stat().st_mtime),
            "schema": record_schema(view.inputs),
            "inputs": [{field: getattr(one, field) for field in fields} for one in view.inputs],
            "media_type": dispatch.media_type(target),
            "is_writing": streaming.can_stream(target),
            "operations": list(self._operations),
            "described": {key: one.described(view) for key, one in self._operations.items()},
            "valuing": text_of(bundle),
        }
        found |= {key: told for key, one in self._operations.items() if (told := one.told(view))}
        folder = bundle.path.resolve()
        metrics = folder.parent / "metrics.json"
        if folder.name == "bundle" and metrics.is_file():
            scores = read_json(metrics)
            found["scores"] = {key: scores[key] for key in ("split", "n", "metrics", "baseline")}
        return found

    def submit(self, number: int, request: Request, operation: Operation, sink: Sink) -> None:
        """Begin to answer; every reply goes to `sink`, from a thread of the engine."""
        work = Work(request, operation, self.view, sink)
        if operation.name not in self._operations:
            work.refuse(not_offered(operation, self.view.name, self._operations.values()))
            return
        self._works[number] = work
        self._turns.put(request.client, work)

    def cancel(self, number: int) -> None:
        """Stop answering: the client has gone."""
        work = self._works.pop(number, None)
        if work is not None:
            work.abandon()
            self._turns.remove(work.request.client, work)
            self._ready.call(self._drop_abandoned)

    def probe(self, done: Callable[[], None], idle_seconds: float = 1.0) -> None:
        """Call `done` from the model's thread once the model has answered: the example where nothing else was asked.

        It takes its turn in the thread that reads too, so that neither can hang unseen.
        """

        def run() -> None:
            if time.monotonic() - self._last_answer > idle_seconds:
                self.warm_up()
            done()

        self._turns.put("", lambda: self._ready.call(run))

    def get_ready(self) -> None:
        """Return when the model has answered the task's example in its own thread; raise what that raises."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                self.warm_up()
            except Exception as error:  # noqa: BLE001  # raised where it is waited for
                done.set_exception(error)
            else:
                done.set_result(None)

        self._ready.call(run)
        done.result()

    def warm_up(self) -> None:
        """Answer the task's example, where it is a record that this model can use."""
        record = {one.name: one.example for one in self.view.inputs}
        try:
            for chunk in self.predictor.encoded([record]):
                if len(chunk):
                    self.predictor.decoded(chunk.records)
        except UserError:
            _log.debug("the example of the task is no record of this model")
        self._last_answer = time.monotonic()

    @property
    def num_works(self) -> int:
        """Return how many requests are not answered yet."""
        return sum(not work.is_over for work in list(self._works.values()))

    @property
    def num_waiting(self) -> int:
        """Return how many requests the model has not begun."""
        return sum(not work.is_over and not work.has_begun for work in list(self._works.values()))

    def close(self, seconds: float = 5.0) -> bool:
        """Begin nothing more; say whether the model's thread came to an end within the time."""
        self._turns.close()
        self._ready.close()
        self.watched.close()
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    # In the thread that reads.

    def _read_all(self) -> None:
        if self._cpu_threads is not None:
            _use_threads(1)
        self._is_reading.set()
        while (work := self._turns.take()) is not None:
            if not isinstance(work, Work):
                work()
                continue
            if self._is_dropped(work):
                continue
            try:
                self._read_some(work)
            except HTTPError as error:
                work.refuse(error)
            except Exception as error:  # noqa: BLE001  # told, and the next request is read
                _log.exception("a request could not be read: %s", work.request.id)
                work.refuse(error)

    def _read_some(self, work: Work) -> None:
        """Encode the next piece of a request."""
        if not hasattr(work, "asked"):
            work.read()
        chunk = work.next_chunk()
        if chunk is not None:
            if work.is_written or len(work.asked.records) > 1:
                self._ready.put(Piece(work, chunk, work.piece_number))
                self._turns.put_back(work.request.client, work)
                return
            work.is_encoded = True  # a single record has no second piece
            self._ready.put(Piece(work, chunk, work.piece_number))
        else:
            work.is_encoded = True
            self._ready.put(Piece(work, None))

    # In the model's thread.

    def _run_all(self) -> None:
        if self._cpu_threads is not None:
            self._is_reading.wait()  # the last number that is set counts for what MKL computes, in all threads
            _use_threads(self._cpu_threads)
        while (todo := self._ready.take(self._pace.most, can_wait=not len(self._streams))) is not None:
            tasks, pieces = todo
            try:
                self._run(tasks, pieces)
            except Exception as error:  # noqa: BLE001  # of a bug here or in a model's step: the thread goes on
                _log.exception("a turn of the model broke")
                for work in {*(piece.work for piece in pieces), *(one.work for one, _ in self._writings.values())}:
                    work.refuse(error)
                self._stop(list(self._writings))

    def _run(self, tasks: Sequence[Callable[[], None]], pieces: Sequence[Piece]) -> None:
        """Do what is to be done, answer what is ready, write a piece of what is being written."""
        for task in tasks:
            task()
        whole = [one for one in pieces if not self._is_dropped(one.work) and not one.work.is_written]
        for piece in pieces:
            if piece.work.is_written and not self._is_dropped(piece.work):
                self._begin(piece)
        for group in alike([one for one in whole if one.chunk is not None and len(one.chunk)]):
            self._answer(group)
        for piece in whole:
            if piece.chunk is not None and not len(piece.chunk):
                piece.work.answer(piece.number, [])
            if piece.work.is_answered and not piece.work.is_over:
                self._guarded([piece.work], piece.work.finish)
        if len(self._streams):
            self._write()
        if len(self._works) > 64 or not pieces:
            self._forget()

    def _answer(self, pieces: Sequence[Piece]) -> None:
        """Answer the records of several requests in one go."""
        start = time.monotonic()
        works = [piece.work for piece in pieces]

        def run() -> None:
            whole = joined([piece.chunk.records for piece in pieces if piece.chunk is not None])
            given = self.predictor.decoded(whole, self.watched.see)
            self._hand_out(pieces, given, time.monotonic() - start)

        if len(pieces) == 1 or self._is_answered(run):
            if len(pieces) == 1:
                self._guarded(works, run)
        else:
            for piece in pieces:  # whose records break the batch is found one by one; the others are answered
                self._answer([piece])
        self._last_answer = time.monotonic()
        self._pace.see(sum(piece.cost for piece in pieces), self._last_answer - start)

    def _is_answered(self, run: Callable[[], None]) -> bool:
        try:
            run()
        except Exception:  # noqa: BLE001  # told where it is asked for alone
            return False
        return True

    def _hand_out(self, pieces: Sequence[Piece], given: Sequence[Prediction], seconds: float) -> None:
        first = 0
        for piece in pieces:
            count = 0 if piece.chunk is None else len(piece.chunk)
            work = piece.work
            work.begin(time.monotonic() - seconds, len(given))
            work.spend(seconds * count / max(len(given), 1), seconds)
            work.answer(piece.number, given[first : first + count])
            first += count

    def _begin(self, piece: Piece) -> None:
        """Begin to write the answers of a request."""
        work = piece.work
        if piece.chunk is None:
            return
        settings = work.asked.settings or []
        begun: list[int] = []
        writing = Writing(work, self.view, tokens_of(piece.chunk.records))
        try:
            if len(piece.chunk) != len(settings):
                raise busy(f"{len(settings)} answers at a time are asked for, at most {len(piece.chunk)} are written")
            for index, one in enumerate(settings):
                begun.append(self._streams.begin(piece.chunk, index, one))
        except Full:
            self._stop(begun)
            work.refuse(busy(f"{len(self._streams)} answers are being given piece by piece"))
        except UserError as error:
            self._stop(begun)
            work.refuse(unusable_setting(error))
        except Exception as error:  # noqa: BLE001  # told, and the others are written on
            self._stop(begun)
            if not isinstance(error, HTTPError):
                _log.exception("an answer could not be begun: %s", work.request.id)
            work.refuse(error)
        else:
            writing.begun()
            work.end = time.monotonic() + self.view.limits.writing_seconds
            self._writings |= {number: (writing, index) for index, number in enumerate(begun)}

    def _write(self) -> None:
        """Write a piece of each answer."""
        pieces, share_s = timed_step(self._streams)
        for number, chunk in pieces:
            if number not in self._writings:
                continue
            writing, index = self._writings[number]
            writing.work.spend(share_s)
            if self._is_dropped(writing.work):
                self._drop(writing)
            elif chunk.ended == "error":
                error = self._streams.errors.pop(number)
                if not isinstance(error, UserError):
                    _log.error("an answer broke off while it was written: %s", writing.work.request.id, exc_info=error)
                writing.fail(error)
                self._drop(writing)
            else:
                self._guarded([writing.work], lambda w=writing, i=index, c=chunk: w.take(i, c))  # type: ignore[misc]
                if chunk.ended:
                    del self._writings[number]
        self._last_answer = time.monotonic()

    def _drop_abandoned(self) -> None:
        for writing in {id(one): one for one, _ in self._writings.values()}.values():
            if writing.work.is_over:
                self._drop(writing)

    def _drop(self, writing: Writing) -> None:
        numbers = [number for number, (one, _) in self._writings.items() if one is writing]
        self._stop(numbers)

    def _stop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._streams.drop(number)
            self._writings.pop(number, None)

    def _guarded(self, works: Sequence[Work], run: Callable[[], object]) -> None:
        """Run; whatever it raises is told to those who wait."""
        try:
            run()
        except Exception as error:  # noqa: BLE001  # told, and the next batch is answered
            if not isinstance(error, HTTPError | UserError):
                _log.exception("a request could not be answered: %s", works[0].request.id)
            for work in works:
                work.refuse(error)

    def _is_dropped(self, work: Work) -> bool:
        """Say whether nobody waits for a request; where its time is over, say so to the client."""
        if not work.is_over and work.seconds_left <= 0:
            work.refuse(too_late())
        return work.is_over

    def _forget(self) -> None:
        for number, work in list(self._works.items()):
            if work.is_over:
                self._works.pop(number, None)


def _use_threads(number: int) -> None:
    """Let this thread compute by so many; it asks for the number, for the first that asks takes over the last set."""
    torch.set_num_threads(number)
    torch.get_num_threads()


def name_of(predictor: Predictor) -> str:
    """Return the name of a model's run, or of its bundle where it is in none."""
    return name_of_run(predictor.bundle.path)


def version_of(predictor: Predictor) -> str:
    """Return what tells two models of one name apart: the beginning of the digest of the weights and the settings."""
    return predictor.bundle.digest[:12]
