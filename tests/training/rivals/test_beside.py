"""Simple models beside every score: fitted on the same records, compared on the same draws, said in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.contract import Metric
from noria.job.load import load_stored_job
from noria.metrics.intervals import Units, point
from noria.pipeline.predictor import load
from noria.report.rivals import rival_lines
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.training.rivals import beside as module
from noria.training.rivals.beside import MODEL, beside, fitted_rivals, worse_than_rival
from noria.types import rows_of
from tiny_data import tiny_job
from training.rivals.test_parts import job_of, table_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beside")
    return train(job_of(folder, seed=1), run=folder / "run", reporter=Silent())


def parts(run: Path) -> tuple[Any, Any]:
    return load(run), prepare(*load_stored_job(run / "job.yaml"))


def test_a_table_stands_beside_a_linear_model_and_trees(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    found = metrics["rivals"]
    assert [one["name"] for one in found["models"]] == ["logistic regression", "boosted trees"]
    best = max(found["models"], key=lambda one: one["metrics"]["accuracy"]["value"])
    assert found["strongest"] == best["name"]
    assert found["cheapest"] in ("logistic regression", "boosted trees", MODEL)
    for one in found["models"]:
        difference = one["difference"]["accuracy"]
        assert difference["value"] == pytest.approx(
            metrics["metrics"]["accuracy"]["value"] - one["metrics"]["accuracy"]["value"]
        )
        assert difference["low"] <= difference["value"] <= difference["high"]
    assert any("logistic regression" in line for line in rival_lines(metrics))
    assert "Simple models" in (run / "bundle" / "README.md").read_text()
    assert "Simple models" in (run / "report.html").read_text()


def test_the_linear_rival_is_the_models_own_linear_part(run: Path) -> None:
    predictor, prepared = parts(run)
    test, part = prepared.splits["test"], predictor.bundle.model.mixture.parts["linear"]
    (rival, *_) = fitted_rivals(predictor.task, predictor.states, prepared.splits["train"], {"linear": (part, 0.5)})
    anew = next(iter(fitted_rivals(predictor.task, predictor.states, prepared.splits["train"])))
    np.testing.assert_allclose(rival.outputs(test)["logits"], anew.outputs(test)["logits"], atol=1e-4)
    assert (rival.seconds, rival.records) == (0.5, len(prepared.splits["train"]))


def test_a_model_that_is_worse_is_told_so_and_a_better_one_too(run: Path) -> None:
    predictor, prepared = parts(run)
    test = prepared.splits["test"]
    truth = np.asarray(test.target["label"])
    right = {"logits": np.where(np.eye(2)[truth] > 0, 3.0, -3.0)}
    for output, word in ((right, "better than"), ({"logits": -right["logits"]}, "worse than")):
        found = beside(predictor.task, predictor.states, prepared.splits, test, output, 60.0, 300)
        assert found is not None
        assert found["sentence"].startswith(word)
        assert bool(worse_than_rival(found)) == (word == "worse than")


def test_the_cheapest_of_those_that_are_level_is_named(run: Path) -> None:
    """A model that answers as the linear one does, but takes an hour, is not worth it; one that is right is."""
    predictor, prepared = parts(run)
    test = prepared.splits["test"]
    linear = next(iter(fitted_rivals(predictor.task, predictor.states, prepared.splits["train"])))
    level = beside(predictor.task, predictor.states, prepared.splits, test, linear.outputs(test), 3600.0, 300)
    assert level is not None
    assert level["cheapest"] != MODEL
    assert "the quickest to learn" in level["sentence"]
    truth = np.asarray(test.target["label"])
    right = {"logits": np.where(np.eye(2)[truth] > 0, 3.0, -3.0)}
    better = beside(predictor.task, predictor.states, prepared.splits, test, right, 3600.0, 300)
    assert better is not None
    assert better["cheapest"] == MODEL


def test_trees_learn_what_no_line_can(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(400, 2)).round(4)
    rows = [f"{a},{b},{'odd' if (a > 0) != (b > 0) else 'even'}" for a, b in values]
    (tmp_path / "xor.csv").write_text("\n".join(["a,b,label", *rows]) + "\n", "utf-8")
    job = {**job_of(tmp_path), "data": {"path": str(tmp_path / "xor.csv")}}
    found = json.loads((train(job, run=tmp_path / "run", reporter=Silent()) / "metrics.json").read_text())["rivals"]
    score = {one["name"]: one["metrics"]["accuracy"]["value"] for one in found["models"]}
    assert found["strongest"] == "boosted trees"
    assert score["boosted trees"] > 0.9 > score["logistic regression"]


@pytest.mark.parametrize("task", ["image-classification", "series-classification", "text-classification"])
def test_every_kind_of_input_that_has_features_has_a_rival(task: str, tmp_path: Path) -> None:
    run = train(tiny_job(task, tmp_path, 160), run=tmp_path / "run", reporter=Silent())
    found = json.loads((run / "metrics.json").read_text())["rivals"]
    names = [one["name"] for one in found["models"]]
    assert names[0].endswith("logistic regression")
    assert ("nearest record" in names) == (task != "text-classification")


@pytest.mark.parametrize("is_within", [False, True])
def test_several_numbers_have_rivals_that_the_model_can_contain(is_within: bool, tmp_path: Path) -> None:
    beside_it = [] if is_within else ["model.linear=false", "model.trees=false"]
    run = train(tiny_job("molecule-properties", tmp_path, 160), beside_it, tmp_path / "run", reporter=Silent())
    metrics = json.loads((run / "metrics.json").read_text())
    models = {one["name"]: one["metrics"]["rmse_macro"]["value"] for one in metrics["rivals"]["models"]}
    assert list(models) == ["ridge regression", "random forest"]
    baseline, own = (metrics[name]["rmse_macro"]["value"] for name in ("baseline", "metrics"))
    assert max(models.values()) < baseline / 2
    assert (own < baseline / 2) == is_within, "twelve steps teach the network nothing"
    advice = [one for one in metrics["remarks"] if "model.linear=true model.trees=true puts them into" in one]
    assert len(advice) == (not is_within), "what puts them into the model, where they are not in it"


def test_few_records_have_no_rival_and_one_may_do_without(tmp_path: Path) -> None:
    few = train(tiny_job("tabular-classification", tmp_path / "few", 40), run=tmp_path / "a", reporter=Silent())
    assert json.loads((few / "metrics.json").read_text())["rivals"] is None
    without = train(job_of(tmp_path), ["evaluate.rivals=false"], tmp_path / "b", reporter=Silent())
    assert "rivals" not in json.loads((without / "metrics.json").read_text())


def test_other_data_is_scored_beside_the_same_rivals(run: Path, tmp_path: Path) -> None:
    scored = evaluate(run, table_of(tmp_path, seed=9), Silent())
    assert [one["name"] for one in scored["rivals"]["models"]] == ["logistic regression", "boosted trees"]


def test_of_many_records_some_are_learnt_from(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, prepared = parts(run)
    monkeypatch.setattr(module, "MOST_TRAINING", 100)
    monkeypatch.setattr(module, "LEAST_TRAINING", 50)
    for rival in fitted_rivals(predictor.task, predictor.states, prepared.splits["train"]):
        assert rival.records == 100
        (accuracy, *_) = predictor.task.target.metrics(predictor.states["target"])
        test = prepared.splits["test"]
        assert point(accuracy, rival.outputs(test), rows_of(test.target, slice(None))) > 0.5


def test_a_table_of_one_text_has_no_columns_for_trees(tmp_path: Path) -> None:
    rows = [f"number {i} of what was {['bad', 'good'][i % 2]} and written at length,{i % 2}" for i in range(200)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]) + "\n", "utf-8")
    job = {**job_of(tmp_path), "data": {"path": str(tmp_path / "t.csv")}}
    found = json.loads((train(job, run=tmp_path / "run", reporter=Silent()) / "metrics.json").read_text())["rivals"]
    assert [one["name"] for one in found["models"]] == ["logistic regression"]


def test_where_all_records_have_one_answer_nothing_is_compared(run: Path) -> None:
    predictor, prepared = parts(run)
    test = prepared.splits["test"]
    ones = test.select(np.flatnonzero(np.asarray(test.target["label"]) == 1))
    assert len(ones) >= module.LEAST_SCORED
    args = predictor.task, predictor.states, prepared.splits, ones, predictor.outputs(ones), 1.0, 200
    assert beside(*args) is None


def test_records_that_were_learnt_from_are_not_compared_on(run: Path) -> None:
    """Trees know by heart what they have learnt from."""
    source = Path(load_stored_job(run / "job.yaml")[0].data.path or "")
    scored = evaluate(run, source, Silent())
    assert scored["trained_on"]
    assert "rivals" not in scored


def test_too_few_groups_are_called_groups_beside_a_rival() -> None:
    metric = Metric("accuracy", "fraction", "higher", lambda output, truth, weights: weights[:, 0])
    difference = {"accuracy": {"low": None, "high": None, "note": Units.of(4, np.array([1, 1, 1, 1])).too_few}}
    said = module._sentence(metric, {"name": "linear", "difference": difference}, None)
    assert said == "beside linear: they cannot be told apart (1 group: too few for an interval)"
