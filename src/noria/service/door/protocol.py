"""uvicorn's connection with deadlines, and with a bound on what one client's bytes may cost in one turn of the loop.

    socket -> data_received -> _received -> _feed, some KiB at a time, for some milliseconds a turn -> uvicorn's parser

Two million chunks of one byte are legal and take seconds to parse: between two pieces of them everybody else has a
turn, and a request that costs too much in all is cut. h11, not httptools: it bounds the headers itself, and refuses a
request with two lengths. Read next: connections.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from time import thread_time
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

from noria.errors import UserError
from noria.service.door.connections import Connections, Phase
from noria.service.request.http_error import HTTPError, json_bytes

SLICE_BYTES = 4 << 10  # 680 chunks of one byte, which take 4 ms to parse; 32 MiB in whole chunks take 45 ms
TURN_SECONDS = 0.005
PARSE_SECONDS = 2.0  # of the processor, for one request: forty times what a body of 32 MiB in whole chunks takes


class DoorProtocol(H11Protocol):
    """One connection."""

    def __init__(self, connections: Connections, **settings: Any) -> None:
        super().__init__(**settings)
        self._all = connections
        self._received = bytearray()
        self._is_due = False
        self._parse_seconds = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first byte."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self._feed_soon)
        self._all.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._received.clear()
        self._all.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket; they are parsed now, or in the next turn where others are waiting."""
        if self._all.phase(self) is Phase.SILENT:
            self._all.enter(self, Phase.HEAD)
        self._received += data
        if not self._is_due:
            self._feed()

    def on_response_complete(self) -> None:
        """Wait for the next request, or answer the one that came already."""
        self._parse_seconds = 0.0
        super().on_response_complete()
        self._note_phase()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        super().pause_writing()
        self._all.enter(self, Phase.UNREAD)

    def resume_writing(self) -> None:
        """Note that the client has read most of it."""
        super().resume_writing()
        self._note_phase()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the shape of every error."""
        self._refuse(HTTPError(UserError("this is not an HTTP request"), code="not_http"))

    def is_closing(self) -> bool:
        """Say whether the connection was closed already."""
        return bool(self.transport.is_closing())

    def num_unread(self) -> int:
        """Return how many bytes wait to be sent."""
        return int(self.transport.get_write_buffer_size())

    def give_up(self, phase: Phase) -> None:
        """End the connection, with a word where the client waits for one."""
        if phase is Phase.HEAD:
            slow = UserError("the headers of the request took too long to arrive")
            self._refuse(HTTPError(slow, HTTPStatus.REQUEST_TIMEOUT, code="too_slow"))
        elif phase is Phase.SILENT:
            self.transport.close()
        else:
            self.transport.abort()

    def _feed_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self.loop.call_soon(self._feed)

    def _feed(self) -> None:
        """Parse some of what was received; nothing more is read from the socket as long as there is a rest."""
        self._is_due = False
        began = now = thread_time()
        while self._received and not self.flow.read_paused and not self.is_closing():
            if now - began > TURN_SECONDS:
                self._feed_soon()
                break
            piece = bytes(self._received[:SLICE_BYTES])
            del self._received[:SLICE_BYTES]
            super().data_received(piece)
            now = thread_time()
        self._parse_seconds += now - began
        if self._parse_seconds > PARSE_SECONDS:
            self._cut()
        elif self._received:
            self.transport.pause_reading()
        elif not self.flow.read_paused:
            self.transport.resume_reading()
        self._note_phase()

    def _cut(self) -> None:
        """End a request that takes too long to parse; what answers it learns that its client has gone."""
        self._received.clear()
        if self.cycle is None or self.cycle.response_started:
            self.transport.abort()
            return
        error = UserError("the request is cut into too many pieces", fix="send chunks of some KiB")
        self._refuse(HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_many_chunks"))
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def _note_phase(self) -> None:
        """Tell what is waited for, by what the parser has."""
        if self.flow.write_paused or self.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._all.enter(self, None)
        elif self._all.phase(self) in (None, Phase.UNREAD):
            has_begun = self._received or self.conn.trailing_data[0]
            self._all.enter(self, Phase.HEAD if has_begun else Phase.SILENT)

    def _refuse(self, error: HTTPError) -> None:
        """Send an error without the parser, which may be in any state, and close."""
        body = json_bytes(error.content())
        head = (
            f"HTTP/1.1 {error.status.value} {error.status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\ncache-control: no-store\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class _Flow(FlowControl):
    """Reading goes on with what was received already, before the socket."""

    def __init__(self, transport: asyncio.Transport, feed_soon: Callable[[], None]) -> None:
        super().__init__(transport)
        self._feed_soon = feed_soon

    def resume_reading(self) -> None:
        """Let the parser have the rest."""
        if self.read_paused:
            self.read_paused = False
            self._feed_soon()
