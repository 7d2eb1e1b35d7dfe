"""The list of what is wrong today is exact, only gets shorter, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from architecture import __main__ as entry
from architecture import known

PRINTS = {"stages.train": ["line 3", "line 9"]}


def test_more_than_is_known_is_an_error_that_shows_where():
    said = known.differences("prints", PRINTS, {"stages.train": 1})
    assert said[0] == "src/noria/stages/train.py: 2 prints, 1 known. Mend the new one: line 3, line 9"
    assert known.WRITE in said[-1]


def test_less_than_is_known_is_an_error_that_says_what_to_edit():
    assert "In known.yaml, prints: set stages.train: 2" in known.differences("prints", PRINTS, {"stages.train": 3})[0]
    assert "prints: take stages.train off" in known.differences("prints", {}, {"stages.train": 3})[0]


def test_a_file_that_is_gone_is_said_to_be_gone():
    assert "there is no such file now" in known.differences("prints", {}, {"moved.away": 1})[0]


def test_exactly_what_is_known_is_no_error():
    assert known.differences("prints", PRINTS, {"stages.train": 2}) == []


def test_the_list_is_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(known, "LIST", tmp_path / "known.yaml")
    known.write({"prints": PRINTS, "evaluates": {}})
    assert known.known() == {"prints": {"stages.train": 2}}


@pytest.fixture
def _found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(known, "LIST", tmp_path / "known.yaml")
    monkeypatch.setattr(entry, "summary", lambda: iter(["the figures"]))
    known.write({"prints": {"stages.old": ["line 1", "line 2"]}})


@pytest.mark.usefixtures("_found")
def test_a_moved_file_is_written_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(entry, "found", lambda: {"prints": PRINTS})
    assert entry.main(["--write"]) == 0
    assert known.known() == {"prints": {"stages.train": 2}}


@pytest.mark.usefixtures("_found")
def test_more_is_not_written_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(entry, "found", lambda: {"prints": {"stages.train": ["line 1", "line 2", "line 3"]}})
    assert entry.main(["--write"]) == 1
    assert "prints: 3, 2 known" in capsys.readouterr().err
    assert known.known() == {"prints": {"stages.old": 2}}
    assert entry.main(["--write", "--more"]) == 0
    assert known.known() == {"prints": {"stages.train": 3}}
