"""Cross-validation: every record held out once, nothing learnt from it, and no disturbance that changes the result."""

from __future__ import annotations

import csv
import json
import random
import re
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noria as library
from children import run_child, said, train_to_the_end
from noria.errors import UserError
from noria.job.load import load_job, load_stored_job
from noria.reporter import Silent
from noria.stages.compare_runs import compare
from noria.stages.evaluate import evaluate
from noria.stages.folds import check_folds, folds_of
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.store.run_folder import read_json, read_start
from tiny_data import tiny_job

FOLDS = 3


def with_folds(task_name: str, folder: Path, **train: Any) -> dict[str, Any]:
    job = tiny_job(task_name, folder, **train)
    return job | {"evaluate": job["evaluate"] | {"folds": FOLDS}}


def table(folder: Path, kinds: list[str], parts: list[str] | None = None, folds: int = FOLDS) -> dict[str, Any]:
    """Write a table whose numbers say the kind of each record, and return a job of it."""
    generator = np.random.default_rng(0)
    with (folder / "kinds.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height", "weight", "label", *(["part"] if parts else [])])
        for index, kind in enumerate(kinds):
            row = [generator.normal(len(kind), 1), generator.normal(0, 1), kind]
            writer.writerow([*row, *([parts[index]] if parts else [])])
    return {
        "task": "tabular-classification",
        "data": {"path": str(folder / "kinds.csv")} | ({"split": {"column": "part"}} if parts else {}),
        "train": {"steps": 4, "batch_size": 8, "precision": "float32", "validations": 1},
        "evaluate": {"resamples": 200, "folds": folds},
    }


@pytest.fixture(scope="module")
def job_and_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("folds")
    job = with_folds("tabular-classification", folder, steps=4, validations=1)
    return job, train(job, run=folder / "run", reporter=Silent())


def prepared_folds(job: dict[str, Any]) -> list[Any]:
    loaded, task = load_job(job)
    return [prepare(own, task) for _, own in folds_of(Path("run"), loaded)]


def ends(run: Path) -> list[Any]:
    """What must not depend on any disturbance: the weights of all models, and the scores."""
    bundles = [run / "bundle", *(run / "folds" / str(fold) / "bundle" for fold in range(1, FOLDS + 1))]
    metrics = read_json(run / "metrics.json")
    return [
        [(one / "model.safetensors").read_bytes() for one in bundles],
        metrics["metrics"],
        metrics["cross_validation"],
    ]


def test_every_record_is_held_out_exactly_once(job_and_run: tuple[dict[str, Any], Path]) -> None:
    job, run = job_and_run
    wheres = [sorted(one.splits["test"].wheres()) for one in prepared_folds(job)]
    every = [f"records.csv:{line}" for line in range(2, 62)]
    assert sorted(where for fold in wheres for where in fold) == sorted(every)
    validated = read_json(run / "metrics.json")["cross_validation"]
    assert (validated["n"], validated["folds"]) == (60, FOLDS)
    assert [one["n"] for one in validated["by_fold"]] == [len(fold) for fold in wheres]


def test_a_rare_class_that_a_fold_does_not_test_stays_in_its_training(tmp_path: Path) -> None:
    prepared = prepared_folds(table(tmp_path, ["ant", "wasp"] * 30 + ["bee"] * 6, folds=10))
    wheres = [where for one in prepared for where in one.splits["test"].wheres()]
    assert sorted(wheres) == sorted(f"kinds.csv:{line}" for line in range(2, 68))


def test_no_fold_has_learnt_from_what_it_holds_out(tmp_path: Path) -> None:
    """What a fold learns is what is learnt where a column says who is test; and whatever test holds, it is that."""
    generator = np.random.default_rng(0)
    path = tmp_path / "prices.csv"

    def write(rows: np.ndarray, parts: list[str] | None = None) -> dict[str, Any]:
        lines = [",".join(map(str, row)) for row in rows.tolist()]
        told = lines if parts is None else [f"{line},{part}" for line, part in zip(lines, parts, strict=True)]
        path.write_text("\n".join(["area,age,number" + ",part" * (parts is not None), *told]) + "\n")
        split = {} if parts is None else {"column": "part"}
        return {"task": "tabular-regression", "data": {"path": str(path), "split": split}}

    def learnt(job: dict[str, Any]) -> str:
        loaded, task = load_job(job)
        return json.dumps(prepare(loaded, task).states, default=repr)

    rows = generator.normal(size=(60, 3))
    job = write(rows)
    loaded, task = load_job({**job, "evaluate": {"folds": FOLDS}})
    for _, own in folds_of(Path("run"), loaded):
        write(rows)
        fold = prepare(own, task)
        sides = {where: split for split, one in fold.splits.items() for where in one.wheres()}
        parts = [sides[f"prices.csv:{line}"] for line in range(2, 62)]
        assert learnt(write(rows, parts)) == json.dumps(fold.states, default=repr)
        others = np.where(np.array(parts)[:, None] == "train", rows, 1000 + 7 * rows)
        assert learnt(write(others, parts)) == json.dumps(fold.states, default=repr)


