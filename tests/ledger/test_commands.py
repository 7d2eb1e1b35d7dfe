"""`noria ledger`: what stages spend is booked, shown, checked and taken back."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noria.reporter import Silent
from noria.stages.train import train
from tiny_data import tiny_job

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def shown(noria: Run, *words: str) -> list[dict[str, Any]]:
    code, out, err = noria("ledger", *words, "--json")
    assert code == 0, err
    found: list[dict[str, Any]] = json.loads(out)
    return found


def test_a_training_and_what_it_answers_later_are_booked_and_the_check_agrees(
    home: Path, noria: Run, tmp_path: Path
) -> None:
    job = tiny_job("tabular-classification", tmp_path)
    run = train(job, run=tmp_path / "runs" / "left", reporter=Silent())
    data = job["data"]["path"] if isinstance(job, dict) else ""
    assert noria("evaluate", run)[0] == 0
    assert noria("predict", run, data)[0] == 0
    rows = {one["activity"]: one for one in shown(noria, "--by", "model,activity")}
    assert rows.keys() == {"train", "evaluate", "predict", "storage"}
    assert {one["model"] for one in rows.values()} == {"left"}
    scored = json.loads((run / "metrics.json").read_text())
    assert rows["evaluate"]["predictions"] == scored["n"]
    assert rows["predict"]["predictions"] > 0
    assert rows["train"]["quantities"]["machine_micros"] > 0
    assert rows["storage"]["quantities"]["byte_days"] > 1000
    code, out, _ = noria("ledger", "check", run)
    assert (code, out.count(": yes")) == (0, 3)


def test_a_training_that_goes_on_is_booked_once_in_all_its_processes(home: Path, noria: Run, tmp_path: Path) -> None:
    job = tiny_job("tabular-classification", tmp_path)
    run = train(job, run=tmp_path / "left", reporter=Silent())
    (before,) = [one for one in shown(noria, "--by", "activity") if one["activity"] == "train"]
    train(job, run=run, resume=True, reporter=Silent())
    (after,) = [one for one in shown(noria, "--by", "activity") if one["activity"] == "train"]
    assert after["quantities"]["wall_micros"] > before["quantities"]["wall_micros"]


def test_nothing_is_written_where_the_ledger_is_off(
    home: Path, noria: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORIA_LEDGER", "off")
    train(tiny_job("tabular-classification", tmp_path), run=tmp_path / "left", reporter=Silent())
    assert not (home / "spool").exists()


def test_tables_pages_reversals_and_prices(home: Path, noria: Run, tmp_path: Path) -> None:
    from ledger.spending import spent
    from noria.ledger import Spool

    assert noria("ledger", "prices", "--write")[0] == 0
    code, out, _ = noria("ledger", "prices", "--json")
    assert (code, json.loads(out)["basis"], json.loads(out)["machine_hour"]) == (0, "stated", 0.1)
    own = Spool()
    own.append([spent("z", 2_000_000), spent("b", 1_000_000)])
    own.close()
    code, out, _ = noria("ledger", "--csv", tmp_path / "a.csv", "--page", tmp_path / "a.html")
    assert (code, "digits" in out, "3" in out) == (0, True, True)
    (row,) = csv.DictReader((tmp_path / "a.csv").read_text().splitlines())
    assert (row["model"], float(row["cost"]), row["predictions"]) == ("digits", 3.0, "2")
    assert "<svg" in (tmp_path / "a.html").read_text()
    assert noria("ledger", "reverse", "z")[0] == 0
    assert shown(noria)[0]["cost"] == 1.0
    code, out, _ = noria("ledger", "entries", "-n", "1")
    assert json.loads(out)["key"] == "reversal:z"
    code, _, err = noria("ledger", "reverse", "c")
    assert (code, "no such entry" in err) == (2, True)
    assert noria("ledger", "prices", "--write")[0] == 2


def test_what_the_ledger_is_asked_for_and_is_not_there_is_told_with_what_to_do(
    home: Path, noria: Run, tmp_path: Path
) -> None:
    for words, said in (
        (["check", tmp_path / "absent"], "no finished run"),
        (["check", "--metrics", tmp_path / "absent"], "cannot be read"),
        (["--since", "2027-13-01"], "this is no day"),
        (["--until", "yesterday"], "this is no day"),
    ):
        code, _, err = noria("ledger", *words)
        assert (code, said in err) == (2, True), err
