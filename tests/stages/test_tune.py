"""Tuning on tiny digits: it finds, prunes, fails, resumes and reports; and never sees the test split."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from noria.errors import UserError, how_to_install
from noria.job.load import load_job
from noria.pipeline.prepared import Prepared
from noria.reporter import Silent
from noria.stages import tune as stage
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.stages.tune import tune
from noria.tuning import narrowing, rungs
from noria.tuning import trials as running
from noria.tuning.results import summary
from noria.tuning.rival import Rival

GOOD, BAD, DIVERGING = 0.05, 1e-6, 1e30
RATES = "tune.space.train.learning_rate"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits of scikit-learn as IDX files: 300 to train on, 60 to test."""
    folder = tmp_path_factory.mktemp("digits")
    data = load_digits()
    pixels, labels = (data.images * 255 / 16).astype(np.uint8), data.target.astype(np.uint8)
    for name, part in (("train", slice(0, 300)), ("t10k", slice(300, 360))):
        count = len(labels[part])
        header = struct.pack(">IIII", 0x803, count, 8, 8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + pixels[part].tobytes())
        header = struct.pack(">II", 0x801, count)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(header + labels[part].tobytes())
    return folder


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digits: Path) -> None:
    monkeypatch.setenv("NORIA_CACHE", str(digits.parent / "cache"))
    monkeypatch.setattr("noria.training.plan.PROBE_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)


STILL = {"shift": 0, "rotate": 0, "zoom": 0, "color_jitter": 0}


@pytest.fixture
def job(digits: Path) -> dict[str, Any]:
    """A training of six steps, and nothing to tune but what a test asks for."""
    return {
        "task": "image-classification",
        "data": {"path": str(digits), "split": {"validation": 0.3}},
        "inputs": {"image": {"widths": [8], "pools": [2, 2, 2], "blocks": 1} | STILL},
        "target": {"smoothing": 0},
        "train": {"steps": 6, "batch_size": 32, "validations": 2, "precision": "float32", "optimizer": "adamw"},
        "tune": {"defaults": False},
    }


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "trials.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Killed(BaseException):
    """Stands for a process that is gone from one moment to the next: nothing catches it."""


class KilledIn(Silent):
    """Dies in the middle of one trial."""

    def __init__(self, title: str) -> None:
        self.title = title

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Any]:
        if title == self.title:
            raise Killed
        with super().progress(title, total) as meter:
            yield meter


def test_the_better_of_two_rates_is_found_and_best_yaml_trains_to_the_same_score(job: dict[str, Any]) -> None:
    job["train"]["steps"] = 24
    run = tune(job, [f"{RATES}=[{BAD}, {GOOD}]"], trials=3, reporter=Silent())
    assert run == Path("runs/tune-image-classification")
    tried = rows(run)
    assert {row["train.learning_rate"] for row in tried} == {"", str(BAD), str(GOOD)}  # first the job's own
    facts = json.loads((run / "tune.json").read_text())
    assert facts["best"]["settings"] == {"train.learning_rate": GOOD}
    assert facts["split"] == "validation"
    best, _ = load_job(run / "best.yaml")
    assert best.train.learning_rate == GOOD
    assert best.data.path == job["data"]["path"]
    header = (run / "best.yaml").read_text().splitlines()[1]
    assert f"accuracy {facts['best']['score']:.4f} (n = {facts['n']})" in header
    trained = train(run / "best.yaml", run=Path("trained"), reporter=Silent())
    history = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert max(line["validation"]["accuracy"] for line in history if "validation" in line) == facts["best"]["score"]
    assert json.loads((trained / "metrics.json").read_text())["split"] == "test"
    assert f"noria train {run / 'best.yaml'}" in summary(run)


def test_hopeless_trials_end_early_and_leave_their_history_but_no_checkpoints(job: dict[str, Any]) -> None:
    job["train"] |= {"learning_rate": GOOD, "steps": 16, "validations": 4}
    run = tune(job, [f"{RATES}={{low: 0.0001, high: 0.1, log: true}}"], trials=8, reporter=Silent())
    pruned = [row for row in rows(run) if row["state"] == "stopped early"]
    assert pruned
    for row in pruned:
        folder = run / "trials" / f"{int(row['number']):04d}"
        history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        assert history[-1]["step"] < 16
        assert float(row["score"]) == history[-1]["validation"]["accuracy"]
    assert len(list(run.glob("trials/*/job.yaml"))) == 8
    assert not list(run.rglob("*.safetensors"))
    page = (run / "tune.html").read_text()
    assert page.count("<svg") >= 1
    assert "stopped early, at" in page


