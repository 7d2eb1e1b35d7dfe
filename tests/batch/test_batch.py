from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batch.conftest import Background
from batch.given import MODEL, SHARD, table
from golden.bundles import copied
from noria import batch
from noria.batch import giving_way, reading, worker
from noria.batch.forecast import STARTING_SECONDS, Forecast
from noria.batch.giving_way import When, is_serving, tell_serving
from noria.batch.job import run_again
from noria.batch.poison import MOST_DEATHS
from noria.batch.shards import claim, find_shard, release
from noria.batch.tables import batch_database
from noria.batch.worker import Session, Worker
from noria.database import Database
from noria.errors import UserError
from noria.ledger.booking import SUM, joined
from noria.pipeline import encoder
from noria.pipeline.encoder import Piece
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.predict import predict_to

Noria = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small shards, and a database of the test's own."""
    monkeypatch.setattr(encoder, "RECORDS", SHARD)
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))


def answered(run: Path, data: list[Path | str], out: Path | None, **settings: Any) -> batch.Job:
    """Submit a batch and work at it in this process; return it as it ended."""
    job, _ = batch.submit(run, data, out, reporter=Silent(), **settings)
    Worker(batch_database(), "here", job.id).run()
    return batch.state(job.id).job


@pytest.mark.parametrize(
    ("name", "keep"), [("a.jsonl", None), ("a.jsonl", "number"), ("a.csv", None), ("a.csv", "none")]
)
def test_a_batch_writes_what_predict_writes_byte_for_byte(tmp_path: Path, name: str, keep: str | None) -> None:
    data: list[Path | str] = [table(tmp_path / "one.csv", 3 * SHARD), table(tmp_path / "two.csv", 10)]
    with (tmp_path / "one.csv").open("a") as file:
        file.write("a,x,1,2,typical\nb\n")
    predict_to(MODEL, data, tmp_path / name, keep=keep, reporter=Silent())
    job = answered(MODEL, data, tmp_path / f"batch-{name}", keep=keep)
    assert (job.state, job.num_rows, job.num_shards) == (batch.DONE, 3 * SHARD + 12, 5)
    assert job.out.read_bytes() == (tmp_path / name).read_bytes()
    errors = [json.loads(line) for line in job.errors.read_text("utf-8").splitlines()]
    assert [one["row"] for one in errors] == [3 * SHARD + 1, 3 * SHARD + 2]
    assert errors[0]["where"] == f"one.csv:{3 * SHARD + 2}"


def test_answers_may_hold_what_other_programs_take_for_the_end_of_a_line(tmp_path: Path) -> None:
    data = table(tmp_path / "in.csv", 2)
    head, *rows = data.read_text().splitlines()
    data.write_text("\n".join([head, *(row.replace(row.split(",")[0], "a\u2028b\x85c", 1) for row in rows)]) + "\n")
    predict_to(MODEL, [data], tmp_path / "p.jsonl", keep="number", reporter=Silent())
    assert "a\u2028b\x85c" in (tmp_path / "p.jsonl").read_text()
    job = answered(MODEL, [data], tmp_path / "b.jsonl", keep="number")
    assert job.out.read_bytes() == (tmp_path / "p.jsonl").read_bytes()


def test_a_text_and_a_file_are_records_too(tmp_path: Path) -> None:
    model = MODEL.parent / "text-classification"
    (tmp_path / "lines.txt").write_text("good\nbad\n")
    data: list[Path | str] = ["very good", tmp_path / "lines.txt"]
    predict_to(model, data, tmp_path / "p.jsonl", reporter=Silent())
    assert answered(model, data, tmp_path / "b.jsonl").out.read_bytes() == (tmp_path / "p.jsonl").read_bytes()


def test_without_a_place_the_answers_stand_at_home_and_can_be_gone_through(tmp_path: Path) -> None:
    job = answered(MODEL, [table(tmp_path / "in.csv", 5)], None)
    assert job.out.parent == tmp_path / "home" / "batch"
    assert [one["where"] for one in batch.results(job.id)] == [f"in.csv:{row}" for row in range(2, 7)]


