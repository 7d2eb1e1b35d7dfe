"""The server's log cannot be filled by strangers."""

from __future__ import annotations

import logging

import pytest

from noria.service.door.door import Door
from noria.service.request.limits import Limits


@pytest.mark.parametrize(
    ("logger", "message"),
    [
        ("uvicorn.error", "Invalid HTTP request received."),
        ("asyncio", "socket.send() raised exception."),  # a client that leaves in the middle of a stream
    ],
)
def test_what_strangers_cause_is_no_line_of_the_log(
    logger: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    Door().protocol(Limits())
    logging.getLogger(logger).warning(message)
    logging.getLogger(logger).warning("something else")
    assert [one.getMessage() for one in caplog.records] == ["something else"]