def test_a_tuning_that_was_killed_goes_on_as_an_undisturbed_one_would_have(job: dict[str, Any]) -> None:
    space = [f"{RATES}={{low: 0.001, high: 0.1, log: true}}"]
    whole = tune(job, space, run=Path("whole"), trials=3, reporter=Silent())
    run = Path("killed")
    with pytest.raises(Killed):
        tune(job, space, run=run, trials=3, reporter=KilledIn("trial 1"))
    assert tune(job, space, run=run, resume=True, trials=3, reporter=Silent()) == run
    tried = rows(run)
    assert [row["state"] for row in tried] == ["complete", "failed", "complete", "complete"]
    assert tried[1]["reason"] == "killed while it ran"
    assert tried[1]["train.learning_rate"] == tried[2]["train.learning_rate"]
    facts = ("state", "score", "train.learning_rate")
    counted = [[row[fact] for fact in facts] for row in tried if row["number"] != "1"]
    assert counted == [[row[fact] for fact in facts] for row in rows(whole)]
    assert len({row["train.learning_rate"] for row in rows(whole)}) == 3

    tune(job, space, run=run, resume=True, trials=4, reporter=Silent())
    assert len(rows(run)) == 5
    with pytest.raises(UserError, match="already holds"):
        tune(job, space, run=run, reporter=Silent())
    with pytest.raises(UserError, match=r"train\.steps"):
        tune(job, ["train.steps=13"], run=run, resume=True, reporter=Silent())


def test_a_tuning_that_is_resumed_where_nothing_began_begins(job: dict[str, Any]) -> None:
    run = tune(job, [f"{RATES}=[{GOOD}]"], run=Path("anew"), trials=1, resume=True, reporter=Silent())
    assert len(rows(run)) == 1


