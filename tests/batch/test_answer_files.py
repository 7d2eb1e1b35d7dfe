"""Answers that are files in a folder: those of `noria predict`, file by file, whoever is killed meanwhile."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from golden.bundles import FOLDER, stored_records
from noria import batch
from noria.batch import answer_files, worker
from noria.batch.job import Job
from noria.batch.shards import claim, release
from noria.batch.tables import batch_database
from noria.batch.worker import Session, Worker
from noria.errors import UserError
from noria.pipeline import encoder
from noria.reporter import Silent
from noria.stages.predict import predict_to

FINDER, HEARER = FOLDER / "object-detection", FOLDER / "voice-activity-detection"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small shards, and a database of the test's own."""
    monkeypatch.setattr(encoder, "FILES", 2)
    monkeypatch.setattr(encoder, "RECORDS", 2)
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))


def files_of(model: Path, folder: Path, suffix: str, count: int = 5) -> list[Path | str]:
    """Write some records of a model as files in two folders, which have the same names, and one that is broken."""
    records = [next(one for one in record.values() if isinstance(one, bytes)) for record in stored_records(model)]
    for index in range(count):
        place = folder / ("one" if index < count - 1 else "two") / f"{index % (count - 1)}{suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(records[index % len(records)])
    (folder / "one" / f"broken{suffix}").write_bytes(b"broken")
    return [folder / "one", folder / "two"]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def submitted(model: Path, data: list[Path | str], out: Path) -> Job:
    return batch.submit(model, data, out, reporter=Silent())[0]


@pytest.mark.parametrize(
    ("model", "suffix", "name"),
    [(FINDER, ".png", ""), (FINDER, ".png", "*.jpg"), (HEARER, ".wav", "*.srt"), (HEARER, ".wav", "")],
    ids=["drawn", "drawn as asked", "of a format of their own", "nothing to draw"],
)
def test_a_batch_fills_the_folder_that_predict_fills(model: Path, suffix: str, name: str, tmp_path: Path) -> None:
    data = files_of(model, tmp_path / "in", suffix)
    predict_to(model, data, tmp_path / "p" / name, reporter=Silent())
    job = submitted(model, data, tmp_path / "b" / name)
    assert job.num_shards == 2
    Worker(batch_database(), "here", job.id).run()
    expected = content(tmp_path / "p")
    assert content(tmp_path / "b") == expected
    assert (len(expected) > 1) is (name != "" or model == FINDER)
    assert [one.name for one in tmp_path.rglob(".*")] == []
    assert "broken" in json.loads((tmp_path / "b.errors.jsonl").read_text())["where"]
    assert len([*batch.results(job.id)]) == 6


class Killed(BaseException):
    """What no worker catches."""


def test_wherever_a_worker_is_killed_the_folder_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = files_of(FINDER, tmp_path / "in", ".png")
    predict_to(FINDER, data, tmp_path / "p", reporter=Silent())
    predictor, database = worker.load(FINDER), batch_database()
    monkeypatch.setattr(worker, "loaded", lambda _: predictor)
    monkeypatch.setattr("noria.batch.submission.Forecast.see", lambda *_: None)
    for n in range(1, 100):
        job, count = submitted(FINDER, data, tmp_path / f"b{n}"), 0

        def dying(function: Any, n: int = n) -> Any:
            def call(*words: Any, **named: Any) -> Any:
                nonlocal count
                count += 1
                found = function(*words, **named)
                if count == n:
                    raise Killed
                return found

            return call

        with monkeypatch.context() as patch:
            for owner, name in [
                (answer_files.os, "replace"), (answer_files, "sync_folder"), (worker, "store"), (worker, "claim"),
                (answer_files.shutil, "rmtree"), (answer_files.tempfile, "mkdtemp"),
            ]:  # fmt: skip
                patch.setattr(owner, name, dying(getattr(owner, name)))
            with suppress(Killed):
                Worker(database, "one", job.id).run()
        release(database, "one")
        Worker(database, "two", job.id).run()
        assert batch.state(job.id).job.state == batch.DONE
        assert content(job.out) == content(tmp_path / "p"), n
        if count < n:
            break
    assert 20 < n < 99


def test_the_files_of_who_comes_second_are_dropped_and_those_of_the_first_count(tmp_path: Path) -> None:
    data = files_of(FINDER, tmp_path / "in", ".png")
    job, database = submitted(FINDER, data, tmp_path / "b"), batch_database()
    late = Worker(database, "late", job.id)
    shard = claim(database, job.id, "late")
    assert shard is not None
    release(database, "late")
    answers = Session(job).answer(shard, {})
    late._store(job, shard, iter([next(answers)]))
    assert len([*job.aside.iterdir()]) == 1
    late._store(job, shard, answers)
    assert len([*job.aside.iterdir()]) == 1
    Worker(database, "here", job.id).run()
    assert [one.name for one in tmp_path.rglob(".*")] == []


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    data = files_of(FINDER, tmp_path / "in", ".png")
    job, database = submitted(FINDER, data, tmp_path / "b"), batch_database()
    shard = claim(database, job.id, "here")
    assert shard is not None
    Worker(database, "here", job.id)._store(job, shard, Session(job).answer(shard, {}))
    shutil.rmtree(job.aside)
    Worker(database, "here", job.id).run()
    found = batch.state(job.id).job
    assert found.state == batch.FAILED
    assert "the file of an answer is gone" in found.reason


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("in/one/drawn", "among what is to be answered"),
        ("subs/*.srt", r"answers are not written as \.srt"),
        ("one.png", "cannot write answers of this kind"),
        ("file", "cannot write answers of this kind"),
    ],
)
def test_a_folder_that_cannot_be_filled_is_told_before_anything_is_written(tmp_path: Path, out: str, told: str) -> None:
    data = files_of(FINDER, tmp_path / "in", ".png")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=told):
        submitted(FINDER, data, tmp_path / out)
    assert batch.states() == []
