"""One request in the model's process, from what was sent to the last reply; of two threads at most one has it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from noria.errors import UserError
from noria.pipeline.drift import Drift
from noria.pipeline.encoder import EncodedChunk
from noria.pipeline.predictor import usable
from noria.pipeline.streams import Streams
from noria.pipeline.valuing import valued
from noria.preparation.cut_records import CutRecords
from noria.service.asking.operation import Asked, Operation, Said, View, Writer, Written
from noria.service.request.costs import check_costs
from noria.service.request.exchange import Measured, Reply, Request
from noria.service.request.http_error import HTTPError, broken
from noria.types import Chunk, Prediction

Sink = Callable[[Reply], None]
PIECE = 64  # records that are encoded at a time: so many are waited for before it is another client's turn
NO_STORE = {"cache-control": "no-store", "x-accel-buffering": "no"}  # the latter: a proxy must not hold pieces back


class Work:
    """A request, what is known of it so far, and where its replies go. `is_over` once nobody waits for it."""

    def __init__(self, request: Request, operation: Operation, view: View, sink: Sink) -> None:
        self.request, self.operation, self._view, self._sink = request, operation, view, sink
        self._arrived = time.monotonic()
        self.end = self._arrived + request.seconds  # when nobody waits any more
        self.is_over = self.is_encoded = False
        self.measured = Measured()
        self._answers: dict[int, Sequence[Prediction]] = {}  # by the number of the piece
        self._num_pieces = 0  # that are encoded: of the thread that reads alone, as _answers are the model's
        self._drift, self._cut = Drift(view.predictor.task, view.predictor.states), CutRecords(view.predictor.task)

    @property
    def seconds_left(self) -> float:
        """Return for how long somebody still waits."""
        return self.end - time.monotonic()

    def read(self) -> None:
        """Understand the request; raise HTTPError."""
        self.asked: Asked = self.operation.read(self.request, self._view)
        check_costs(self.asked.records, self._view.predictor.task.inputs, self._view.limits)
        chunks = self._view.predictor.encoded(self.asked.records, at_once=PIECE)
        self._chunks: Iterator[EncodedChunk] = self._cut.watch(self._drift.watch(usable(chunks)))

    @property
    def is_written(self) -> bool:
        """Say whether the answers are written token by token."""
        return self.asked.settings is not None

    def next_chunk(self) -> EncodedChunk | None:
        """Encode the next records; raise HTTPError for one that cannot be used. None: there are no more."""
        try:
            chunk = next(self._chunks, None)
        except UserError as error:
            raise self._unusable(error) from error
        self._num_pieces += chunk is not None
        return chunk

    @property
    def piece_number(self) -> int:
        """Return the number of the piece that was encoded last."""
        return self._num_pieces

    def answer(self, number: int, answers: Sequence[Prediction]) -> None:
        """Take the answers to the records of a piece; pieces may be answered in any order."""
        self._answers[number] = answers

    @property
    def is_answered(self) -> bool:
        """Say whether all pieces are encoded and answered."""
        return self.is_encoded and len(self._answers) == self._num_pieces

    def abandon(self) -> None:
        """Answer no more: nobody waits, and what was sent need not be held."""
        self.is_over = True
        self.request = replace(self.request, body=b"")

    def spend(self, own_seconds: float, seconds: float = 0.0) -> None:
        """Note its share of what the model did, and how long that took where nothing else measures it."""
        so_far = self.measured
        own, whole = so_far.own_seconds + own_seconds, so_far.model_seconds + seconds
        self.measured = replace(so_far, own_seconds=own, model_seconds=whole)

    def begin(self, when: float, batch: int) -> None:
        """Note that the model began on it, in a batch of so many records."""
        if not self.has_begun:
            self.measured = replace(self.measured, batch=batch, queue_seconds=when - self._arrived)

    @property
    def has_begun(self) -> bool:
        """Say whether the model has begun on it."""
        return self.measured.batch > 0

    def finish(self) -> None:
        """Reply with the answers of `predict`."""
        said = Said(self._drift.sentences(), self._cut.sentences())
        answers = [one for number in sorted(self._answers) for one in self._answers[number]]
        reply, worth = self.operation.write(answers, self.asked, self._view, said), self._view.predictor.worth
        self.send(reply if worth is None else replace(reply, valued=valued(worth, answers)))

    def refuse(self, error: Exception) -> None:
        """Reply with why there is no answer; a bug's trace goes to the log alone."""
        self.send(self.operation.refusal(as_http(error)))

    def send(self, reply: Reply) -> None:
        """Send a reply, unless nobody waits."""
        if self.is_over:
            return
        num = len(self.asked.records) if reply.is_last and hasattr(self, "asked") else 0
        reply = replace(reply, measured=replace(self.measured, records=num))
        self._sink(reply)  # before it counts as over: a reply that cannot be sent is refused in its place
        self.is_over = self.is_over or reply.is_last

    def _unusable(self, error: UserError) -> HTTPError:
        """Return the error of a record that the predictor cannot use; it names the record, we add the field."""
        status, code = HTTPStatus.UNPROCESSABLE_ENTITY, "unusable_record"
        if self.is_written and len(self.asked.records) == 1:
            return HTTPError(error, status, code=code, param="record")
        place, inputs = re.fullmatch(r"record (\d+)", error.where), self._view.inputs
        if not place:
            return HTTPError(error, status, code=code)
        where, param = error.where, f"records[{place[1]}]"
        if len(inputs) == 1:
            where, param = f"{where}, {inputs[0].name}", f"{param}.{inputs[0].name}"
        placed = UserError(error.what, where=where, expected=error.expected, found=error.found, fix=error.fix)
        return HTTPError(placed, status, code=code, param=param)


