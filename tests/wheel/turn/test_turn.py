"""Turns of a wheel on a real run: what is trained, promoted, rejected, brought back, and that nothing is done twice."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from noria.database import DatabaseAway, open_database
from noria.errors import UserError
from noria.job.renamed import read_stored_job
from noria.ledger.collecting import collect
from noria.reporter import Silent
from noria.store.run_folder import locked, read_json
from noria.wheel.turn.by_hand import answer_candidate, is_waiting, log, records, roll_back, status, what_waits
from noria.wheel.turn.folder import WheelFolder
from noria.wheel.turn.turn import STEPS, turn_wheel
from noria.wheel.turn.turns import FAILED, NOTHING, OPEN, PROMOTED, REJECTED, STOPPED, TurnRecord, Turns
from wheel.turn.conftest import SETTINGS, booked, write

WAITS = [*SETTINGS, "wheel.approve=person"]


def turn(run: Path, data: Path, *more: str) -> TurnRecord:
    return turn_wheel(run, [data], [*SETTINGS, *more], Silent())


def sides_in(table: Path) -> dict[str, str]:
    """Return the split of each place."""
    with table.open(newline="") as file:
        return {row["where"]: row["wheel_split"] for row in csv.DictReader(file)}


def models() -> set[str]:
    """Return the models that anything is booked of."""
    collect(open_database())
    return {one for (one,) in open_database().transact(lambda to: to.run("select distinct model from total"))}


def test_where_nothing_has_changed_nothing_is_trained(run: Path, same: Path) -> None:
    record = turn(run, same)
    assert (record.outcome, record.steps[-1].name) == (NOTHING, "decide")
    assert "nothing is done" in record.steps[-1].sentence
    assert not WheelFolder(run).turn(1).exists()


def test_a_model_that_has_become_worse_is_trained_again_and_promoted(run: Path, other: Path) -> None:
    record = turn(run, other)
    assert record.outcome == PROMOTED, log(run)
    assert [step.name for step in record.steps] == list(STEPS)
    assert WheelFolder.of(run).champion == (run / "wheel/turn-1/run").resolve()
    assert booked() == sorted(set(STEPS) - {"train"})
    assert models() == {"run"}
    recent, golden = (record.steps[4].result[name] for name in ("recent", "golden"))
    assert recent["accuracy"]["verdict"] == "better"
    assert golden["n"] == read_json(run / "metrics.json")["n"]
    assert "more than the" in record.steps[1].sentence
    assert "the model of turn 1" in status(run)


def test_no_golden_record_and_none_held_out_is_learnt_from(run: Path, other: Path) -> None:
    turn(run, other)
    sides = sides_in(run / "wheel/turn-1/splits.csv")
    golden = set(read_json(run / "wheel/golden.json")["places"])
    recent = set(read_json(run / "wheel/turn-1/recent.json")["places"])
    assert golden
    assert recent
    assert {sides[one] for one in golden | recent} == {"test"}
    assert {one for one in recent if str(other.parent) not in one} == set()


def test_what_says_the_same_as_a_golden_or_an_older_record_stands_on_its_side(
    run: Path, champion: Path, other: Path, tmp_path: Path
) -> None:
    head, *new = other.read_text().splitlines()
    old = Path(read_stored_job(champion / "job.yaml")["data"]["path"]).read_text().splitlines()[1:101]
    data, golden = tmp_path / "labelled.csv", tmp_path / "golden.csv"
    data.write_text("\n".join([head, *old, *new]))
    golden.write_text("\n".join([head, *new[:200]]))
    turn_wheel(run, [data], [*WAITS, f"wheel.golden={golden}"], Silent())
    sides = sides_in(run / "wheel/turn-1/splits.csv")
    before = [sides[f"first.csv:{row}"] for row in range(2, 102)]
    assert len(set(before)) == 3
    assert [sides[f"{tmp_path}/labelled.csv:{row}"] for row in range(2, 102)] == before
    assert {sides[f"{tmp_path}/labelled.csv:{row}"] for row in range(102, 302)} == {"test"}


def test_the_next_turn_begins_from_the_new_champion_and_sees_that_all_is_well(run: Path, other: Path) -> None:
    turn(run, other)
    later = write(other.parent / "later.csv", 300, 5, kind=3.0)
    record = turn(run, later)
    assert record.outcome == NOTHING
    assert record.steps[0].result["champion"] == "wheel/turn-1/run"


def test_records_that_the_champion_learnt_from_are_not_looked_at_again(run: Path, other: Path) -> None:
    turn(run, other)
    learnt = turn(run, other).steps[0].result["assessment"]["n"]
    assert learnt < 400  # of 700


def test_the_wheel_turns_twice_with_two_files(run: Path, other: Path, tmp_path: Path) -> None:
    turn(run, other)
    third = write(tmp_path / "labelled.csv", 700, 6, kind=-3.0)
    record = turn(run, third)
    assert record.outcome == PROMOTED, log(run)
    assert WheelFolder.of(run).champion.parent.name == "turn-2"
    assert record.steps[4].result["golden"]["n"] == read_json(run / "metrics.json")["n"]
    roll_back(run, "it was slower")
    assert WheelFolder.of(run).champion.parent.name == "turn-1"
    assert "it was slower" in log(run)
    assert (
        "the last candidate was no good" in turn(run, write(tmp_path / "more.csv", 300, 7, kind=-3.0)).steps[1].sentence
    )


def test_a_file_that_is_written_anew_has_new_records_at_the_old_places(run: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "labelled.csv", 700, 2, kind=3.0)
    turn(run, data)
    head, *first = data.read_text().splitlines()
    _, *later = write(data, 700, 6, kind=-3.0).read_text().splitlines()
    data.write_text("\n".join([head, *later, *first[:100]]))  # the newest first, and most of the old ones gone
    record = turn(run, data)
    assert record.outcome == PROMOTED, log(run)
    before, now = (sides_in(run / f"wheel/turn-{number}/splits.csv") for number in (1, 2))
    old = [now[f"{data}:{row}"] for row in range(702, 802)]
    assert old == [before[f"{data}:{row}"] for row in range(2, 102)]
    recent = set(read_json(run / "wheel/turn-2/recent.json")["places"])
    assert recent <= {f"{data}:{row}" for row in range(2, 702)}
    assert "600 records of earlier turns are gone" in record.steps[2].sentence


def test_a_candidate_waits_for_a_person(run: Path, other: Path) -> None:
    record = turn_wheel(run, [other], WAITS, Silent())
    assert (record.outcome, record.steps[-1].name) == (OPEN, "compare")
    assert turn_wheel(run, (), WAITS, Silent()) == record
    assert "noria wheel approve" in status(run)
    assert status(run).endswith("".join(what_waits(run, record)))
    assert answer_candidate(run, True, "looked at it", Silent()).outcome == PROMOTED
    with pytest.raises(UserError, match="no candidate waits"):
        answer_candidate(run, True, "", Silent())


def test_a_candidate_that_a_person_rejects_is_followed_by_a_pause(run: Path, other: Path) -> None:
    turn_wheel(run, [other], WAITS, Silent())
    assert answer_candidate(run, False, "it is rude", Silent()).outcome == REJECTED
    assert WheelFolder.of(run).champion == run.resolve()
    again = turn(run, other)
    assert again.outcome == NOTHING
    assert "none begins for another 7.0 days" in again.steps[-1].sentence
    assert turn(run, other, "wheel.cool_down_days=0").outcome == PROMOTED


def test_a_candidate_that_is_worse_on_the_golden_set_is_rejected(run: Path, tmp_path: Path) -> None:
    noise = write(tmp_path / "noise.csv", 900, 3)
    flipped = {"yes": "no", "no": "yes"}
    lines = [line.rpartition(",") for line in noise.read_text().splitlines()]
    noise.write_text("\n".join(f"{head},{flipped.get(label, label)}" for head, _, label in lines))
    record = turn(run, noise)
    assert record.outcome == REJECTED
    assert "golden set" in record.steps[-1].sentence


def test_a_month_whose_budget_is_too_small_sees_no_training(run: Path, other: Path) -> None:
    record = turn(run, other, "wheel.budget=0")
    assert record.outcome == NOTHING
    assert "are left of this month's 0.00" in record.steps[-1].sentence


def test_a_training_that_takes_longer_than_forecast_stops_at_the_budget(
    run: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noria.wheel.turn.train._Clock.seconds", 1e9)
    record = turn(run, other)
    assert record.outcome == STOPPED
    assert "would cost more" in record.steps[-1].sentence


def test_records_too_few_to_tell_anything_end_the_turn(run: Path, tmp_path: Path) -> None:
    record = turn(run, write(tmp_path / "few.csv", 20, 3, kind=3.0))
    assert (record.outcome, record.steps[-1].name) == (NOTHING, "assess")
    assert record.steps[-1].sentence.startswith("20 records new to the champion; at least 30")


def test_a_golden_set_that_has_changed_is_told(run: Path, other: Path, tmp_path: Path) -> None:
    golden = write(tmp_path / "golden.csv", 200, 4)
    turn_wheel(run, [other], [*WAITS, f"wheel.golden={golden}"], Silent())
    answer_candidate(run, False, "", Silent())
    write(golden, 200, 5)
    with pytest.raises(UserError, match="not what it was when it was frozen"):
        turn(run, other, "wheel.cool_down_days=0")
    assert "failed" in log(run)
    golden.unlink()
    with pytest.raises(UserError, match="another golden set already"):
        turn(run, other, "wheel.cool_down_days=0", f"wheel.golden={other}")


def test_what_a_person_mended_before_anything_was_trained_is_followed_by_no_pause(
    run: Path, other: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="no such file"):
        turn(run, other, f"wheel.golden={tmp_path / 'absent.csv'}")
    assert records(run)[-1].outcome == FAILED
    assert turn(run, other).outcome == PROMOTED


@pytest.mark.parametrize(("overrides", "message"), [(["train.steps=9"], "settings of the wheel alone"), ([], "pays")])
def test_what_a_turn_cannot_do_is_told_before_it_begins(
    run: Path, same: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        turn_wheel(run, [same], overrides, Silent())
    with pytest.raises(UserError, match="no such file"):
        turn(run, same.parent / "absent.csv")
    with pytest.raises(UserError, match="no newly labelled records"):
        turn_wheel(run, (), SETTINGS, Silent())


def test_a_loss_in_other_money_than_the_costs_is_refused_until_one_of_them_is_stated(
    run: Path, same: Path, tmp_path: Path
) -> None:
    job = read_stored_job(run / "job.yaml")
    (run / "job.yaml").write_text(yaml.safe_dump({**job, "value": {"currency": "EUR", "correct": 1, "wrong": -1}}))
    with pytest.raises(UserError, match=r"not in the same money[\s\S]*USD[\s\S]*EUR"):
        turn_wheel(run, [same], SETTINGS[1:], Silent())
    assert turn(run, same).outcome == NOTHING  # wheel.worth is in the money of the prices
    (tmp_path / "home" / "prices.yaml").write_text("currency: EUR\n")
    assert turn_wheel(run, [same], SETTINGS[1:], Silent()).outcome == NOTHING


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("is_before", [True, False])
def test_each_step_is_done_once_whatever_is_killed_when(
    run: Path, other: Path, monkeypatch: pytest.MonkeyPatch, is_before: bool
) -> None:
    real: Callable[..., None] = Turns.write
    dies = [False]

    def write(self: Turns, *given: Any) -> None:
        if not is_before:
            real(self, *given)
        dies[0] = not dies[0]
        if dies[0]:
            raise Killed
        if is_before:
            real(self, *given)

    monkeypatch.setattr(Turns, "write", write)
    kills, goes_on, waited = 0, True, list[TurnRecord]()
    while goes_on:
        try:
            goes_on = turn(run, other).outcome == OPEN
        except Killed:
            kills += 1
            waited += records(run)
            goes_on = "goes on" in status(run)
    assert kills >= 4
    assert not any(is_waiting(one) for one in waited)
    assert "turn 1" in status(run)
    assert "promoted" in status(run)
    assert booked() == sorted(set(STEPS) - {"train"})


def test_a_rollback_that_is_killed_is_ended_by_whoever_comes_next(
    run: Path, other: Path, same: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(run, other)
    real = WheelFolder.point

    def point(*_: object) -> None:
        raise Killed

    for go_on in (lambda: turn(run, same), lambda: roll_back(run, "twice")):
        monkeypatch.setattr(WheelFolder, "point", point)
        with pytest.raises(Killed):
            roll_back(run, "it was slower")
        monkeypatch.setattr(WheelFolder, "point", real)
        go_on()
        assert WheelFolder.of(run).champion == run.resolve()
        assert "said" in log(run)
        assert "goes on" not in log(run)
        WheelFolder(run).point("current", run / "wheel/turn-1/run")


def test_the_name_of_a_wheel_is_given_by_whoever_holds_it(
    run: Path, same: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = WheelFolder.prepare

    def prepare(self: WheelFolder, tell: Callable[[str], None]) -> str:
        with pytest.raises(UserError, match="another process"), locked(self.path):
            pass
        return real(self, tell)

    monkeypatch.setattr(WheelFolder, "prepare", prepare)
    assert turn(run, same).number == 1


def test_relative_paths_of_a_job_start_where_its_training_began(
    run: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, begun = read_stored_job(run / "job.yaml"), read_json(run / "prepare.json")
    data = Path(job["data"]["path"])
    job["data"]["path"], job["wheel"] = data.name, {"data": ["new.csv"]}
    (run / "job.yaml").write_text(yaml.safe_dump(job))
    (run / "prepare.json").write_text(json.dumps(begun | {"folder": str(data.parent)}))
    shutil.copy(other, data.parent / "new.csv")
    monkeypatch.chdir(tmp_path)
    record = turn_wheel(run, [], SETTINGS, Silent())
    assert record.asked["data"] == [str(data.parent / "new.csv")]
    assert record.outcome == PROMOTED, log(run)


def test_a_copy_of_a_wheel_turns_by_itself_after_the_folders_that_it_has(
    run: Path, other: Path, same: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turn(run, other)
    copy = Path(shutil.copytree(run, tmp_path / "copy", symlinks=True))
    assert "has not turned yet" in status(copy)
    assert f"a copy of {run}: its wheel goes on by itself" in capsys.readouterr().err
    assert turn(copy, same).number == 2
    assert [one.number for one in records(copy)] == [2]
    assert [one.number for one in records(run)] == [1]
    with pytest.raises(UserError, match="no champion before this one is known"):
        roll_back(copy, "it was slower")
    assert capsys.readouterr().err == ""


def test_a_wheel_that_is_moved_keeps_its_turns_and_what_they_learnt_from(
    run: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turn(run, other)
    moved = run.rename(tmp_path / "moved")
    link = tmp_path / "link"
    link.symlink_to(moved)
    record = turn(link, write(tmp_path / "third.csv", 700, 6, kind=-3.0))
    assert (record.number, record.outcome) == (2, PROMOTED)
    assert len(records(moved)) == 2
    assert "a copy of" not in capsys.readouterr().err


def test_what_a_failed_step_has_cost_counts_in_the_budget(
    run: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: object, **__: object) -> None:
        raise UserError("no such optimizer")

    monkeypatch.setattr("noria.wheel.turn.train.train", train)
    monkeypatch.setattr("noria.wheel.turn.costs.Costs.of", lambda *_: 7)
    with pytest.raises(UserError, match="no such optimizer"):
        turn(run, other)
    assert records(run)[-1].outcome == FAILED
    assert records(run)[-1].steps[-1].micro == 7


def test_a_database_that_is_away_ends_no_turn(run: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: object, **__: object) -> None:
        raise DatabaseAway("the database did not answer")

    monkeypatch.setattr("noria.wheel.turn.train.train", train)
    with pytest.raises(DatabaseAway):
        turn(run, other)
    assert records(run)[-1].outcome == OPEN


def test_a_turn_that_breaks_again_and_again_can_be_ended(
    run: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("noria.wheel.turn.train.train", train)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            turn(run, other)
    with pytest.raises(UserError, match="no candidate waits"):
        answer_candidate(run, True, "", Silent())
    assert answer_candidate(run, False, "it cannot be trained", Silent()).outcome == REJECTED
    assert records(run)[-1].steps[-1].name == "reject"
    with pytest.raises(UserError, match="no candidate waits"):
        answer_candidate(run, False, "", Silent())


def test_a_training_that_is_killed_goes_on(run: Path, other: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from noria.reporter import Silent\n"
        "from noria.wheel.turn.turn import turn_wheel\n"
        "from noria.wheel.turn.train import _Clock\n"
        "def tick(self, real=_Clock.tick):\n"
        "    real(self)\n"
        "    if list(Path(sys.argv[1]).glob('wheel/turn-1/run/checkpoints/step-*/manifest.json')):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "_Clock.tick = tick\n"
        f"turn_wheel(Path(sys.argv[1]), [Path(sys.argv[2])], {SETTINGS!r}, Silent())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run), str(other)], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert "goes on" in status(run)
    record = turn_wheel(run, (), SETTINGS, Silent())
    assert record.outcome == PROMOTED, log(run)
    assert [step.name for step in record.steps] == list(STEPS)
