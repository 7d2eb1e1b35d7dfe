"""All that is known of one request, from its first byte to its last: what logs, metrics and traffic are made of."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from uuid import uuid4

from starlette.types import Scope

from noria.service.request.exchange import Measured

OTHER = "other"  # in the place of a path or a method that is none of ours: what a client writes is no label
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LEFT = 499  # the status, as nginx writes it, of a request whose client did not wait for an answer
UNAVAILABLE, TOO_MANY = 503, 429
WELL_FORMED = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Visit:
    """One request of a client.

    id           the client's own x-request-id where it is well formed, else one that we made
    began        seconds since 1970
    client       the name of the key, or the address
    path         the template of the route: /predict/{model}
    status       0 until an answer begins
    operation, model, version   of the model that is asked; empty for all other paths
    seconds      until the last byte of the answer was sent
    is_broken    whether an error ended it    is_whole  whether the model's last piece came
    """

    def __init__(self, scope: Scope, now: Callable[[], float] = time.monotonic) -> None:
        headers = dict(scope["headers"])
        self._now, self._started = now, now()
        self.id = _id(headers.get(b"x-request-id", b""))
        self.traceparent = headers.get(b"traceparent", b"").decode("latin-1")
        self.began = time.time()
        self.method = scope["method"] if scope["method"] in METHODS else OTHER
        self.client, self.path = "", OTHER
        self.operation = self.model = self.version = ""
        self.status = self.received_bytes = self.sent_bytes = 0
        self.seconds: float = 0.0
        self.tokens, self.measured = (0, 0), Measured()
        self.is_broken, self.is_whole = False, True

    def end(self, scope: Scope) -> None:
        """Note that it is over: what the scope has been told meanwhile by the routes and by the door."""
        self.seconds = self._now() - self._started
        state = scope["state"]
        if (served := state.get("served")) is not None:
            self.operation, self.model, self.version = served.operation, served.model, served.version
            self.tokens, self.measured, self.is_whole = served.tokens, served.measured, served.is_whole
        self.client = str(state.get("client") or (scope.get("client") or ("",))[0])
        self.path = getattr(scope.get("route"), "path", OTHER)
        self.status = self.status or LEFT

    @property
    def outcome(self) -> str:
        """Return how it ended, in one word."""
        if self.status == LEFT:
            return "left"
        if self.status in (UNAVAILABLE, TOO_MANY):
            return "overloaded"
        if self.status >= 500 or self.is_broken or self.measured.ended == "error":
            return "failed"
        if self.status >= 400:
            return "refused"
        return "answered" if self.is_whole else "left"


def _id(given: bytes) -> str:
    return given.decode("ascii") if WELL_FORMED.fullmatch(given) else uuid4().hex
