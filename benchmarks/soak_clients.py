"""The clients of soak.py: good ones, who know what they must be told, and hostile ones, of whom nothing is expected."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

BUSY = (429, 503)  # declared: with Retry-After, and the same request is answered later
PATIENCE_SECONDS = 180.0  # after which a request that is put off again and again has failed
HEAD = b"POST /predict/digits HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Question:
    """A request and the judge of its answer."""

    name: str
    method: str
    path: str
    is_right: Callable[[bytes], bool]
    body: bytes = b""
    kind: str = "application/json"
    status: int = 200


@dataclass
class Tally:
    """What became of the requests of all good clients."""

    answered: Counter[str] = field(default_factory=Counter)
    put_off: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class GoodClient(threading.Thread):
    """Asks one question after another on one connection, and asks again where it is told to."""

    def __init__(
        self,
        port: int,
        questions: Sequence[Question],
        tally: Tally,
        over: threading.Event,
        seed: int,
        rest_seconds: float = 0.0,
    ) -> None:
        super().__init__(daemon=True)
        self._questions, self._tally, self._over, self._rest_seconds = questions, tally, over, rest_seconds
        self._random = random.Random(seed)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def run(self) -> None:
        """Ask until it is over."""
        while not self._over.wait(self._rest_seconds):
            question = self._random.choice(self._questions)
            end = time.monotonic() + PATIENCE_SECONDS
            while not self._is_done(question) and time.monotonic() < end:
                pass
            if time.monotonic() >= end:
                self._note(self._tally.failed, f"{question.name}: put off for {PATIENCE_SECONDS:g} seconds")
        self._connection.close()

    def _is_done(self, question: Question) -> bool:
        """Ask; say whether it was answered, rightly or not."""
        try:
            status, headers, body = self._asked(question)
        except (OSError, http.client.HTTPException) as error:
            self._note(self._tally.failed, f"{question.name}: {type(error).__name__} {error}")
            return True
        is_told = b'"ended":"error"' in body and b'"code":"model_died"' in body  # after the answer has begun
        if is_told or (status in BUSY and "Retry-After" in headers):
            with self._tally.lock:
                self._tally.put_off[503 if is_told else status] += 1
            time.sleep(min(float(headers.get("Retry-After", "1")), 2.0))
            return False
        if status != question.status:
            self._note(self._tally.failed, f"{question.name}: {status} {body[:300]!r}")
        elif not question.is_right(body):
            self._note(self._tally.wrong, f"{question.name}: {body[:300]!r}")
        else:
            with self._tally.lock:
                self._tally.answered[question.name] += 1
        return True

    def _asked(self, question: Question) -> tuple[int, http.client.HTTPMessage, bytes]:
        is_fresh = self._connection.sock is None
        headers = {"Content-Type": question.kind} if question.body else {}
        try:
            self._connection.request(question.method, question.path, question.body or None, headers)
            response = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection.close()
            if is_fresh:
                raise
            return self._asked(question)  # a kept connection may be closed at any time before an answer begins
        return response.status, response.headers, response.read()

    def _note(self, where: list[str], what: str) -> None:
        with self._tally.lock:
            where.append(f"{time.strftime('%H:%M:%S')} {what}")
        self._connection.close()


class HostileClient(threading.Thread):
    """Does one bad thing after another. What it is answered is nobody's concern."""

    def __init__(self, port: int, bombs: Sequence[bytes], over: threading.Event, seed: int) -> None:
        super().__init__(daemon=True)
        self._port, self._bombs, self._over, self._random = port, bombs, over, random.Random(seed)
        self.done: Counter[str] = Counter()

    def run(self) -> None:
        """Do harm until it is over."""
        deeds = [
            self.silence,
            self.half_a_head,
            self.half_a_body,
            self.endless_chunks,
            self.bomb,
            self.noise,
            self.left,
        ]
        while not self._over.is_set():
            deed = self._random.choice(deeds)
            with suppress(OSError):
                deed()
            self.done[deed.__name__] += 1

    def silence(self) -> None:
        """Hold forty connections and say nothing."""
        held = [self._connected() for _ in range(40)]
        self._over.wait(5)
        for one in held:
            one.close()

    def half_a_head(self) -> None:
        """Send a head byte by byte, and never its end."""
        with self._connected() as connection:
            for index in range(30):
                connection.sendall(HEAD[index : index + 1])
                if self._over.wait(0.1):
                    return

    def half_a_body(self) -> None:
        """Promise more than is sent."""
        with self._connected() as connection:
            connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n" + b'{"records": [')
            self._over.wait(3)

    def endless_chunks(self) -> None:
        """Send chunks of one byte, without end."""
        with self._connected() as connection:
            connection.sendall(HEAD + CHUNKED)
            end = time.monotonic() + 3
            while time.monotonic() < end:
                connection.sendall(b"1\r\n[\r\n" * 500)

    def bomb(self) -> None:
        """Send what becomes large when it is decoded."""
        body = self._random.choice(self._bombs)
        with self._connected() as connection:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            connection.recv(1 << 16)

    def noise(self) -> None:
        """Send no HTTP at all."""
        with self._connected() as connection:
            connection.sendall(self._random.randbytes(4096))
            connection.recv(1 << 16)

    def left(self) -> None:
        """Ask for an answer that is streamed, and go away."""
        body = json.dumps({"record": {"prompt": ""}, "settings": {"max_tokens": 64}}).encode()
        head = HEAD.replace(b"/predict/digits", b"/stream/names")
        with self._connected() as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            connection.recv(1)

    def _connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=10)