@dataclass
class _Text:
    """One record's answer as it is written."""

    parts: list[str | bytes]
    ended: str | None = None
    logprobs: tuple[float, ...] = ()
    tokens: tuple[str, ...] = ()
    num_pieces: int = 0


class Writing:
    """The answers of one request that are being written, streamed or gathered."""

    def __init__(self, work: Work, view: View, prompt_tokens: Sequence[int]) -> None:
        self.work, self._view, self._prompt_tokens = work, view, prompt_tokens
        self._texts = [_Text([]) for _ in work.asked.records]
        self._writer: Writer | None = work.operation.writer(work.asked, view) if work.asked.is_streamed else None
        self._has_begun = False
        self._start = time.monotonic()
        work.begin(self._start, len(work.asked.records))

    def begun(self) -> None:
        """Note what it took to begin."""
        self.work.spend(time.monotonic() - self._start)

    def take(self, record: int, chunk: Chunk) -> bool:
        """Take a piece of a record's answer and send what can be sent; say whether the whole request is answered."""
        text = self._texts[record]
        text.ended, text.logprobs, text.tokens = chunk.ended, chunk.logprobs, chunk.tokens
        text.num_pieces += 1
        self._measure()
        if self._writer is None:
            text.parts.append(chunk.content)
        else:
            begun = b"" if self._has_begun else self._writer.begin(self._prompt_tokens)
            self._send(begun + self._writer.piece(record, chunk))
        if any(one.ended is None for one in self._texts):
            return False
        if self._writer is None:
            reply = self.work.operation.write_written(self._whole(), self.work.asked, self._view)
            self.work.send(replace(reply, tokens=self._tokens()))
        else:
            self._send(self._writer.end(), is_last=True)
        return True

    def fail(self, error: Exception) -> None:
        """Say that the answer breaks off; where a reply has begun, no status says it any more."""
        told = as_http(error)
        self.work.measured = replace(self.work.measured, ended="error")
        if self._writer is None or not self._has_begun:
            self.work.refuse(told)
        elif (last := self._writer.error(told)) is not None:
            self._send(last, is_last=True)
        else:
            self.work.send(Reply(b"", is_last=True, is_broken=True))

    def _measure(self) -> None:
        """Note how long the first token took, and the whole so far."""
        seconds, so_far = time.monotonic() - self._start, self.work.measured
        ended = next((one.ended for one in self._texts if one.ended), "")
        prompt_seconds = so_far.prompt_seconds or seconds
        self.work.measured = replace(so_far, prompt_seconds=prompt_seconds, model_seconds=seconds, ended=ended)

    def _send(self, body: bytes, is_last: bool = False) -> None:
        assert self._writer is not None
        if self._has_begun and not body and not is_last:
            return
        self._has_begun = True
        headers = {"content-type": self._writer.media_type, **NO_STORE}
        self.work.send(Reply(body, headers=headers, is_last=is_last, tokens=self._tokens()))

    def _tokens(self) -> tuple[int, int]:
        """Return how many were read and written; of an answer that goes on, its pieces stand for its tokens."""
        return sum(self._prompt_tokens), sum(len(one.logprobs) or one.num_pieces for one in self._texts)

    def _whole(self) -> list[Written]:
        return [
            Written(_joined(one.parts), str(one.ended), one.logprobs, number, one.tokens)
            for one, number in zip(self._texts, self._prompt_tokens, strict=True)
        ]


def timed_step(streams: Streams) -> tuple[Sequence[tuple[int, Chunk]], float]:
    """Write a piece of each answer; return the pieces, and the seconds that each took."""
    start = time.monotonic()
    pieces = streams.step()
    return pieces, (time.monotonic() - start) / max(len(pieces), 1)


def as_http(error: Exception) -> HTTPError:
    """Return an error as a client is told it: of a bug, nothing."""
    if isinstance(error, HTTPError):
        return error
    if isinstance(error, UserError):
        return HTTPError(error, HTTPStatus.UNPROCESSABLE_ENTITY, code="unusable_record", param="record")
    return broken()


def too_late() -> HTTPError:
    """Return the error of a request whose answer nobody waits for any more."""
    error = UserError("the answer was not there in time", fix="ask for less at a time, or again when less is asked")
    return HTTPError(error, HTTPStatus.GATEWAY_TIMEOUT, code="too_late")


def _joined(parts: list[str | bytes]) -> str | bytes:
    if parts and isinstance(parts[0], bytes):
        return b"".join(one for one in parts if isinstance(one, bytes))
    return "".join(one for one in parts if isinstance(one, str))
