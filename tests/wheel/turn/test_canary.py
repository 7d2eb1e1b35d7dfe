"""A candidate is tried by the running service before it is promoted: what the service says decides."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from noria.errors import UserError
from noria.reporter import Silent
from noria.wheel.turn.by_hand import answer_candidate, roll_back
from noria.wheel.turn.folder import WheelFolder
from noria.wheel.turn.turn import turn_wheel
from noria.wheel.turn.turns import OPEN, PROMOTED, REJECTED
from wheel.turn.conftest import SETTINGS


class Service(HTTPServer):
    """A service that says what the test wants."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.trial = {"run": "", "answered": 0, "withdrawn": ""}
        self.asked: list[tuple[str, str]] = []
        self.is_refusing, self.refusal = False, 409
        self.sight = 200  # the status of what is looked at
        self.wheel = Path()

    @property
    def settings(self) -> list[str]:
        return [f"wheel.service.url=http://127.0.0.1:{self.server_port}", "wheel.service.model=m"]


class Answers(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(self.server.trial, self.server.sight)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        verb = self.path.rpartition("/")[2]
        self.server.asked.append((verb, self.headers.get("authorization", "")))
        if verb == "try":
            self.server.trial["run"] = str((self.server.wheel / "candidate").resolve())
        self._answer(
            {"said": "v2 is served in the place of v1"}, self.server.refusal if self.server.is_refusing else 200
        )

    def _answer(self, content: object, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def service(run: Path) -> Iterator[Service]:
    service = Service()
    service.wheel = run / "wheel"
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    yield service
    service.shutdown()
    thread.join()
    service.server_close()


def test_a_candidate_is_promoted_when_it_has_answered_enough(
    run: Path, other: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_KEY", "secret")
    assert turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent()).outcome == OPEN
    service.trial["answered"] = 199
    assert turn_wheel(run, (), (), Silent()).steps[-1].name == "approve"
    service.trial["answered"] = 200
    record = turn_wheel(run, (), (), Silent())
    assert record.outcome == PROMOTED
    assert service.asked == [("try", "Bearer secret"), ("reload", "Bearer secret")]
    assert "v2 is served in the place of v1" in record.steps[-1].sentence
    assert not (run / "wheel/candidate").exists()


def test_a_candidate_that_the_service_withdraws_is_rejected(run: Path, other: Path, service: Service) -> None:
    service.trial["withdrawn"] = "half of its requests fail"
    record = turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent())
    assert record.outcome == REJECTED
    assert "half of its requests fail" in record.steps[-1].sentence
    assert WheelFolder.of(run).champion == run.resolve()


def test_a_candidate_that_is_tried_can_be_rejected_and_the_service_gives_it_up(
    run: Path, other: Path, service: Service
) -> None:
    assert turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent()).outcome == OPEN
    with pytest.raises(UserError, match="noria wheel reject"):
        roll_back(run, "it is slow")
    record = answer_candidate(run, False, "it is slow", Silent())
    assert (record.outcome, record.steps[-1].name) == (REJECTED, "reject")
    assert "it is slow" in record.steps[-1].sentence
    assert [verb for verb, _ in service.asked] == ["try", "reload"]
    assert not (run / "wheel/candidate").is_symlink()
    assert WheelFolder.of(run).champion == run.resolve()


def test_a_service_that_refuses_is_told_with_what_it_says(run: Path, other: Path, service: Service) -> None:
    service.is_refusing = True
    with pytest.raises(UserError, match="the service refuses"):
        turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent())


def test_a_service_that_allows_nothing_is_told_of_before_a_candidate_is_trained(
    run: Path, other: Path, service: Service
) -> None:
    service.sight = 401
    with pytest.raises(UserError, match="the service refuses"):
        turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent())
    assert not (run / "wheel/turn-1").exists()
    service.sight, service.trial["answered"] = 200, 200
    assert turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent()).outcome == PROMOTED  # without a pause


def test_a_refused_candidate_is_no_candidate_of_a_service_that_starts(run: Path, other: Path, service: Service) -> None:
    service.is_refusing = True
    with pytest.raises(UserError, match="the service refuses"):
        turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent())
    assert not (run / "wheel/candidate").is_symlink()


def test_a_service_that_does_not_take_the_champion_is_told_of_and_the_champion_is_the_champion(
    run: Path, other: Path, service: Service
) -> None:
    assert turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent()).outcome == OPEN
    service.trial["answered"], service.is_refusing = 200, True
    record = turn_wheel(run, (), (), Silent())
    assert record.outcome == PROMOTED
    assert "does not take it (409" in record.steps[-1].sentence
    assert "the first model" in roll_back(run, "it was slower")


def test_the_service_takes_the_champion_that_is_brought_back(run: Path, other: Path, service: Service) -> None:
    assert turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent()).outcome == OPEN
    service.trial["answered"] = 200
    assert turn_wheel(run, (), (), Silent()).outcome == PROMOTED
    assert "is served in the place of" in roll_back(run, "it was slower")
    assert [verb for verb, _ in service.asked] == ["try", "reload", "reload"]


def test_the_turn_waits_for_a_service_that_is_busy(run: Path, other: Path, service: Service) -> None:
    service.is_refusing, service.refusal = True, 503
    record = turn_wheel(run, [other], [*SETTINGS, *service.settings], Silent())
    assert (record.outcome, record.steps[-1].name) == (OPEN, "approve")


def test_the_turn_waits_for_a_service_that_does_not_answer(run: Path, other: Path) -> None:
    away = ["wheel.service.url=http://127.0.0.1:9", "wheel.service.model=m"]
    assert turn_wheel(run, [other], [*SETTINGS, *away], Silent()).outcome == OPEN
