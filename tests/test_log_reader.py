"""A reader of the log, or of the answers, that goes away ends no work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest

from noria import printing
from noria.reporter import Terminal


@pytest.fixture
def unread() -> Iterator[TextIO]:
    """A stream whose reader has gone: whatever is flushed to it fails."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = open(writer, "w", buffering=1)  # noqa: SIM115 (closed below, by force)
    yield stream
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    stream.close()


def test_the_stream_of_this_test_fails(unread: TextIO) -> None:
    with pytest.raises(BrokenPipeError):
        unread.write("a line\n")


def test_a_line_of_progress_ends_with_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal().progress("batch", 2) as progress:
        progress._every = 0.0
        progress.advance(2)
        progress.advance(2, 0.5)
    assert capsys.readouterr().err == "batch: 2 of 2, 0.0 s left\nbatch: 2 of 2, 0.0 s left, loss 0.500\n"


def test_what_is_told_to_nobody_is_not_told(unread: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", unread)
    reporter = Terminal()
    reporter.say("a line")
    with reporter.progress("training", 3) as progress:
        progress._every = 0.0
        progress.advance(1, 0.5)
    reporter.say("another")


def test_a_bar_drawn_for_nobody_is_not_drawn(unread: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", unread)
    reporter = Terminal()
    reporter.console._force_terminal = True
    assert reporter.console.is_terminal
    with reporter.progress("training", 3) as progress:
        progress._every = 0.0
        progress.advance(1, 0.5)
        reporter.say("beside the bar")


def test_what_is_printed_for_nobody_leaves_with_0(unread: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", unread)
    with pytest.raises(SystemExit) as left:
        printing.show("scores", False)
    assert left.value.code == 0
    unread.write("goes nowhere now\n")


def test_the_log_goes_to_standard_error_as_it_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal().say("a line")
    assert capsys.readouterr().err == "a line\n"
