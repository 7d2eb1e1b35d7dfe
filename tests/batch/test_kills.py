from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap
import time
from pathlib import Path

import pytest

from batch.conftest import Background
from batch.dying import kill_again_and_again, start
from batch.given import MODEL, SHARD, table
from noria import batch
from noria.batch.forecast import Forecast
from noria.batch.giving_way import When
from noria.batch.names import worker_name
from noria.batch.poison import MOST_DEATHS, TIMES_ALONE, poison
from noria.batch.shards import claim
from noria.batch.submission import prepare, submit_job
from noria.batch.tables import batch_database
from noria.database import Database
from noria.pipeline import encoder
from noria.reporter import Silent
from noria.stages.predict import predict_to
from postgres_server import Server

ROWS = 8000
FEW = 6 * SHARD  # rows: more shards than two workers hold and have answered


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "RECORDS", SHARD)
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))


def submitted(database: Database, data: Path, out: Path) -> batch.Job:
    predictor, asked = prepare(MODEL, [data], out)
    return submit_job(database, predictor, asked, When(), Forecast(predictor), Silent())[0]


def booked(database: Database, job: str) -> int:
    statement = "select sum(amount) from total where name = 'predictions' and job = ?"
    return int(database.transact(lambda to: to.run(statement, job))[0][0])


def entries(database: Database, job: str) -> int:
    return int(database.transact(lambda to: to.run("select count(*) from entry where job = ?", job))[0][0])


