"""One line of a batch, asked as a live request is, until there is an answer to keep.

Too much to do, or no process that answers now, is waited for. What failed in the server is tried three times. A process
that ended with the line in it may have died of it, or of another line: whoever asks finds that out by asking it alone.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus

from noria.errors import UserError
from noria.service.batches.answer import Answer, answer_of, name_of
from noria.service.batches.lines import Line
from noria.service.engine.work import too_late
from noria.service.fleet.models import Model, Models, Version
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits

TRIES = 3
WAIT_SECONDS = 600.0  # for the model to begin on it: batches wait longer than clients do
PAUSES = (0.05, 2.0)  # seconds before it is asked again: at first, and at most
FAILED = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
GRACE_SECONDS = 10.0


class Died(Exception):
    """The model's process ended with the line in it."""


class Asker:
    """Asks one model the lines of one batch. num_asked: how many it is answering."""

    def __init__(self, models: Models, model: Model, limits: Limits, batch_id: str, owner: str) -> None:
        self._models, self._model, self._limits = models, model, limits
        self._batch_id, self._owner = batch_id, owner
        self.num_asked = 0

    async def answer(self, line: Line) -> Answer:
        """Return the answer of a line; raise Died."""
        name = name_of(self._batch_id, line.number)
        client = f"batch of {self._owner}"
        request = replace(line.request, client=client, seconds=WAIT_SECONDS, id=name)
        pause, failures = PAUSES[0], 0
        while True:
            if (given := await self._reply(line, request)) is not None:
                reply, version = given
                failures += reply.status in FAILED
                is_waiting = reply.status == HTTPStatus.SERVICE_UNAVAILABLE
                if not is_waiting and (reply.status not in FAILED or failures >= TRIES):
                    return answer_of(self._batch_id, line, reply, version)
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSES[1])

    async def _reply(self, line: Line, request: Request) -> tuple[Reply, Version] | None:
        """Return the reply and the version that gave it; None where nobody could be asked. Raise Died."""
        try:
            call, version = self._models.call_aside(self._model, request)
        except HTTPError:  # none of its processes answers now, or they have too much to do
            return None
        self.num_asked += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS + self._limits.writing_seconds + GRACE_SECONDS):
                reply = await anext(aiter(call.replies()))
        except TimeoutError:
            return line.operation.refusal(too_late()), version
        except HTTPError as error:
            raise Died(str(error)) from error
        finally:
            self.num_asked -= 1
            call.close()
        return reply if reply.is_last else line.operation.refusal(_in_pieces()), version


def _in_pieces() -> HTTPError:
    return HTTPError(UserError("the answer of a line is written whole"), code="unsupported_value", param="stream")
