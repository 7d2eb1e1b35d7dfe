"""One running copy of a model, as the process that listens sees it: requests in, replies out."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from noria.errors import UserError
from noria.service.dialects.all import OPERATIONS
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError

if TYPE_CHECKING:  # it computes, which the process that listens does not
    from noria.service.engine.engine import Engine


class Call:
    """A request that is being answered: its replies, until the last."""

    def __init__(self, replica: Replica, number: int, request: Request) -> None:
        self._replica, self._number, self.request = replica, number, request
        self._replies: asyncio.Queue[Reply | HTTPError] = asyncio.Queue()
        self._is_over = False

    def put(self, reply: Reply | HTTPError) -> None:
        """Take a reply, or why there are no more."""
        self._replies.put_nowait(reply)

    async def replies(self) -> AsyncIterator[Reply]:
        """Yield the replies; raise HTTPError (503) where the model dies of one of its requests."""
        while not self._is_over:
            reply = await self._replies.get()
            if isinstance(reply, HTTPError):
                self._is_over = True
                raise reply
            self._is_over = reply.is_last
            yield reply

    def close(self) -> None:
        """Have no more replies: also where the client went away."""
        self._replica.forget(self._number, is_abandoned=not self._is_over)
        self._is_over = True


class Replica(ABC):
    """A model that answers. `about` is what it says of itself, {} until it is ready."""

    def __init__(self) -> None:
        self.about: Mapping[str, Any] = {}
        self._calls: dict[int, Call] = {}
        self._last_number = 0
        self.num_restarts = 0

    @property
    @abstractmethod
    def is_ready(self) -> bool:
        """Say whether requests are answered now."""

    @property
    def num_going(self) -> int:
        """Return how many requests are being answered."""
        return len(self._calls)

    def call(self, request: Request) -> Call:
        """Begin to have a request answered."""
        self._last_number += 1
        call = Call(self, self._last_number, request)
        self._send(self._last_number, request)  # which may raise: then nothing is being answered
        self._calls[self._last_number] = call
        return call

    @property
    @abstractmethod
    def num_waiting(self) -> int:
        """Return how many of them the model has not begun, as was heard last."""

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """Return the number of its process on this machine; None where none of its own runs here."""

    @property
    @abstractmethod
    def is_running(self) -> bool:
        """Say whether a process of its own is up, on whatever machine."""

    @property
    @abstractmethod
    def watched(self) -> Mapping[str, Any]:
        """Return what its last records show beside those of calibration, as was heard last; {} until then."""

    @abstractmethod
    async def stop(self) -> None:
        """Answer no more; what is being answered is lost."""

    def forget(self, number: int, is_abandoned: bool) -> None:
        """Take no more replies to a request; the model stops where it is at work on it."""
        if self._calls.pop(number, None) is not None and is_abandoned:
            self._cancel(number)

    @abstractmethod
    def _send(self, number: int, request: Request) -> None: ...

    @abstractmethod
    def _cancel(self, number: int) -> None: ...

    def _take(self, number: int, reply: Reply) -> None:
        if number in self._calls:
            self._calls[number].put(reply)

    def _fail_all(self, error: HTTPError) -> None:
        for call in self._calls.values():
            call.put(error)


class LocalReplica(Replica):
    """A model in this very process: for tests, and for programs that have their own server."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine, self.about = engine, engine.about()

    @property
    def is_ready(self) -> bool:
        """Say that requests are answered."""
        return True

    @property
    def num_waiting(self) -> int:
        """Return how many requests the model has not begun."""
        return self.engine.num_waiting

    @property
    def pid(self) -> None:
        """Say that it has no process of its own."""
        return None

    @property
    def watched(self) -> Mapping[str, Any]:
        """Return what the engine saw last."""
        return self.engine.watched.told

    @property
    def is_running(self) -> bool:
        """Say that it has no process of its own."""
        return False

    async def stop(self) -> None:
        """End the model's threads."""
        self.engine.close()

    def _send(self, number: int, request: Request) -> None:
        loop = asyncio.get_running_loop()

        def sink(reply: Reply) -> None:
            loop.call_soon_threadsafe(self._take, number, reply)

        self.engine.submit(number, request, OPERATIONS[request.operation], sink)

    def _cancel(self, number: int) -> None:
        self.engine.cancel(number)


def died(found: str) -> HTTPError:
    """Return the error of a request whose model's process has ended."""
    error = UserError("the model's process has ended; it is being started anew", found=found, fix="ask again")
    return HTTPError(error, HTTPStatus.SERVICE_UNAVAILABLE, code="model_died", headers={"Retry-After": "1"})
