"""What runs in a model's process: frames in from the process that listens, frames out to it, an Engine between them.

    python -m noria.service.engine.process FD

FD is a connected socket. The first frame says what to load. Frames in: load, answer, cancel, beat, probe; out: ready or
failed, reply, beat, probed. When the other side goes away this process ends at once.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from noria.errors import UserError
from noria.service.request.exchange import LENGTHS, frame, head_of, reply_frame, request_of
from noria.service.request.limits import Limits

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


class Frames(Protocol):
    """Where frames come from and go to."""

    def read(self) -> tuple[dict[str, Any], bytes]: ...

    def send(self, data: bytes) -> None: ...


class Wire:
    """A socket: frames are read by one thread and written whole by any."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._lock = connection, threading.Lock()
        self._file = connection.makefile("rb", buffering=1 << 16)

    def read(self) -> tuple[dict[str, Any], bytes]:
        """Return the next frame; raise EOFError where the other side has gone."""
        head_bytes, body_bytes = LENGTHS.unpack(self._exactly(LENGTHS.size))
        return head_of(self._exactly(head_bytes)), self._exactly(body_bytes)

    def send(self, data: bytes) -> None:
        """Send a frame; without a word where nobody is there any more, for then this process is about to end."""
        try:
            with self._lock:
                self._connection.sendall(data)
        except OSError:
            os._exit(1)

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count) if count else b""
        if len(data) < count:
            raise EOFError
        return data


def main(descriptor: int) -> None:
    """Load what the first frame names, then answer until the other side goes away."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at a terminal: the process that listens says when to stop
    answer_frames(Wire(socket.socket(fileno=descriptor)))


def answer_frames(frames: Frames, place: str = "") -> None:
    """Load what the first frame names, then answer the others; return where it cannot be loaded, which is told.

    place: what is added to the reason, where the machine is not plain.
    """
    head, _ = frames.read()
    try:
        engine = _engine(head)
    except UserError as error:
        frames.send(frame({"do": "failed", "reason": f"{error}{place}"}))
        return
    frames.send(frame({"do": "ready", "about": engine.about()}))
    _answer(frames, engine)


def _engine(head: Mapping[str, Any]) -> Any:
    import torch

    from noria.pipeline.predictor import load
    from noria.service.dialects.all import OPERATIONS
    from noria.service.engine.engine import Engine

    torch.set_num_threads(1)  # of this thread, which only loads: see Engine
    predictor, limits = load(head["run"], engine=head["engine"]), Limits(**head["limits"])
    engine = Engine(predictor, OPERATIONS, limits, head["name"], threads=head["threads"])
    engine.get_ready()
    return engine


def _answer(frames: Frames, engine: Any) -> None:
    from noria.service.dialects.all import OPERATIONS

    told: Mapping[str, Any] = {}  # that the other side knows
    while True:
        head, body = frames.read()
        match head["do"]:
            case "answer":
                number, request = head["number"], request_of(head, body)
                operation = OPERATIONS[request.operation]
                engine.submit(number, request, operation, lambda reply, n=number: frames.send(reply_frame(n, reply)))
            case "cancel":
                engine.cancel(head["number"])
            case "beat":
                told, before = engine.watched.told, told
                news = {} if told is before else {"watched": told}
                frames.send(frame({"do": "beat", "waiting": engine.num_waiting} | news))
            case "probe":
                engine.probe(lambda: frames.send(frame({"do": "probed"})))


def _die_with_parent() -> None:
    """Have the kernel end this process with the one that listens, also where that is killed and this one hangs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except EOFError:
        os._exit(0)  # threads may be at work still
