"""`noria runs`: every run is told as what it is, sorted as asked, and only runs are deleted."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import noria as package
from noria.errors import UserError
from noria.stages.delete_runs import WRITTEN
from noria.stages.runs import COLUMNS

Run = Callable[..., "tuple[int, str, str]"]


def write_run(folder: Path, name: str, value: float | None, seconds: float = 2.0, age: int = 0, **job: Any) -> Path:
    """Write the small files of a run as a training leaves them; without a value, of one that is not scored."""
    run = folder / name
    (run / "bundle").mkdir(parents=True)
    (run / "bundle" / "model.safetensors").write_bytes(bytes(1500))
    (run / "bundle" / "config.json").write_text("{}")
    content = {"task": "tabular-classification", "data": {"path": "churn.csv"}, **job}
    (run / "job.yaml").write_text(yaml.safe_dump(content))
    (run / "plan.json").write_text('{"steps": 600, "weights": 375}')
    if value is not None:
        one = {"value": value, "low": value - 0.1, "high": value + 0.1, "unit": "fraction", "direction": "higher"}
        metrics = {"split": "test", "n": 90, "metrics": {"accuracy": one}, "baseline": {"accuracy": {"value": 0.6}}}
        (run / "metrics.json").write_text(json.dumps({**metrics, "seconds": {"train": seconds}}))
    for path in (run / "job.yaml", run / "metrics.json"):
        if path.exists():
            os.utime(path, (1e9 - age, 1e9 - age))
    return run


@pytest.fixture
def three(tmp_path: Path) -> Path:
    write_run(tmp_path, "b", 0.8, seconds=30, age=5)
    write_run(tmp_path, "a", 0.9, seconds=20, age=9)
    write_run(tmp_path, "c", 0.7, seconds=40, age=1)
    return tmp_path


@pytest.mark.parametrize(("sort", "names"), [("score", "abc"), ("date", "cba"), ("cost", "abc"), ("name", "abc")])
def test_runs_stand_in_the_order_that_is_asked_for(sort: Any, names: str, three: Path) -> None:
    assert "".join(run.path.name for run in package.runs(three, sort=sort)) == names


def test_a_lower_score_is_better_where_the_metric_says_so_and_other_scores_stand_apart(tmp_path: Path) -> None:
    for name, value in (("far", 5.0), ("near", 2.0)):
        path = write_run(tmp_path, name, value) / "metrics.json"
        content = json.loads(path.read_text())
        content["metrics"] = {"rmse": {**content["metrics"]["accuracy"], "direction": "lower"}}
        path.write_text(json.dumps(content))
    write_run(tmp_path, "classes", 0.9)
    write_run(tmp_path, "unscored", None)
    found = package.runs(tmp_path, sort="score")
    assert [run.path.name for run in found] == ["classes", "near", "far", "unscored"]


def test_a_run_has_its_score_its_baseline_and_what_it_cost(three: Path, noria: Run) -> None:
    best = package.runs(three, sort="score")[0]
    assert best.score is not None
    assert (best.metric, best.score.value, best.score.baseline) == ("accuracy", 0.9, 0.6)
    assert (best.seconds, best.weights, best.weight_bytes, best.data) == (20.0, 375, 1500, "churn.csv")
    code, out, _ = noria("runs", three, "--sort", "score")
    head, first, *_ = out.splitlines()
    assert (code, head.split()) == (0, " ".join(COLUMNS).split())
    assert [*first.split()][1:9] == ["tabular-classification", "accuracy", "0.9", "0.8", "to", "1", "0.6", "-"]
    assert "2 kB" in first
    code, out, _ = noria("runs", three, "--json", "--sort", "score")
    assert json.loads(out)[0]["score"]["value"] == 0.9
    assert json.loads(out)[0]["path"] == str(three / "a")
    page = package.runs(three)._repr_html_()
    assert page.count("<tr>") == 4
    assert "churn.csv" in page


def test_the_strongest_rival_stands_beside_the_score(tmp_path: Path) -> None:
    models = [
        {"name": name, "metrics": {"accuracy": {"value": value}}} for name, value in (("lines", 0.85), ("trees", 1))
    ]
    for name, rivals in (("a", {"models": models, "strongest": "lines"}), ("b", {"models": 7}), ("c", [1])):
        path = write_run(tmp_path, name, 0.9) / "metrics.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "rivals": rivals}))
    found = [(run.rival, run.rival_value) for run in package.runs(tmp_path, sort="name")]
    assert found == [("lines", 0.85), (None, None), (None, None)]
    assert "0.85" in str(package.runs(tmp_path))


def test_the_scores_of_all_folds_stand_in_front_where_nothing_else_was_held_out(tmp_path: Path) -> None:
    path = write_run(tmp_path, "a", 0.9) / "metrics.json"
    content = json.loads(path.read_text())
    folds = {**content, "split": "cross-validation", "n": 300, "metrics": {"accuracy": {"value": 0.7}}}
    content["seconds"] = {"prepare": 1.0, "train": 2.0, "folds": 10.0}
    path.write_text(json.dumps({**content, "split": "validation", "cross_validation": folds}))
    (found,) = package.runs(tmp_path)
    assert found.score is not None
    assert (found.split, found.n, found.score.value) == ("cross-validation", 300, 0.7)
    assert found.seconds == 12.0, "the folds are a part of the cost"


def test_only_runs_of_a_task_are_listed_where_it_is_named(three: Path, noria: Run) -> None:
    write_run(three, "d", 0.5, task="chat")
    assert [run.path.name for run in package.runs(three, task="chat")] == ["d"]
    code, _, err = noria("runs", three, "--task", "chatt")
    assert (code, "did you mean 'chat'?" in err) == (2, True)


@pytest.mark.parametrize("damage", ["[", "[1]", '{"metrics": 7}', '{"metrics": {"a": 7}}', '{"metrics": {}}', "\x00"])
def test_a_damaged_run_is_listed_and_never_an_exception(damage: str, three: Path) -> None:
    (three / "b" / "metrics.json").write_text(damage)
    found = {run.path.name: run for run in package.runs(three, sort="score")}
    assert len(found) == 3
    assert found["b"].score is None
    assert str(three / "b") in str(package.runs(three))


@pytest.mark.parametrize("damage", ["task: [", "7", ""])
def test_a_run_whose_job_cannot_be_read_is_called_broken(damage: str, three: Path) -> None:
    (three / "b" / "job.yaml").write_text(damage)
    found = {run.path.name: run for run in package.runs(three)}
    assert found["b"].state == "broken"
    assert found["b"].note.startswith("job.yaml: ")


def test_unfinished_runs_say_where_they_stand(tmp_path: Path) -> None:
    write_run(tmp_path, "unscored", None)
    for name, steps in (("stopped", (40, 120)), ("begun", ())):
        run = write_run(tmp_path, name, None)
        shutil.rmtree(run / "bundle")
        for step in steps:
            (run / "checkpoints" / f"step-{step:08d}").mkdir(parents=True)
    gone = write_run(tmp_path, "gone", 0.9)
    shutil.rmtree(gone / "bundle")
    found = {run.path.name: (run.state, run.note) for run in package.runs(tmp_path)}
    assert found == {
        "unscored": ("unfinished", "trained, but not scored"),
        "stopped": ("unfinished", "step 120 of 600 is saved"),
        "begun": ("unfinished", "no step is saved"),
        "gone": ("broken", "the bundle is gone"),
    }
    assert "broken: the bundle is gone" in str(package.runs(tmp_path))


def test_a_run_that_a_process_holds_is_running(tmp_path: Path) -> None:
    run = write_run(tmp_path, "a", None)
    with (run / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert package.runs(tmp_path)[0].state == "running"
    assert package.runs(tmp_path)[0].state == "unfinished"


def test_a_tuning_is_listed_with_the_best_of_its_trials(tmp_path: Path) -> None:
    run = write_run(tmp_path, "tune-a", None)
    (run / "tune.db").write_bytes(b"")
    facts = {"split": "validation", "n": 9, "metric": "accuracy", "unit": "fraction", "direction": "higher"}
    (run / "tune.json").write_text(json.dumps({**facts, "best": {"trial": 3, "score": 0.75}, "seconds": 60.5}))
    (found,) = package.runs(tmp_path)
    assert found.score is not None
    assert (found.metric, found.score.value, found.seconds) == ("accuracy", 0.75, 60.5)
    assert "accuracy (validation)" in str(package.runs(tmp_path))


def test_what_is_no_run_is_not_listed_and_a_folder_that_is_not_there_is_said(
    tmp_path: Path, noria: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert noria("runs")[:2] == (0, "no runs\n")
    (tmp_path / "runs" / "notes").mkdir(parents=True)
    (tmp_path / "runs" / "notes" / "job.yaml").write_text("task: chat\n")
    assert package.runs() == []
    code, _, err = noria("runs", "rns")
    assert (code, "no such folder of runs" in err) == (2, True)
    with pytest.raises(UserError, match="not sorted so"):
        package.runs(sort="size")  # type: ignore[arg-type]


def test_a_run_itself_may_be_named(three: Path) -> None:
    assert [run.path for run in package.runs(three / "a")] == [three / "a"]


def test_a_training_writes_nothing_that_a_deletion_would_not_know(trained: Callable[[str], Path], noria: Run) -> None:
    run = shutil.copytree(trained("tabular-classification"), trained("tabular-classification").parent / "copy")
    assert noria("runs", "--delete", run, "--yes")[0] == 0
    assert not run.exists()
    assert not run.with_name(".copy.deleted").exists()
    assert "job.yaml" in WRITTEN


def test_nothing_is_deleted_where_nobody_confirms_it(three: Path, noria: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = noria("runs", "--delete", three / "a", three / "b")
    assert code == 2
    assert "add --yes" in err
    for answer, is_left in (("n\n", True), ("y\n", False)):
        terminal = io.StringIO(answer)
        terminal.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdin", terminal)
        code, out, err = noria("runs", "--delete", three / "a", three / "b")
        assert (code == 1) == is_left
        assert f"delete {three / 'a'}, {three / 'b'} (" in err
        assert (three / "a").exists() == (three / "b").exists() == is_left
    assert out.startswith(f"deleted {three / 'a'}, {three / 'b'}, ")
    assert (three / "c").exists()


def test_only_whole_runs_of_ours_in_which_nobody_works_are_deleted(three: Path, noria: Run) -> None:
    (three / "data").mkdir()
    (three / "data" / "job.yaml").write_text("task: chat\n")
    (three / "link").symlink_to(three / "a")
    (three / "b" / "thesis.tex").write_text("years of work")
    cases = {
        "none": "there is no such run",
        "data": "is no run",
        "link": "is a link",
        "b": "holds files that no command wrote",
        ".": "is no run",
    }
    for name, said in cases.items():
        code, _, err = noria("runs", "--delete", three / name, three / "c", "--yes")
        assert (code, said in err) == (2, True), err
    assert "no run is named" in noria("runs", "--delete")[2]
    with (three / "a" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, _, err = noria("runs", "--delete", three / "a", "--yes")
    assert (code, "a process is working in this run" in err) == (75, True)
    assert {path.name for path in three.iterdir()} == {"a", "b", "c", "data", "link"}


def test_what_other_runs_lose_is_said(three: Path, noria: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(three, "d", 0.5, evaluate={"compare_to": str(three / "a")})
    write_run(three, "e", 0.5, model={"from": str(three / "a" / "bundle")})
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    _, _, err = noria("runs", "--delete", three / "a")
    assert f"d keeps its scores, but is not scored again or resumed without evaluate.compare_to={three / 'a'}" in err
    assert f"e keeps its scores, but is not scored again or resumed without model.from={three / 'a' / 'bundle'}" in err


def test_a_folder_of_somebody_elses_is_never_deleted_with_a_run(three: Path, noria: Run) -> None:
    run = three / "a"
    (run / ".git").mkdir()
    code, _, err = noria("runs", "--delete", run, "--yes")
    assert code == 2
    assert "holds files that no command wrote" in err
    (run / ".git").rmdir()
    (three / ".a.deleted" / "half").mkdir(parents=True)  # as a deletion that was killed leaves it
    assert noria("runs", "--delete", run, "--yes")[0] == 0
    assert not run.exists()


def test_names_cannot_write_to_the_terminal(tmp_path: Path, noria: Run) -> None:
    write_run(tmp_path, "a\x1b[31m\nb", 0.9)
    code, out, _ = noria("runs", tmp_path)
    assert code == 0
    assert "\x1b" not in out


def test_the_cheapest_run_whose_interval_overlaps_the_best_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, "best", 0.9, seconds=90)  # 0.8 to 1.0
    write_run(tmp_path, "level", 0.75, seconds=40)  # 0.65 to 0.85
    write_run(tmp_path, "quick", 0.65, seconds=1)  # 0.55 to 0.75: clearly worse
    write_run(tmp_path, "other", 0.9, seconds=0.1, data={"path": "other.csv"})
    (said,) = package.runs(tmp_path).cheapest()
    assert "of 3 runs" in said
    assert f"{tmp_path / 'level'} is the cheapest (40 s of training)" in said
    assert said in str(package.runs(tmp_path))


def test_runs_that_all_have_a_value_are_compared_by_it(tmp_path: Path) -> None:
    for name, score, worth, seconds in (("a", 0.9, 10.0, 5), ("b", 0.5, 90.0, 60)):
        path = write_run(tmp_path, name, score, seconds=seconds) / "metrics.json"
        content = json.loads(path.read_text())
        one = {"value": worth, "low": worth - 5, "high": worth + 5, "unit": "EUR", "direction": "higher"}
        content["metrics"]["value_per_1000"] = one
        path.write_text(json.dumps(content))
    (said,) = package.runs(tmp_path).cheapest()
    assert f"{tmp_path / 'b'} is the best by value per 1000" in said
    assert "90 [85, 95] EUR" in str(package.runs(tmp_path))
