from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger.spending import DAY
from noria.database import Database
from noria.ledger import About, Spool, till
from noria.ledger.booking import day_of, totals
from noria.ledger.collecting import collect
from noria.ledger.entry import Entry
from noria.ledger.spool import entry_of
from noria.ledger.storage import book_storage, keep_up
from noria.ledger.till import Clock, Till, name_of_run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def booked(folder: Path) -> list[Entry]:
    found = [entry_of(line) for path in folder.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    return [one for one in found if one is not None]


def test_time_is_booked_now_and_then_and_at_the_end_also_of_what_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(till, "TICK_SECONDS", 0.02)
    clock = Clock(Till(Spool(folder)), About("digits", activity="train"), is_whole=True)

    def work() -> None:
        with clock:
            while len(booked(folder)) < 3:
                clock.count(predictions=1)
            raise RuntimeError("of the work")

    with pytest.raises(RuntimeError, match="of the work"):
        work()
    entries = booked(folder)
    assert len(entries) >= 4
    assert sum(one.quantities["machine_micros"] for one in entries) == sum(
        one.quantities["wall_micros"] for one in entries
    )
    assert len({one.key for one in entries}) == len(entries)


def test_without_an_accelerator_the_share_of_the_cores_is_booked_with_that_of_children_that_have_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([os.times_result((1, 2, 3, 4, 0)), os.times_result((2, 4, 8, 8, 0))])
    monkeypatch.setattr(till.os, "times", lambda: next(seconds))
    with Clock(Till(Spool(folder)), About("digits", activity="train")):
        pass
    (entry,) = booked(folder)
    assert entry.quantities["machine_micros"] == round(12e6 / (os.cpu_count() or 1))


def test_a_price_that_changes_counts_from_then_on(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(till, "LOOK_SECONDS", 0.0)
    own, hour = Till(Spool(folder)), {"machine_micros": 3600 * 10**6}
    own.book(About(), hour)
    (home / "prices.yaml").write_text("{machine_hour: 7, kwh: 0}")
    own.book(About(), hour)
    (home / "prices.yaml").write_text("{machine_hour: -1}")
    own.book(About(), hour)  # what cannot be read changes nothing
    found = [{one.account: one.micro for one in entry.postings}["cost:compute"] for entry in booked(folder)]
    assert found == [100_000, 7_000_000, 7_000_000]
    assert [one.basis for one in booked(folder)] == ["assumed", "stated", "stated"]


def test_what_a_run_takes_is_booked_once_a_day_also_for_days_when_nobody_looked(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "digits"
    run.mkdir(parents=True)
    (run / "weights").write_bytes(bytes(1000))
    own = Till(Spool(folder))
    for _ in range(2):
        book_storage(own, run, day_of(DAY))
    collect(database, folder)
    assert keep_up(database, own, "2026-12-02") == 3
    collect(database, folder)
    assert keep_up(database, own, "2026-12-02") == 0
    rows = database.transact(lambda to: to.run("select day, amount from total where name = 'byte_days' order by day"))
    assert rows == [("2026-11-29", 1000), ("2026-11-30", 1000), ("2026-12-01", 1000), ("2026-12-02", 1000)]
    (run / "weights").unlink()
    run.rmdir()
    assert keep_up(database, own, "2026-12-09") == 0


def test_the_bundle_of_a_run_and_the_candidates_of_its_wheel_are_the_run_and_their_bytes_are_booked_once(
    database: Database, folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "digits.v2"
    candidate = run / "wheel" / "turn-3" / "run"
    parts = [run, run / "bundle", candidate, candidate / "bundle"]
    for one in parts:
        one.mkdir(parents=True)
        (one / "job.yaml").write_bytes(bytes(100))
    (run / "wheel" / "current").symlink_to(Path("turn-3") / "run")
    own = Till(Spool(folder))
    for one in (*parts, run / "wheel" / "current"):
        assert name_of_run(one) == "digits.v2"
        book_storage(own, one, day_of(DAY))
    collect(database, folder)
    assert keep_up(database, own, "2026-11-30") == 1
    collect(database, folder)
    rows = database.transact(lambda to: to.run("select day, model, amount from total where name = 'byte_days'"))
    assert sorted(rows) == [("2026-11-29", "digits.v2", 400), ("2026-11-30", "digits.v2", 400)]


def test_a_bundle_that_stands_in_no_run_is_booked_without_what_stands_beside_it(folder: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "models" / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "weights").write_bytes(bytes(100))
    (tmp_path / "models" / "other").write_bytes(bytes(1000))
    book_storage(Till(Spool(folder)), bundle)
    assert [one.quantities["byte_days"] for one in booked(folder)] == [100]


def test_a_home_that_cannot_be_made_stops_no_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "file" / "home"))
    with Clock(Till(), About("digits", activity="predict")) as clock:
        clock.count(predictions=1)
    assert "spool cannot be written" in caplog.text


def test_sums_by_day_follow_the_time_of_the_entry() -> None:
    entry = Entry("a", DAY, About("digits"), {"predictions": 2})
    assert next(iter(totals([entry])))[:2] == ("2026-11-29", "predictions")


def test_what_the_ledger_cannot_hold_is_told_and_stops_no_work(
    folder: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = Till(Spool(folder))
    own.book(About("m"), {"machine_micros": 10**30})
    own.book(About("m"), {"machine_micros": 1}, time_s=-1.0)
    own.close()
    assert own.spool.num_lost == 2
    assert "is not booked" in caplog.text


def test_a_candidate_of_the_wheel_is_called_as_the_run_whose_wheel_it_is(tmp_path: Path) -> None:
    candidate = tmp_path / "churn/wheel/turn-12/run"
    candidate.mkdir(parents=True)
    link = tmp_path / "churn/wheel/current"
    link.symlink_to(candidate)
    runs = [tmp_path / "churn", tmp_path / "churn/bundle", candidate, candidate / "bundle", link, link / "bundle"]
    assert {name_of_run(one) for one in runs} == {"churn"}
    assert name_of_run(tmp_path / "wheel/run") == "run"
