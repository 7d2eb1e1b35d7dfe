"""What a person is told while a long work goes on."""

from __future__ import annotations

import pytest

from noria import reporter
from noria.reporter import Terminal


def test_no_time_is_foretold_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reporter, "LINE_SECONDS", 0.0)
    with Terminal().progress("batch", 3000) as bar:
        bar.advance(0)
        bar.advance(1500)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "batch: 0 of 3000"
    assert second.startswith("batch: 1500 of 3000, ")
    assert second.endswith(" left")
