"""The access log: a line a request that nobody can forge, and that never holds up an answer."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import pytest

from noria.errors import UserError
from noria.service.watch import access_log as module
from noria.service.watch.access_log import AccessLog, access_log, line_of
from noria.service.watch.visit import Visit
from service.watch.conftest import Kept, send, watched


def visit(client: str = "shop") -> Visit:
    one = Visit({"type": "http", "method": "POST", "headers": []})
    one.end({"state": {"client": client}})
    return one


def test_a_line_says_who_asked_what_and_how_it_went(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    send(watched([log]), "POST", "/ask/churn", headers={"x-request-id": "r1", "authorization": "Bearer hush"})
    send(watched([log]), "GET", "/nothing?key=hush")
    log.close()
    text = (tmp_path / "access.log").read_text()
    assert "hush" not in text
    first, second = [json.loads(line) for line in text.splitlines()]
    assert first.pop("time").endswith("Z")
    assert first.pop("seconds") >= 0
    assert first == {
        "id": "r1",
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/ask/{model}",
        "status": 200,
        "bytes": 6,
        "operation": "openai.chat",
        "model": "churn",
        "version": "v7",
        "tokens": [5, 9],
    }
    assert (second["path"], second["status"], "model" in second) == ("other", 404, False)


@pytest.mark.parametrize("client", ["a\nb", "\x1b[2J", "\x7f", "\u2028", "\u202e", '"}\r\n{"status":200', "\ud800"])
def test_a_line_has_no_control_characters_whatever_a_client_is_called(client: str) -> None:
    line = line_of(visit(client))
    assert line.endswith("\n")
    assert line[:-1].isascii()
    assert line[:-1].isprintable()
    assert json.loads(line)["client"] == client


def test_a_log_that_was_moved_away_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(path)
    log.note(visit())
    log.close()
    path.rename(tmp_path / "access.log.1")
    log = AccessLog(path)
    path.rename(tmp_path / "access.log.2")
    log.note(visit())
    log.close()
    assert len(path.read_text().splitlines()) == 1
    assert (tmp_path / "access.log.2").read_text() == ""


def test_what_cannot_be_written_is_counted_and_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_free = Event()

    class Stuck:
        def write(self, text: str) -> None:
            is_free.wait()
            raise OSError("no space left")

        def flush(self) -> None: ...

    monkeypatch.setattr(module, "MOST_LINES", 3)
    monkeypatch.setattr(module.sys, "stderr", Stuck())
    log = AccessLog(None)
    for _ in range(10):
        log.note(visit())
    is_free.set()
    log.close()
    assert log.num_lost == 10


def test_no_log_is_made_where_none_is_wanted() -> None:
    assert access_log("off") is None


def test_a_log_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="access log") as refused:
        access_log(str(tmp_path / "no" / "access.log"))
    assert "or off" in str(refused.value)


def test_a_closed_log_has_written_all_lines(tmp_path: Path, kept: Kept) -> None:
    log = AccessLog(tmp_path / "access.log")
    for _ in range(500):
        log.note(visit())
    log.close()
    assert len((tmp_path / "access.log").read_text().splitlines()) == 500
    assert log.num_lost == 0
