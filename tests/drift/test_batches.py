"""Some of a batch's records are set beside the calibration split, and what they show is told with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch.given import MODEL, SHARD, table
from drift.conftest import rows_of, write
from noria import batch
from noria.batch import seen
from noria.batch.progress import Progress
from noria.batch.tables import batch_database
from noria.batch.worker import Worker
from noria.drift.assess import assess
from noria.drift.assessment import Assessment
from noria.drift.window import window_of
from noria.pipeline import encoder
from noria.pipeline.observations import Observations
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.reference import read_reference
from noria.reporter import Silent
from noria.types import Arrays


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "RECORDS", SHARD)
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))


def answered(run: Path, data: Path) -> Progress:
    job, _ = batch.submit(run, data, data.with_suffix(".jsonl"), reporter=Silent())
    Worker(batch_database(), "here", job.id).run()
    return batch.state(job.id)


@pytest.mark.parametrize(("shift", "drifts"), [(0.0, False), (2.0, True)])
def test_a_batch_tells_whether_its_records_are_like_those_of_calibration(
    tmp_path: Path, run: Path, shift: float, drifts: bool
) -> None:
    found = answered(run, write(tmp_path / "in.csv", rows_of(600, 5, shift, has_answer=False)))
    watched = found.as_json()["watched"]
    assert (watched["records"], watched["assessment"]["n"], watched["note"]) == (600, 600, "")
    assert watched["assessment"]["alarm"] is drifts
    assert ("drift in its records" in str(found)) is drifts
    assert ("drift in " in found.told.partition("\n")[2], "no drift found" in found.told) == (drifts, not drifts)


def test_of_many_records_every_so_many_is_looked_at_with_its_place(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "MOST_RECORDS", 160)
    head, *rows = rows_of(1100, 5, has_answer=False)  # 7 divides no shard: each begins where the last one ended
    found = answered(run, write(tmp_path / "in.csv", [head, *rows]))
    predictor = load(run)
    window = window_of(predictor, [str(write(tmp_path / "some.csv", [head, *rows[::7]]))])
    expected = assess(read_reference(predictor.bundle), window.observations)
    assessment = Assessment.from_json(found.as_json()["watched"]["assessment"])
    assert assessment.n == len(rows[::7])
    assert [one.statistic for one in assessment.tests] == pytest.approx([one.statistic for one in expected.tests], 1e-3)
    places = {f"in.csv:{2 + 7 * number}" for number in range(len(rows[::7]))}
    assert {one.where for one in assessment.unlike} <= places


def test_what_was_kept_to_look_at_goes_when_the_batch_is_over(tmp_path: Path, run: Path) -> None:
    data = write(tmp_path / "in.csv", rows_of(1100, 5, has_answer=False))
    job, _ = batch.submit(run, data, tmp_path / "a.jsonl", reporter=Silent())
    database = batch_database()
    worker = Worker(database, "here", job.id)
    assert worker._answer(job)
    assert [n for (n,) in database.transact(lambda to: to.run("select n from batch_seen order by n"))] == [0, 1, 2]
    other = seen.told(database, replace(job, asked=replace(job.asked, digest="another")))
    assert (other["assessment"], other["records"]) == (None, 1100)
    assert "the model has changed" in other["note"]
    worker.run()
    assert database.transact(lambda to: to.run("select n from batch_seen")) == []


def test_a_model_without_a_calibration_split_and_few_records_say_why_nothing_is_told(tmp_path: Path, run: Path) -> None:
    none = answered(MODEL, table(tmp_path / "in.csv", 5))
    assert none.as_json()["watched"]["records"] == 0
    assert "this model keeps nothing of its calibration split" in none.told
    few = answered(run, write(tmp_path / "few.csv", rows_of(5, 5, has_answer=False)))
    assert few.as_json()["watched"]["assessment"] is None
    assert "watched: so few records show no drift" in few.told


def test_a_batch_ends_whatever_keeps_its_records_from_being_assessed(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "in.csv", rows_of(50, 5, has_answer=False))
    job, _ = batch.submit(run, data, tmp_path / "none.jsonl", reporter=Silent())
    assert "watched: no record was answered" in batch.cancel(job.id).told
    monkeypatch.setattr(seen, "assess", lambda *_: 1 / 0)
    found = answered(run, data)
    assert (found.job.state, found.num_done) == (batch.DONE, 50)
    assert "could not be assessed: ZeroDivisionError" in found.told


def test_what_breaks_the_watch_neither_holds_up_a_shard_nor_is_kept_quiet(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failed = seen.observe, []

    def observe(predictor: Predictor, output: Arrays, *more: Any, **named: Any) -> Observations:
        if not failed:
            failed.append("once")
            raise MemoryError("no room for a window")
        return real(predictor, output, *more, **named)

    monkeypatch.setattr(seen, "observe", observe)
    found = answered(run, write(tmp_path / "in.csv", rows_of(1100, 5, has_answer=False)))
    assert (found.job.state, found.num_done, found.num_bad) == (batch.DONE, 1100, 0)
    assert found.as_json()["watched"]["records"] == 1100 - SHARD
    assert "no drift found" in found.told
    assert "watched: records of 1 shard were not looked at: MemoryError: no room for a window" in found.told
    monkeypatch.setattr(seen, "joined", lambda *_: 1 / 0)
    found = answered(run, write(tmp_path / "all.csv", rows_of(50, 5, has_answer=False)))
    assert (found.job.state, found.as_json()["watched"]["assessment"]) == (batch.DONE, None)
    assert "records of 1 shard were not looked at: ZeroDivisionError" in found.told