def test_the_model_that_is_kept_learns_from_all_records_but_validation(
    job_and_run: tuple[dict[str, Any], Path], noria: Callable[..., Any]
) -> None:
    _, run = job_and_run
    report = read_start(run)["report"]
    assert report["records"].keys() == {"train", "validation"}
    assert sum(report["records"].values()) == 60
    note = f"in {FOLDS} more trainings every record is held out once (evaluate.folds)"
    assert any(one.startswith(note) and "no test of its own" in one for one in report["notes"])
    card = (run / "bundle" / "README.md").read_text()
    page = (run / "report.html").read_text()
    _, told, _ = noria("evaluate", run)
    for text in (card, page, told):
        assert "none is left to test it" in text
    assert f"60 records, each held out by one of {FOLDS} folds" in card
    assert told.startswith(f"scores by cross-validation, 60 records, each held out by one of {FOLDS} folds")


def test_evaluating_again_gives_the_same_numbers(job_and_run: tuple[dict[str, Any], Path]) -> None:
    _, run = job_and_run
    before = ends(run)
    evaluate(run, reporter=Silent())
    assert ends(run) == before


def test_a_fold_is_an_ordinary_run(job_and_run: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    job, run = job_and_run
    alone = train(
        {**job, "evaluate": {"resamples": 200}}, ["data.split.fold=2/3"], tmp_path / "alone", reporter=Silent()
    )
    fold = run / "folds" / "2"
    weights = [(one / "bundle" / "model.safetensors").read_bytes() for one in (alone, fold)]
    assert weights[0] == weights[1]
    assert not (fold / "checkpoints").exists()
    assert not (fold / "report.html").exists()
    validated = read_json(run / "metrics.json")["cross_validation"]["by_fold"][1]
    alone_metrics = read_json(alone / "metrics.json")["metrics"]
    assert validated["metrics"] == {name: one["value"] for name, one in alone_metrics.items()}
    assert load_stored_job(fold / "job.yaml")[0].data.split.folds == (2, 3)


def test_where_the_data_says_what_is_test_no_fold_sees_it_and_it_is_scored_as_ever(tmp_path: Path) -> None:
    parts = ["train"] * 40 + ["validation"] * 8 + ["test"] * 12
    job = table(tmp_path, ["ant", "wasp"] * 30, parts)
    metrics = read_json(train(job, run=tmp_path / "run", reporter=Silent()) / "metrics.json")
    assert (metrics["split"], metrics["n"], metrics["cross_validation"]["n"]) == ("test", 12, 48)
    kept = {f"kinds.csv:{line}" for line in range(50, 62)}
    for prepared in prepared_folds(job):
        assert not kept & {where for one in prepared.splits.values() for where in one.wheres()}
    plain = train({**job, "evaluate": {"resamples": 200}}, run=tmp_path / "plain", reporter=Silent())
    assert read_json(plain / "metrics.json")["metrics"] == metrics["metrics"]


def test_a_class_of_one_record_is_learnt_in_every_fold_and_told(tmp_path: Path) -> None:
    job = table(tmp_path, ["ant", "wasp"] * 20 + ["butterfly"])
    run = train(job, run=tmp_path / "run", reporter=Silent())
    assert [one.states["target"]["classes"] for one in prepared_folds(job)] == [["ant", "butterfly", "wasp"]] * FOLDS
    validated = read_json(run / "metrics.json")["cross_validation"]
    assert validated["n"] == 40
    assert any("1 of 41 records were held out by no fold" in one for one in validated["remarks"])
    assert any("has no record of 1 of 3 classes (butterfly)" in one for one in validated["remarks"])


@pytest.mark.parametrize("task_name", ["tabular-regression", "token-classification", "image-embedding"])
def test_answers_of_any_kind_are_cross_validated(task_name: str, tmp_path: Path) -> None:
    run = train(with_folds(task_name, tmp_path, steps=3, validations=1), run=tmp_path / "run", reporter=Silent())
    validated = read_json(run / "metrics.json")["cross_validation"]
    assert validated["n"] == 60
    name, first = next(iter(validated["metrics"].items()))
    assert first["low"] <= first["value"] <= first["high"]
    assert name in validated["baseline"]
    assert all(name in one["metrics"] for one in validated["by_fold"])


def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    job_and_run: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    job, reference = job_and_run
    count_file = tmp_path / "count"
    assert run_child(job, tmp_path / "counted", count_to=count_file) == 0
    assert ends(tmp_path / "counted") == ends(reference)
    moments = int(count_file.read_text())
    generator = random.Random(0)
    for start in (0.45, 0.75):  # of all changes of the disk: between and within folds
        run, moment = tmp_path / f"killed-{start}", int(moments * (start + generator.uniform(0, 0.2)))
        assert run_child(job, run, kill_at=moment) == -signal.SIGKILL, said(run)
        assert (run / "folds").exists()
        train_to_the_end(job, run)
        assert ends(run) == ends(reference), f"killed at change {moment} of the disk"


def test_a_finished_fold_is_not_trained_again(
    job_and_run: tuple[dict[str, Any], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from noria.training.loop import Training

    job, reference = job_and_run
    trained: list[str] = []
    plain = Training.run_all

    def seen(self: Training) -> None:
        if self.run.name == "3":
            raise SystemExit(143)
        trained.append(self.run.name)
        plain(self)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_all", seen)
        with pytest.raises(SystemExit):
            train(job, run=tmp_path / "run", reporter=Silent())
    assert trained == ["run", "1", "2"]

    def only_the_last(self: Training) -> None:
        assert self.run.name == "3"
        plain(self)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_all", only_the_last)
        train(job, run=tmp_path / "run", resume=True, reporter=Silent())
    assert ends(tmp_path / "run") == ends(reference)


def test_a_signal_within_a_fold_leaves_its_step_and_how_to_go_on(
    job_and_run: tuple[dict[str, Any], Path], tmp_path: Path, noria: Callable[..., Any]
) -> None:
    job, reference = job_and_run
    run = tmp_path / "run"
    shutil.copytree(reference, run)
    shutil.rmtree(run / "folds" / "3")
    (run / "report.html").unlink()
    assert run_child(job, run, resume=True, signal_before=2, signal=signal.SIGTERM) == 143
    assert (run / "folds" / "3" / "checkpoints" / "step-00000003").is_dir()
    last = said(run).splitlines()[-1]
    assert last.startswith("stopped: the trained model is saved, its scores are not; to go on: noria train ")
    assert noria(*shlex.split(last.partition("to go on: noria ")[2]))[0] == 0
    assert ends(run) == ends(reference)


def test_what_it_costs_and_where_it_is_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = table(tmp_path, ["ant", "wasp"] * 20)
    library.train(job, ["train.patience=1", "train.validations=4", "train.learning_rate=1e-12"], tmp_path / "run")
    told = capsys.readouterr().err
    assert f"with {FOLDS} folds that is {FOLDS + 1} trainings: about" in told
    assert f"fold 2 of {FOLDS}: stopped early" in told


def test_records_of_several_folds_that_are_nearly_the_same_are_told_beside_the_scores(tmp_path: Path) -> None:
    job = table(tmp_path, [])
    rows = np.random.default_rng(0).normal(size=(120, 8)).tolist()
    rows += [[row[0] + 1, *row[1:]] for row in rows]  # each once more, with one other number
    lines = [f"{','.join(map(str, row))},{'ant' if row[1] > 0 else 'wasp'}" for row in rows]
    (tmp_path / "kinds.csv").write_text("\n".join(["a,b,c,d,e,f,g,h,label", *lines]) + "\n")
    run = train(job, run=tmp_path / "run", reporter=Silent())
    remarks = read_json(run / "metrics.json")["cross_validation"]["remarks"]
    (said,) = [one for one in remarks if "nearly the same" in one]
    assert said.startswith("where fold 1 is test: ")
    assert "data.split.group=COLUMN" in said


def test_a_frame_is_cross_validated_and_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from noria.training.loop import Training

    pandas = pytest.importorskip("pandas", reason="needs pandas")
    table(tmp_path, ["ant", "wasp"] * 20)
    frame = pandas.read_csv(tmp_path / "kinds.csv")
    settings = ["label=label", "evaluate.folds=2", "train.steps=2", "evaluate.resamples=200"]
    plain = Training.run_all

    def stopped(self: Training) -> None:
        if self.run.name == "2":
            raise SystemExit(143)
        plain(self)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_all", stopped)
        with pytest.raises(SystemExit):
            library.train(frame, settings, tmp_path / "run", reporter=Silent())
    run = library.train(frame, settings, tmp_path / "run", resume=True, reporter=Silent())
    assert read_json(run / "metrics.json")["cross_validation"]["n"] == 40


def test_the_scores_are_there_in_python(job_and_run: tuple[dict[str, Any], Path]) -> None:
    _, run = job_and_run
    scores = library.evaluate(run, reporter=Silent())
    assert scores.cross_validation is not None
    assert scores.cross_validation.n == 60
    assert scores.cross_validation.metrics["accuracy"].value is not None


@pytest.mark.parametrize("setting", ["data.split.order=true", "data.split.fold=1/5"])
def test_what_cannot_be_cross_validated_is_refused_with_what_to_do(setting: str, tmp_path: Path) -> None:
    job = table(tmp_path, ["ant", "wasp"] * 20)
    with pytest.raises(UserError, match=r"leave evaluate\.folds out") as refused:
        load_job(job, [setting])
    assert setting.partition("=")[0] in str(refused.value)


def test_running_text_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    job = with_folds("text-generation", tmp_path)
    with pytest.raises(UserError, match="running text is not cross-validated"):
        train(job, run=tmp_path / "run", reporter=Silent())
    assert not (tmp_path / "run" / "job.yaml").exists()


def test_more_folds_than_groups_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    job = table(tmp_path, ["ant", "wasp"] * 20, folds=5)
    job["data"]["split"] = {"group": "label", "validation": 0}
    with pytest.raises(UserError, match=r"take fewer: evaluate\.folds=2"):
        train(job, run=tmp_path / "run", reporter=Silent())
    assert not (tmp_path / "run").exists()


def test_several_processes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from noria.training.distributed import Processes

    loaded, task = load_job(table(tmp_path, ["ant", "wasp"] * 20))
    with pytest.raises(UserError, match="without torchrun"):
        check_folds(folds_of(tmp_path, loaded), task, prepare(loaded, task), Processes(0, 2), print)


def test_a_fold_that_is_gone_is_told(job_and_run: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    _, run = job_and_run
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "folds" / "2" / "bundle")
    with pytest.raises(UserError, match="the model of a fold is not there any more"):
        evaluate(copy, reporter=Silent())


def test_a_small_test_split_is_told_with_advice_that_works(tmp_path: Path) -> None:
    job = table(tmp_path, ["ant", "wasp"] * 20)
    plain = train({**job, "evaluate": {"resamples": 200}}, run=tmp_path / "plain", reporter=Silent())
    metrics = read_json(plain / "metrics.json")
    said = f"test has only {metrics['n']} records; evaluate.folds=5 scores all others too, each held out once"
    assert said in metrics["remarks"]
    advised = train(job, ["evaluate.folds=5"], tmp_path / "advised", reporter=Silent())
    assert read_json(advised / "metrics.json")["cross_validation"]["n"] == 40
    assert not any("evaluate.folds" in one for one in read_json(advised / "metrics.json")["remarks"])


def test_two_runs_of_the_same_folds_are_compared_on_all_records(
    job_and_run: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    job, run = job_and_run
    other = train(job, ["train.steps=1"], tmp_path / "other", reporter=Silent())
    found = compare(run, other, reporter=Silent())
    scores = [read_json(one / "metrics.json")["cross_validation"] for one in (run, other)]
    assert (found["split"], found["n"]) == ("cross-validation", scores[0]["n"])
    assert set(found["metrics"]) == set(scores[0]["metrics"])
    for name, one in found["metrics"].items():
        ours, theirs = (score["metrics"][name]["value"] for score in scores)
        assert (one["ours"], one["theirs"]) == pytest.approx((ours, theirs), abs=1e-6)
    assert any(one["value"] for one in found["metrics"].values())
    folds = scores[0]["folds"]
    assert f"on all {found['n']} records, each held out by the same one of {folds} folds." in found.sentence
    assert "flatter" not in found.sentence


def test_runs_of_other_folds_are_compared_on_what_both_hold_out(
    job_and_run: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    job, run = job_and_run
    other = train(job, ["train.steps=1", f"evaluate.folds={FOLDS + 1}"], tmp_path / "other", reporter=Silent())
    assert compare(run, other, reporter=Silent())["split"] == "validation"
    elsewhere = train(job, ["train.steps=1", "data.split.seed=7"], tmp_path / "elsewhere", reporter=Silent())
    assert compare(run, elsewhere, reporter=Silent())["split"] == "validation"


def test_a_comparison_says_that_validation_flatters_and_what_all_folds_say(
    job_and_run: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    _, whole = job_and_run
    run = tmp_path / "copy"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "folds" / "2")
    said = compare(run, run, reporter=Silent()).sentence
    assert "by which the weights were chosen: they flatter both" in said
    assert re.search(r"By cross-validation, over all records, accuracy is [01.]\S* and [01.]\S*", said)