def test_the_same_batch_again_is_the_old_one_unless_its_answers_are_gone(tmp_path: Path) -> None:
    data = table(tmp_path / "in.csv", 5)
    first, is_old = batch.submit(MODEL, data, tmp_path / "a.jsonl", reporter=Silent())
    assert not is_old
    assert batch.submit(MODEL, data, tmp_path / "a.jsonl", reporter=Silent()) == (first, True)
    done = answered(MODEL, [data], tmp_path / "a.jsonl")
    assert done.id == first.id
    done.out.unlink()
    again = answered(MODEL, [data], tmp_path / "a.jsonl")
    assert again.id == f"{first.id}-2"
    assert batch.state(first.id).job.id == first.id
    assert again.out.exists()


def test_the_same_batch_again_goes_on_as_is_said_last(tmp_path: Path) -> None:
    data = table(tmp_path / "in.csv", 5)
    first, _ = batch.submit(MODEL, data, tmp_path / "a.jsonl", hours="1:00-2:00", reporter=Silent())
    again, is_old = batch.submit(MODEL, data, tmp_path / "a.jsonl", hang_seconds=5, reporter=Silent())
    assert (again.id, is_old) == (first.id, True)
    assert batch.state(first.id).job.when == again.when == When(hang_seconds=5)
    with pytest.raises(UserError, match="--hang-seconds"):
        batch.submit(MODEL, data, tmp_path / "a.jsonl", hang_seconds=-1, reporter=Silent())