def test_folds_are_left_to_the_training_of_the_best_which_is_said(
    job: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run = tune(job, [f"{RATES}=[{GOOD}]", "evaluate.folds=3"], trials=1)
    assert "trials are scored on the one validation split" in capsys.readouterr().err
    assert not list(run.rglob("folds"))
    assert load_job(run / "best.yaml")[0].evaluate.folds == 3


def test_a_diverging_trial_fails_with_its_reason_and_the_study_goes_on(job: dict[str, Any]) -> None:
    run = tune(job, [f"{RATES}=[{GOOD}, {DIVERGING}]"], trials=3, reporter=Silent())
    failed = [row for row in rows(run) if row["state"] == "failed"]
    assert 0 < len(failed) < 3
    for row in failed:
        assert "not a finite number" in row["reason"]
        assert "not a finite number" in (run / "trials" / f"{int(row['number']):04d}" / "error.txt").read_text()


def test_where_every_trial_fails_the_error_says_why(job: dict[str, Any]) -> None:
    job["train"]["learning_rate"] = DIVERGING
    with pytest.raises(UserError, match="every trial failed") as caught:
        tune(job, [f"{RATES}=[{DIVERGING}]"], trials=1, reporter=Silent())
    assert "not a finite number" in caught.value.found


def test_the_test_split_cannot_be_touched(job: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    class Locked:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError("the test split was touched")

        def __len__(self) -> int:
            raise AssertionError("the test split was touched")

    given: list[Prepared] = []

    def with_locked_test(*arguments: Any) -> Prepared:
        prepared = prepare(*arguments)
        return dataclasses.replace(prepared, splits={**prepared.splits, "test": Locked()})  # type: ignore[dict-item]

    class Watched(running.Training):
        def __init__(self, *arguments: Any) -> None:
            given.append(arguments[3])
            super().__init__(*arguments)

    monkeypatch.setattr(stage, "prepare", with_locked_test)
    monkeypatch.setattr(running, "Training", Watched)
    tune(job, [f"{RATES}=[{GOOD}, {BAD}]"], trials=2, reporter=Silent())
    assert [sorted(prepared.splits) for prepared in given] == [["train", "validation"]] * 2
    assert given[0] is given[1]  # prepared once, shared by all trials


def test_without_a_validation_split_there_is_nothing_to_tune_by(job: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="has none"):
        tune(job, ["data.split.validation=0", f"{RATES}=[{GOOD}]"], reporter=Silent())
    with pytest.raises(UserError, match="validations=0"):
        tune(job, ["train.validations=0", f"{RATES}=[{GOOD}]"], reporter=Silent())


def test_every_wrong_key_and_value_of_the_space_is_told_before_any_compute(job: dict[str, Any]) -> None:
    job["data"]["path"] = "/nowhere"
    job["tune"]["space"] = {
        "train.learning_rat": [0.1],
        "train.batch_size": [32, "many"],
        "train.steps": [5, 10],
        "data.split.seed": [1, 2],
        "inputs.image.size": [[8, 8], [16, 16]],
        "inputs.image.widths": [[8], [16]],
        "model.from": ["a", "b"],
    }
    with pytest.raises(UserError) as caught:
        tune(job, reporter=Silent())
    text = str(caught.value)
    assert text.startswith("6 problems")
    assert "did you mean 'train.learning_rate'?" in text
    assert "tune.space train.batch_size: wrong value" in text
    assert "'many'" in text
    assert text.count("cannot be tuned") == 4


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"trails": 3}, "did you mean 'trials'"),
        ({"space": {"train.learning_rate": {"lwo": 1, "high": 2}}}, "did you mean 'low'"),
        ({"space": {"train.learning_rate": {"low": 2, "high": 1}}}, "low below high"),
        ({"space": {"train.learning_rate": {"low": 0, "high": 1, "log": True}}}, "low above 0"),
        ({"space": {"train.learning_rate": {"low": 1}}}, "a list of choices"),
        ({"space": {"train.learning_rate": []}}, "at least 1 item"),
    ],
)
def test_a_wrong_tune_section_is_an_error_of_the_job(
    job: dict[str, Any], section: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        load_job({**job, "tune": section})


def test_lists_and_whole_numbers_come_back_as_the_job_has_them(job: dict[str, Any]) -> None:
    space = [
        "tune.space.inputs.image.widths=[[4], [8]]",
        "tune.space.train.batch_size={low: 8, high: 16}",
        "tune.space.train.clip=[null, 1e0]",  # YAML reads 1e0 as text
    ]
    job["train"]["batch_size"] = 16
    run = tune(job, space, trials=2, reporter=Silent())
    best, task = load_job(run / "best.yaml")
    own = rows(run)[0]  # the job as it was goes first
    assert (own["inputs.image.widths"], own["train.batch_size"], own["train.clip"]) == ("[8]", "16", "")
    assert json.loads((run / "tune.json").read_text())["own"]["settings"]["inputs.image.widths"] == "[8]"
    assert json.loads((run / "tune.json").read_text())["own"]["trial"] == 0
    assert task.inputs["image"].widths in ((4,), (8,))  # type: ignore[attr-defined]
    assert best.train.clip in (None, 1.0)
    assert all(8 <= int(row["train.batch_size"]) <= 16 for row in rows(run))


def test_a_budget_of_minutes_ends_the_tuning(job: dict[str, Any]) -> None:
    run = tune(job, [f"{RATES}=[{GOOD}, {BAD}]"], minutes=1e-5, reporter=Silent())
    assert len(rows(run)) == 1


def test_a_missing_optuna_is_one_sentence(job: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=re.escape(how_to_install("tune"))):
        tune(job, reporter=Silent())


def test_cheap_trials_come_first_and_only_whole_trainings_win(
    job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rungs, "LEAST_STEPS", 2)
    job["train"] |= {"steps": 18, "validations": 6}
    space = [f"{RATES}={{low: 0.001, high: 0.1, log: true}}"]
    run = tune(job, space, trials=14, reporter=Silent())
    tried = rows(run)
    assert [float(row["share"]) for row in tried] == [1] + 9 * [0.1111] + 3 * [0.3333] + [1]
    for row, steps in ((tried[1], 2), (tried[-2], 6), (tried[-1], 18)):
        folder = run / "trials" / f"{int(row['number']):04d}"
        assert load_job(folder / "job.yaml")[0].train.steps == steps
        assert json.loads((folder / "history.jsonl").read_text().splitlines()[-1])["step"] == steps
    rates = {row["train.learning_rate"] for row in tried[1:10]}
    assert {row["train.learning_rate"] for row in tried[10:]} < rates
    facts = json.loads((run / "tune.json").read_text())
    assert facts["best"]["trial"] in (0, 13)
    assert "(short)" in summary(run)

    with pytest.raises(Killed):
        tune(job, space, run=Path("killed"), trials=14, reporter=KilledIn("trial 11"))
    resumed = tune(job, space, run=Path("killed"), resume=True, trials=14, reporter=Silent())
    counted = [row for row in rows(resumed) if row["reason"] != "killed while it ran"]
    kept = ("share", "score", "train.learning_rate")
    assert [[row[key] for key in kept] for row in counted] == [[row[key] for key in kept] for row in tried]


def test_a_whole_training_cut_short_plans_as_many_minutes_less(job: dict[str, Any]) -> None:
    job["train"] = {"minutes": 0.9, "validations": 9, "patience": 2, "batch_size": 16, "precision": "float32"}
    own, task = load_job(job)
    prepared = stage.without_test(prepare(own, task))
    cheap, data, plan = running.planned(own, task, prepared, 1 / 9)
    assert cheap.train.minutes == pytest.approx(0.1)
    assert (cheap.train.validations, cheap.train.patience, cheap.train.batch_size) == (1, None, 16)
    assert plan.validate_at == [plan.steps]
    assert data is prepared  # the records are few


@pytest.mark.parametrize(("divisor", "is_told"), [(100, True), (1, False)], ids=["a threshold", "odd and even"])
def test_a_validation_too_easy_to_tell_settings_apart_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], divisor: int, is_told: bool
) -> None:
    lines = [f"{one / 7:.3f},{'high' if one // divisor % 2 else 'low'}" for one in np.arange(200) * 37 % 200]
    (tmp_path / "a.csv").write_text("\n".join(["x,label", *lines]), "utf-8")
    job = {
        "task": "tabular-classification",
        "data": {"path": str(tmp_path / "a.csv"), "split": {"test": 0}},
        "train": {"steps": 20, "validations": 2, "best_by": "accuracy"},
        "tune": {"defaults": False},
    }
    tune(job, [f"{RATES}=[{GOOD}]"], trials=2)
    told = "the job as it is has accuracy 1 on the 17 validation records, so that nothing can be seen to be better"
    assert (told in capsys.readouterr().err) == is_told


