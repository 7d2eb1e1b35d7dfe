"""A server is asked over HTTP; whatever it answers, a person is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from drift.test_assessment import FOUND
from noria.cli import app
from noria.drift.asked import watched_by
from noria.errors import UserError


class Answers(BaseHTTPRequestHandler):
    """Answers for the models `good`, `new` and `secret`."""

    keys: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:  # the name that the library asks for
        self.keys.append(self.headers["authorization"])
        known = {
            "/watch/good": (200, {"records": 500, "assessment": FOUND.as_json(), "note": ""}),
            "/watch/new": (200, {"records": 3, "assessment": None, "note": "nothing is said of fewer"}),
            "/watch/secret": (401, {"error": {"message": "no key"}}),
            "/watch/proxy": (520, "a web server is down"),
            "/watch/list": (200, []),
            "/watch/strange": (200, {"drift": "none"}),
            "/watch/older": (200, {"assessment": {"n": 3}, "note": ""}),
        }
        status, content = known.get(self.path, (404, "not JSON of ours"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_a_server_saw_is_the_assessment_that_it_made(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIA_KEY", "k")
    assert watched_by(url, "good") == FOUND
    assert Answers.keys[-1] == "Bearer k"
    said = CliRunner().invoke(app, ["watch", "runs/good", "--live", url])
    assert said.stdout.startswith("drift in class probabilities")


@pytest.mark.parametrize(
    ("model", "what", "found"),
    [
        ("new", "nothing is known yet", "nothing is said of fewer"),
        ("secret", "the server does not say", "401: no key"),
        ("other", "the server does not say", "404"),
        ("proxy", "the server does not say", "520"),
        ("list", "cannot be asked", "no JSON object"),
        ("strange", "does not speak of drift", "/watch/strange"),
        ("older", "does not speak of drift", "/watch/older"),
    ],
)
def test_a_server_that_has_no_assessment_says_why(url: str, model: str, what: str, found: str) -> None:
    with pytest.raises(UserError, match=what) as caught:
        watched_by(url, model)
    assert found in str(caught.value)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="cannot be asked"):
        watched_by("http://127.0.0.1:9", "m")
    with pytest.raises(UserError, match="cannot be asked"):
        watched_by("http://127.0.0.1:port", "m")
    with pytest.raises(UserError, match="no address"):
        watched_by("file:///etc", "m")


@pytest.mark.parametrize("words", [["run"], ["run", "new.csv", "--live", "http://127.0.0.1:9"]])
def test_records_or_a_server_are_watched_and_not_both(words: list[str]) -> None:
    with pytest.raises(UserError, match="either records or a server"):
        CliRunner().invoke(app, ["watch", *words], catch_exceptions=False)


def test_what_a_server_cannot_be_asked_for_is_not_passed_over() -> None:
    words = ["watch", "run", "--live", "http://127.0.0.1:9", "--predictions-per-day", "9"]
    with pytest.raises(UserError, match="asked what it has seen"):
        CliRunner().invoke(app, words, catch_exceptions=False)
