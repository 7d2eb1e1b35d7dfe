"""How much of what clients sent is held at a time; counted in the event loop alone, and so without locks."""

from __future__ import annotations

from noria.service.request.http_error import busy
from noria.service.request.limits import Limits


class Room:
    """The bytes of all requests that are not answered yet."""

    def __init__(self, limits: Limits) -> None:
        self._most, self.held_bytes = limits.held_bytes, 0

    def hold(self, num_bytes: int) -> None:
        """Count bytes of a request; raise HTTPError (503) where they are too many in all."""
        if self.held_bytes + num_bytes > self._most:
            raise busy(f"the waiting requests hold {self.held_bytes} bytes")
        self.held_bytes += num_bytes

    def release(self, num_bytes: int) -> None:
        """Count the bytes of an answered request off again."""
        self.held_bytes -= num_bytes