def test_the_rival_stands_first_and_the_end_says_whether_it_was_beaten(
    job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def rival(prepared: Prepared, *_: Any) -> Rival:
        asked.append(sorted(prepared.splits))
        return Rival("nearest template", 1.01, 2.0)

    monkeypatch.setattr(stage, "rival_score", rival)
    run = tune(job, [f"{RATES}=[{GOOD}]"], trials=1, reporter=Silent())
    tune(job, [f"{RATES}=[{GOOD}]"], run=run, resume=True, trials=2, reporter=Silent())
    assert asked == [["train", "validation"]]  # once, and without test
    said = summary(run)
    assert said.splitlines()[0] == "rival: nearest template   1.0100 in 2.0 s"
    assert "not ahead of the rival, nearest template" in said
    assert json.loads((run / "tune.json").read_text())["rival"]["score"] == 1.01
    assert (run / "tune.html").read_text().index("nearest template") > 0


def test_each_value_that_preparation_reads_is_prepared_and_scored_on_the_same_records(job: dict[str, Any]) -> None:
    said: list[str] = []

    class Listening(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    run = tune(job, ["tune.space.inputs.image.side=[4, 8]"], trials=3, reporter=Listening())
    tried = rows(run)
    assert {row["inputs.image.side"] for row in tried} == {"", "4", "8"}
    assert {row["state"] for row in tried} == {"complete"}
    sides = {load_job(run / "trials" / f"000{n}" / "job.yaml")[1].inputs["image"].side for n in range(3)}  # type: ignore[attr-defined]
    assert sides == {4, 8, None}
    assert f"reading {job['data']['path']}" in said


def test_the_own_settings_are_tried_whole_whatever_the_space_holds(job: dict[str, Any]) -> None:
    job["train"]["learning_rate"] = 0.02
    run = tune(job, [f"{RATES}=[{BAD}]"], trials=2, reporter=Silent())
    facts = json.loads((run / "tune.json").read_text())
    assert facts["best"]["trial"] == facts["own"]["trial"] == 0
    low, high = facts["own"]["interval"]
    assert low < facts["own"]["score"] < high
    assert load_job(run / "best.yaml")[0].train.learning_rate == 0.02
    assert "nothing that was tried did better" in summary(run)


def test_a_width_that_nothing_here_has_is_not_tried(job: dict[str, Any]) -> None:
    for widths, is_tried in (([8], False), (None, True)):
        job["inputs"]["image"]["widths"] = widths
        asked = ["tune.space.model.width=[16, 32]", f"{RATES}=[{GOOD}]"]
        run = tune(job, asked, run=Path(str(is_tried)), trials=1, reporter=Silent())
        assert ("model.width" in load_job(run / "job.yaml")[0].tune.space) == is_tried
    job["inputs"]["image"]["widths"] = [8]
    with pytest.raises(UserError, match="changes nothing here"):
        tune(job, ["tune.space.model.width=[16, 32]"], trials=1, reporter=Silent())


def test_many_records_are_prepared_anew_only_where_it_is_asked_for(
    job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys(run: str, *asked: str) -> set[str]:
        tune(job, ["tune.defaults=true", *asked], run=Path(run), trials=1, reporter=Silent())
        return set(load_job(Path(run) / "job.yaml")[0].tune.space)

    side = "inputs.image.side"
    assert side in keys("few")
    monkeypatch.setattr(narrowing, "MANY_RECORDS", 100)
    assert side not in keys("many")
    assert side in keys("asked", f"tune.space.{side}=[8, 128]")


def test_where_every_combination_was_tried_the_tuning_ends(job: dict[str, Any]) -> None:
    run = tune(job, [f"{RATES}=[{GOOD}, {BAD}]"], trials=50, reporter=Silent())
    assert len(rows(run)) == 3