@pytest.mark.parametrize(
    ("words", "out", "told"),
    [
        (["missing.csv"], "a.jsonl", "there is no such file"),
        (["in.csv"], "a.xlsx", "cannot write answers of this kind"),
        (["in.csv"], "in.csv", "would replace"),
        (["in.csv.errors.jsonl"], "in.csv", "would replace"),
        (["-"], "a.jsonl", "cannot be read twice"),
        (["other.csv"], "a.jsonl", "no column"),
        (["empty.csv"], "a.jsonl", "there is a header but no row"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], out: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    head = table(tmp_path / "in.csv", 5).read_text().splitlines()[0]
    Path("other.csv").write_text("colour\nred\n")
    Path("in.csv.errors.jsonl").write_text("{}\n")
    Path("empty.csv").write_text(f"{head}\n")
    with pytest.raises(UserError, match=told):
        batch.submit(MODEL, words, out, reporter=Silent())
    assert batch.states() == []


def test_an_input_that_changes_is_told_and_the_batch_goes_on_once_it_is_back(tmp_path: Path) -> None:
    data = table(tmp_path / "in.csv", 100)
    before, when = data.read_bytes(), data.stat()
    job, _ = batch.submit(MODEL, data, tmp_path / "a.jsonl", reporter=Silent())
    data.write_bytes(before + b"100,1,1,1,typical low\n")
    Worker(batch_database(), "here", job.id).run()
    found = batch.state(job.id)
    assert found.job.state == batch.FAILED
    assert "has changed since the batch was submitted" in found.job.reason
    data.write_bytes(before)
    assert "with the time of its last change" in found.job.reason
    os.utime(data, ns=(when.st_atime_ns, when.st_mtime_ns))
    assert batch.work(job.id, reporter=Silent()).job.state == batch.DONE


def test_an_input_that_changes_on_the_way_is_told_before_more_is_paid_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHECKING", float("inf"))
    data, stored = table(tmp_path / "in.csv", 3 * SHARD), []
    job, _ = batch.submit(MODEL, data, tmp_path / "a.jsonl", reporter=Silent())
    real = worker.store

    def store(*words: Any) -> bool:
        stored.append(real(*words))
        os.utime(data, (1, 1))
        return stored[-1]

    monkeypatch.setattr(worker, "store", store)
    Worker(batch_database(), "here", job.id).run()
    found = batch.state(job.id)
    assert (found.job.state, found.job.num_shards, stored) == (batch.FAILED, 3, [True])
    assert "submit it anew" in found.job.reason


def test_a_worker_reads_anew_what_a_person_has_mended_and_holds_nothing_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = batch.submit(MODEL, table(tmp_path / "in.csv", 3 * SHARD), tmp_path / "a.jsonl", reporter=Silent())
    database, is_broken, real = batch_database(), [True], reading.pieces

    def pieces(*words: Any) -> Iterator[Piece]:
        for n, piece in enumerate(real(*words)):
            if n == 1 and is_broken:
                is_broken.clear()
                raise UserError("the disk is away")
            yield piece

    monkeypatch.setattr(reading, "pieces", pieces)
    one = Worker(database, "here", job.id)
    one.run()
    assert "the disk is away" in batch.state(job.id).job.reason
    database.transact(lambda to: run_again(to, job.id))
    free = claim(database, job.id, "there")
    assert free is not None
    assert free.n == 1
    release(database, "there")
    one.run()
    assert batch.state(job.id).job.state == batch.DONE


def test_no_record_is_left_out_of_an_input_that_changed_while_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = table(tmp_path / "in.csv", 5)
    job, _ = batch.submit(MODEL, data, tmp_path / "a.jsonl", reporter=Silent())
    database = batch_database()
    for _ in range(MOST_DEATHS):
        claim(database, job.id, "dying")

    def poison_of(*_: object) -> dict[int, str]:
        os.utime(data, (1, 1))
        return {0: "worker crashed: UserError"}

    monkeypatch.setattr(worker, "poison_of", poison_of)
    release(database, "dying")
    Worker(database, "here", job.id).run()
    assert "has changed" in batch.state(job.id).job.reason
    assert find_shard(database, job.id, 0).crashed == {}


def test_the_time_of_who_comes_second_is_booked_with_what_it_does_next(tmp_path: Path) -> None:
    job, _ = batch.submit(MODEL, table(tmp_path / "in.csv", 3 * SHARD), tmp_path / "a.jsonl", reporter=Silent())
    database, session = batch_database(), Session(job)
    first, late = (Worker(database, name, job.id) for name in ("first", "late"))
    late._booked_until -= 10_000
    shard = claim(database, job.id, "first")
    assert shard is not None
    for one in (first, late):
        one._store(job, shard, session.answer(shard, {}))
    assert micros(database, job) < 10_000e6
    late.run()
    assert 10_000e6 < micros(database, job) < 20_000e6


def micros(database: Database, job: batch.Job) -> int:
    """Return the time that is booked."""
    statement = f"select {SUM} from total where name = 'machine_micros' and job = ?"
    return joined(*database.transact(lambda to: to.run(statement, job.id))[0])


@pytest.mark.parametrize(("change", "told"), [("gone", "cannot|no such|is no"), ("other", "the model has changed")])
def test_a_model_that_is_gone_or_another_is_told(tmp_path: Path, change: str, told: str) -> None:
    model = copied(MODEL, tmp_path / "model")
    job, _ = batch.submit(model, table(tmp_path / "in.csv", 5), tmp_path / "a.jsonl", reporter=Silent())
    model.rename(tmp_path / "away")
    if change == "other":
        copied(MODEL.parent / "tabular-classification+dates", model)
    Worker(batch_database(), "here", job.id).run()
    found = batch.state(job.id)
    assert found.job.state == batch.FAILED
    with pytest.raises(UserError, match=told):
        raise UserError(found.job.reason)


def test_the_command_submits_answers_lists_and_says_how_far_it_is(noria: Noria, tmp_path: Path) -> None:
    data = table(tmp_path / "in.csv", 70)
    code, out, err = noria("batch", "submit", MODEL, data, "--out", tmp_path / "a.csv", "--json")
    found = json.loads(out)
    assert (code, found["state"], found["done"], found["errors"]) == (0, "done", 70, None)
    assert "forecast: 70 rows by 1 worker, " in err
    assert (tmp_path / "a.csv").exists()
    assert found["id"] in noria("batch", "list")[1]
    assert "70 of 70 rows" in noria("batch", "status", found["id"][:6])[1]
    assert noria("batch", "cancel", found["id"])[1].startswith(f"{found['id']}  done")
    code, out, err = noria("batch", "submit", MODEL, data, "--out", tmp_path / "a.csv")
    assert "was submitted before" in err


def test_a_batch_that_fails_has_an_exit_code_and_the_reason(noria: Noria, tmp_path: Path) -> None:
    data = table(tmp_path / "in.csv", 5)
    job, _ = batch.submit(MODEL, data, tmp_path / "a.jsonl", reporter=Silent())
    data.unlink()
    code, out, _ = noria("batch", "resume", job.id)
    assert code == 2
    assert "the input is gone" in out


def test_what_is_detached_goes_on_by_itself(noria: Noria, tmp_path: Path) -> None:
    noria("batch", "submit", MODEL, table(tmp_path / "in.csv", 5), "--out", tmp_path / "a.jsonl", "--detach")
    for _ in range(2400):
        if (tmp_path / "a.jsonl").exists() and batch.states()[0].job.state == batch.DONE:
            return
        time.sleep(0.1)
    raise AssertionError(batch.states())


def test_hours_of_the_day_may_go_past_midnight(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        at = (0, 0)

        @classmethod
        def now(cls, tz: Any = None) -> Clock:
            return cls(2026, 11, 30, *cls.at)

    monkeypatch.setattr(giving_way, "datetime", Clock)
    found = []
    for Clock.at in ((21, 59), (22, 0), (3, 0), (6, 0)):
        found.append([bool(When(hours).waits_for()) for hours in ("22:00-06:00", "6:00-22:00", "6:00-6:00")])
    assert found == [[True, False, False], [False, True, False], [False, True, False], [True, False, False]]
    with pytest.raises(UserError, match="22:00-06:00"):
        When("25:00-6:00")


def test_a_batch_waits_while_a_service_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving_way, "_touched", [-1e9])
    assert not is_serving()
    tell_serving()
    assert is_serving()
    job, _ = batch.submit(MODEL, table(tmp_path / "in.csv", 5), when_idle=True, reporter=Silent())
    assert "waits for a service" in str(batch.state(job.id))
    looks = []

    def end_of_service(_: float) -> None:
        looks.append(batch.state(job.id).num_done)
        os.utime(tmp_path / "home" / giving_way.SERVED, (1, 1))

    monkeypatch.setattr(worker.time, "sleep", end_of_service)
    Worker(batch_database(), "here", job.id).run()
    assert looks == [0]
    assert batch.state(job.id).job.state == batch.DONE


def test_ctrl_c_ends_the_workers_and_the_batch_is_resumed(tmp_path: Path, background: Background) -> None:
    data = table(tmp_path / "in.csv", 20000)
    process = background("batch", "submit", MODEL, data, "--out", tmp_path / "a.jsonl")
    for _ in range(2400):
        if (states := batch.states()) and states[0].num_done:
            break
        time.sleep(0.1)
    process.send_signal(2)
    assert process.wait(240) == 130
    assert "noria batch resume" in (tmp_path / "said").read_text()
    job = batch.states()[0].job
    assert job.state == batch.RUNNING
    batch.work(job.id, reporter=Silent())
    predict_to(MODEL, [data], tmp_path / "p.jsonl", reporter=Silent())
    assert job.out.read_bytes() == (tmp_path / "p.jsonl").read_bytes()


def test_a_forecast_counts_start_loading_and_reading_for_all_workers_and_shares_out_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = load(MODEL, device="cpu")
    pieces = list(reading.every_piece(predictor, [str(table(tmp_path / "in.csv", 3 * SHARD))]))
    monkeypatch.setattr(Forecast, "_seconds", lambda *_: 8.0)  # for the first 16 records

    def slowly() -> Iterator[Piece]:
        for piece in pieces:
            clock[0] += 100.0
            yield piece

    clock = [0.0]
    monkeypatch.setattr("noria.batch.forecast.time", SimpleNamespace(monotonic=lambda: clock[0]))
    one, four = Forecast(predictor, starting_seconds=30.0), Forecast(predictor, workers=4)
    for forecast in (one, four):
        assert sum(piece.count for piece in forecast.watched(slowly())) == 3 * SHARD
    assert one.seconds == 30 + 300 + 3 * SHARD / 2
    assert four.seconds == STARTING_SECONDS + 300 + 3 * SHARD / 2 / 4
    assert "1,536 rows by 4 workers" in str(four)
    assert "with 2.0 s to start and load, 5 min 00 s to read" in str(four)
