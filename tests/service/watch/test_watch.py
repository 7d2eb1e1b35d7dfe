"""Every request has an id and is told of once, whatever becomes of it."""

from __future__ import annotations

import asyncio
import logging

import pytest
from starlette.types import Message, Scope

from noria.service.watch.watch import InFlight, Watch
from service.watch.conftest import Kept, send, watched


def test_a_call_knows_its_route_its_model_and_what_was_sent(kept: Kept) -> None:
    send(watched([kept]), "POST", "/ask/churn?status=200", content=b"12345")
    (visit,) = kept.visits
    assert (visit.method, visit.path, visit.status) == ("POST", "/ask/{model}", 200)
    assert (visit.operation, visit.model, visit.version, visit.tokens) == ("openai.chat", "churn", "v7", (5, 9))
    assert (visit.received_bytes, visit.sent_bytes) == (5, len("answer"))
    assert visit.client == "127.0.0.1"
    assert visit.outcome == "answered"


def test_what_is_no_route_of_ours_is_told_of_without_what_the_client_wrote(kept: Kept) -> None:
    app = watched([kept])
    send(app, "GET", "/secret-of-a-client")
    send(app, "BREW", "/ask/churn")
    assert [(visit.method, visit.path, visit.status) for visit in kept.visits] == [
        ("GET", "other", 404),
        ("other", "/ask/{model}", 405),
    ]


@pytest.mark.parametrize("given", ["shop-17:a.b_C", "x" * 128])
def test_a_well_formed_id_of_the_client_is_kept(kept: Kept, given: str) -> None:
    answer = send(watched([kept]), "POST", "/ask/churn", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] == given == kept.visits[0].id


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, 'a"b', "a\x7fb", "é"])
def test_in_the_place_of_an_ill_formed_id_stands_one_of_ours(kept: Kept, given: str) -> None:
    answer = send(watched([kept]), "GET", "/nothing", headers={"x-request-id": given.encode()})
    assert answer.headers["x-request-id"] == kept.visits[0].id != given
    assert len(kept.visits[0].id) == 32


def test_two_requests_have_two_ids(kept: Kept) -> None:
    app = watched([kept])
    assert send(app, "GET", "/a").headers["x-request-id"] != send(app, "GET", "/a").headers["x-request-id"]


def test_an_error_names_its_request_in_the_log(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = send(watched([kept]), "GET", "/fails", headers={"x-request-id": "here-it-is"})
    assert (answer.status_code, kept.visits[0].status, kept.visits[0].outcome) == (500, 500, "failed")
    (told,) = caplog.records
    assert "here-it-is" in told.getMessage()
    assert told.exc_info


def test_a_client_that_does_not_wait_is_told_of_as_one_that_left(kept: Kept) -> None:
    async def never(scope: Scope, receive: object, send: object) -> None:
        raise asyncio.CancelledError

    in_flight: InFlight = {}
    app = Watch(never, [kept], in_flight)

    async def asked() -> None:
        await app({"type": "http", "method": "GET", "headers": []}, _nothing, _nowhere)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asked())
    assert (kept.visits[0].status, kept.visits[0].outcome) == (499, "left")
    assert not in_flight


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _nowhere(message: Message) -> None:
    return


@pytest.mark.parametrize(
    ("status", "ended", "outcome"),
    [
        (200, "length", "answered"),
        (200, "error", "failed"),  # it broke off when its head was sent already
        (400, "", "refused"),
        (429, "", "overloaded"),
        (503, "", "overloaded"),
        (500, "", "failed"),
        (200, "&broken", "left"),  # its client went away in the middle
    ],
)
def test_the_outcome_follows_from_the_status_and_the_end(kept: Kept, status: int, ended: str, outcome: str) -> None:
    send(watched([kept]), "POST", f"/ask/churn?status={status}&ended={ended}")
    assert kept.visits[0].outcome == outcome