def in_each_worker(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each worker that is started as a process run some code first."""
    (folder / "site").mkdir()
    condition = 'import sys\nif "noria.batch" in " ".join(sys.orig_argv):\n'
    code = condition + textwrap.indent(textwrap.dedent(code), "    ")
    (folder / "site" / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")]))


def test_workers_that_are_killed_lose_double_and_change_nothing(database_url: str, tmp_path: Path) -> None:
    database, data = batch_database(database_url), table(tmp_path / "in.csv", ROWS)
    predict_to(MODEL, [data], tmp_path / "p.jsonl", reporter=Silent())
    job = submitted(database, data, tmp_path / "out.jsonl")
    killed = kill_again_and_again(job.id, tmp_path / "home", times=8, workers=2, seed=1, url=database_url)
    assert killed >= 3
    assert job.out.read_bytes() == (tmp_path / "p.jsonl").read_bytes()
    assert not job.errors.exists()
    assert (booked(database, job.id), entries(database, job.id)) == (ROWS, job.num_shards)
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    database.close()


def test_a_server_that_is_killed_costs_no_answer(mortal_postgres: Server, tmp_path: Path) -> None:
    url = mortal_postgres.new_url()
    database, data = batch_database(url), table(tmp_path / "in.csv", ROWS)
    predict_to(MODEL, [data], tmp_path / "p.jsonl", reporter=Silent())
    job = submitted(database, data, tmp_path / "out.jsonl")
    process = start(job.id, tmp_path / "home", url)
    for _ in range(2):
        time.sleep(0.3)
        mortal_postgres.kill()
        mortal_postgres.start()
    process.join(240)
    database.close()
    assert process.exitcode == 0
    assert job.out.read_bytes() == (tmp_path / "p.jsonl").read_bytes()
    assert (booked(database, job.id), entries(database, job.id)) == (ROWS, job.num_shards)
    database.close()


def test_two_parents_share_the_work_and_when_one_is_killed_its_workers_go_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, background: Background
) -> None:
    """Each worker answers a shard and stops with another, which it holds, until one of them has been killed."""
    go_on = tmp_path / "go-on"
    in_each_worker(
        f"""
        import time
        from pathlib import Path
        from noria.batch import shards
        from noria.pipeline import encoder
        encoder.RECORDS, shards.LEASE_SECONDS = {SHARD}, 3.0
        claim, claimed = shards.claim, []
        def held(*words):
            claimed.append(claim(*words))
            while len(claimed) > 1 and not Path({str(go_on)!r}).exists():
                time.sleep(0.02)
            return claimed[-1]
        shards.claim = held
        """,
        tmp_path,
        monkeypatch,
    )
    data = table(tmp_path / "in.csv", FEW)
    job, _ = batch.submit(MODEL, data, tmp_path / "out.jsonl", reporter=Silent())
    first, second = (background("batch", "resume", job.id) for _ in range(2))
    database = batch_database()
    held = "select count(*) from batch_shard where state = 'waiting' and worker is not null"
    while (batch.state(job.id).num_done, database.transact(lambda to: to.run(held))) != (2 * SHARD, [(2,)]):
        assert first.poll() is second.poll() is None
        time.sleep(0.1)
    children = subprocess.run(["pgrep", "-P", str(first.pid)], capture_output=True, text=True, check=True).stdout
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    go_on.touch()
    assert second.wait(240) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.split())
    predict_to(MODEL, [data], tmp_path / "p.jsonl", reporter=Silent())
    assert job.out.read_bytes() == (tmp_path / "p.jsonl").read_bytes()
    assert booked(database, job.id) == FEW


def test_who_works_at_all_batches_goes_on_with_one_whose_parent_died_with_the_machine(
    tmp_path: Path, background: Background
) -> None:
    job, _ = batch.submit(MODEL, table(tmp_path / "in.csv", 70), tmp_path / "out.jsonl", reporter=Silent())
    database = batch_database()
    assert claim(database, job.id, worker_name(os.getpid()) + "0") is not None
    process = background("batch", "work")
    for _ in range(2400):
        if batch.state(job.id).job.is_over or process.poll() is not None:
            break
        time.sleep(0.1)
    assert batch.state(job.id).job.state == batch.DONE


class Deadly:
    """Reading some records fails; of others it fails only now and then."""

    def __init__(self, records: set[int], unlucky: int = 0) -> None:
        self.records, self.unlucky, self.count = records, unlucky, 0

    def failure(self, first: int, end: int) -> str:
        self.count += 1
        is_unlucky = self.count <= self.unlucky
        return "killed" if is_unlucky or self.records & {*range(first, end)} else ""


def test_records_that_kill_are_found_by_halves() -> None:
    trial = Deadly({3, 700})
    assert poison(trial, 0, 1024) == {3: "killed", 700: "killed"}
    assert trial.count < 60


def test_who_is_killed_from_outside_leads_to_no_record() -> None:
    assert poison(Deadly(set(), unlucky=11), 0, 1024) == {}  # by halves down to one record, which then lives
    assert MOST_DEATHS == TIMES_ALONE == 3


@pytest.mark.parametrize(
    ("deed", "hang_seconds", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", 600.0, "worker crashed: killed by SIGSEGV"),
        ("ctypes.PyDLL(None).sleep(1000)", 4.0, "worker crashed: no answer within 4.0 s"),
    ],
    ids=["it kills", "it hangs, and no other thread of Python has its turn"],
)
def test_a_record_that_ends_its_worker_is_told_and_the_others_are_answered(
    deed: str, hang_seconds: float, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = table(tmp_path / "in.csv", 2)
    predict_to(MODEL, [data], tmp_path / "p.jsonl", reporter=Silent())
    lines = data.read_text().splitlines()
    lines[2] = "1,666,1,1,typical low"
    data.write_text("\n".join(lines) + "\n")
    in_each_worker(
        f"""
        import ctypes, os, signal
        from noria.batch import poison
        from noria.pipeline.encoder import RecordEncoder
        poison.MOST_DEATHS = poison.TIMES_ALONE = 1  # each time a process starts; other tests count them
        encode = RecordEncoder.encode
        def deadly(self, values, *rest):
            if "666" in map(str, values["table"]["age"]):
                {deed}
            return encode(self, values, *rest)
        RecordEncoder.encode = deadly
        """,
        tmp_path,
        monkeypatch,
    )
    monkeypatch.setattr("noria.batch.parent.PAUSES", (0.01, 0.01))
    monkeypatch.setattr("noria.batch.submission.Forecast.see", lambda *_: None)
    job, _ = batch.submit(MODEL, data, tmp_path / "out.jsonl", hang_seconds=hang_seconds, reporter=Silent())
    found = batch.work(job.id, reporter=Silent())
    assert (found.job.state, found.num_bad) == (batch.DONE, 1)
    assert json.loads(job.errors.read_text()) == {"row": 2, "where": "in.csv:3", "error": reason}
    answers, expected = job.out.read_text().splitlines(), (tmp_path / "p.jsonl").read_text().splitlines()
    assert json.loads(answers[1]) == {"where": "in.csv:3", "error": reason}
    assert answers[0] == expected[0]
