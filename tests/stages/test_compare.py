"""Two runs on the same records: a paired interval that covers the truth, a plain sentence, and no false comparison."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from noria.contract import Metric, mean_metric
from noria.errors import UserError
from noria.job import load_job
from noria.metrics.intervals import differences, measure, verdict
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.compare import held_out_in_both, sentence
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.store.digests import sealed
from noria.types import Arrays
from tiny_data import tiny_job


def right(output: Arrays, truth: Arrays) -> np.ndarray:
    return np.asarray(output["value"] == truth["value"], np.float64)


def spread(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    """A score that is no mean over records: the deviation of the errors, of each weighted set."""
    errors = output["value"] - truth["value"]
    mean = weights @ errors / weights.sum(1)
    return np.asarray(np.sqrt(weights @ errors**2 / weights.sum(1) - mean**2))


ACCURACY = mean_metric("accuracy", "fraction", "higher", right)
ERROR = mean_metric("error", "kg", "lower", lambda output, truth: np.abs(output["value"] - truth["value"]))
SPREAD = Metric("spread", "kg", "lower", spread)


def test_a_score_less_itself_is_exactly_nothing() -> None:
    generator = np.random.default_rng(0)
    one = {"value": generator.normal(size=80)}, {"value": generator.normal(size=80)}
    for found in differences([(ACCURACY, ACCURACY), (SPREAD, SPREAD)], one, one).values():
        assert (found["value"], found["low"], found["high"]) == (0, 0, 0)


def test_the_difference_of_a_mean_is_the_mean_of_the_differences() -> None:
    """For a mean over records, resampling both together is resampling their differences."""
    generator = np.random.default_rng(1)
    truth = {"value": generator.integers(0, 3, 200)}
    ours, theirs = ({"value": generator.integers(0, 3, 200)} for _ in range(2))
    found = differences([(ACCURACY, ACCURACY)], (ours, truth), (theirs, truth), 400)["accuracy"]
    own = mean_metric("d", "", "higher", lambda output, _: right(output, truth) - right(theirs, truth))
    expected = measure([own], ours, truth, 400)["d"]
    for end in ("value", "low", "high"):
        assert found[end] == pytest.approx(expected[end])


@pytest.mark.parametrize("metric", [ERROR, SPREAD], ids=lambda one: one.name)
def test_the_interval_covers_the_true_difference_and_is_narrower_than_of_unpaired_runs(metric: Metric) -> None:
    """Records that are hard for both: 300 experiments, of which 95 % should cover a difference of nothing."""
    generator, covered, paired, unpaired = np.random.default_rng(2), 0, 0.0, 0.0
    truth = {"value": np.zeros(120)}
    for _ in range(300):
        hard = generator.normal(size=120)
        ours, theirs = ({"value": hard + generator.normal(scale=0.5, size=120)} for _ in range(2))
        found = differences([(metric, metric)], (ours, truth), (theirs, truth), 200)[metric.name]
        covered += found["low"] <= 0 <= found["high"]
        paired += found["high"] - found["low"]
        for one in (ours, theirs):
            alone = measure([metric], one, truth, 200)[metric.name]
            unpaired += (alone["high"] - alone["low"]) / np.sqrt(2)
    assert 0.91 <= covered / 300 <= 0.985
    assert paired < 0.8 * unpaired


def test_a_score_that_cannot_be_computed_is_left_out() -> None:
    nothing = Metric("none", "", "higher", lambda output, truth, weights: np.full(len(weights), np.nan))
    one = {"value": np.arange(5.0)}, {"value": np.arange(5.0)}
    assert set(differences([(nothing, nothing), (ACCURACY, ACCURACY)], one, one)) == {"accuracy"}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return tiny_job("tabular-classification", tmp_path_factory.mktemp("data"), count=120)


@pytest.fixture(scope="module")
def other(job: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(job, run=tmp_path_factory.mktemp("other") / "run", reporter=Silent())


def compared(job: dict[str, Any], other: Path, run: Path, overrides: list[str] | None = None) -> dict[str, Any]:
    overrides = [f"evaluate.compare_to={other}", *(overrides or [])]
    return json.loads((train(job, overrides, run, reporter=Silent()) / "metrics.json").read_text())["compared"]


def test_a_run_beside_its_twin_is_no_different(job: dict[str, Any], other: Path, tmp_path: Path) -> None:
    found = compared(job, other, tmp_path / "run")
    metrics = json.loads((other / "metrics.json").read_text())
    assert found["n"] == metrics["n"]
    assert list(found["metrics"]) == list(metrics["metrics"])
    for one in found["metrics"].values():
        assert (one["value"], one["low"], one["high"], one["verdict"]) == (0, 0, 0, "no different")
    assert found["sentence"].startswith(f"This run is no different from {other} by accuracy (+0, ")
    assert found["sentence"].endswith(f"; on the same {found['n']} records of test.")
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Compared to" in page
    assert "This run is no different from" in page


def test_the_difference_is_that_of_the_two_scores(job: dict[str, Any], other: Path, tmp_path: Path) -> None:
    """A model that learnt nothing beside one that learnt a little: and the other way round, the signs turn."""
    untrained = train(job, ["train.steps=0"], tmp_path / "untrained", reporter=Silent())
    there = compared(job, untrained, tmp_path / "there")
    back = compared(job, other, tmp_path / "back", ["train.steps=0"])
    scores = [json.loads((run / "metrics.json").read_text())["metrics"] for run in (other, untrained)]
    for name, one in there["metrics"].items():
        assert one["value"] == pytest.approx(scores[0][name]["value"] - scores[1][name]["value"], abs=1e-6)
        assert back["metrics"][name]["value"] == pytest.approx(-one["value"], abs=1e-6)
        assert back["metrics"][name]["low"] == pytest.approx(-one["high"], abs=1e-3)
    turned = {"better": "worse", "worse": "better", "no different": "no different"}
    first = next(iter(there["metrics"]))
    assert back["metrics"][first]["verdict"] == turned[there["metrics"][first]["verdict"]]


def given(value: float, low: float | None, high: float | None, direction: str = "higher") -> dict[str, Any]:
    note = {"note": "n = 7: too few for an interval"} if low is None else {}
    one = {"value": value, "low": low, "high": high, "direction": direction, **note}
    return {**one, "verdict": verdict(one)}


def test_the_sentence_is_by_all_scores() -> None:
    scores = {
        "accuracy": given(0.02, 0.01, 0.03),
        "auc": given(0.01, -0.01, 0.03),
        "log_loss": given(0.1, 0.05, 0.2, "lower"),
        "f1_macro": given(0.03, 0.01, 0.05),
    }
    assert sentence("This run", Path("old"), scores, "the same 90 records of test") == (
        "This run is better than old by accuracy (+0.02, 95 % interval +0.01 to +0.03) and f1 macro "
        "(+0.03, 95 % interval +0.01 to +0.05), worse by log loss (+0.1, 95 % interval +0.05 to +0.2), "
        "no different by auc; on the same 90 records of test."
    )
    assert sentence("This run", Path("old"), {"accuracy": given(0.02, None, None)}, "the same 7 records of test") == (
        "This run is not to be told from old by accuracy (+0.02, n = 7: too few for an interval); "
        "on the same 7 records of test."
    )


def test_windows_of_a_running_text_are_compared_where_both_cut_the_same_tokens(tmp_path: Path) -> None:
    job = tiny_job("text-generation", tmp_path)
    other = train(job, run=tmp_path / "other", reporter=Silent())
    found = compared(job, other, tmp_path / "run")
    assert found["n"] == json.loads((other / "metrics.json").read_text())["n"]
    assert all(one["value"] == 0 for one in found["metrics"].values())
    with pytest.raises(UserError, match="other records"):
        compared(job, other, tmp_path / "longer", ["target.window=24"])


def test_only_records_held_out_in_both_are_compared(job: dict[str, Any], other: Path, tmp_path: Path) -> None:
    metrics = json.loads((other / "metrics.json").read_text())
    found = compared(job, other, tmp_path / "run", ["data.split.test=0.6"])
    assert found["n"] == metrics["n"]  # a share of 0.6 by the same hash holds that of 0.2
    assert re.search(rf"; on the {found['n']} of our \d+ records of test that both hold out\.$", found["sentence"])
    whole, task = load_job(job)
    prepared = prepare(whole, task)
    elsewhere = replace(prepared.splits["test"], where_path=None, places=[f"x:{i}" for i in range(found["n"])])
    with pytest.raises(UserError, match="other records"):
        held_out_in_both(other, whole, task, replace(prepared, splits={"test": elsewhere}))


def test_what_is_no_run_is_told_before_anything_is_trained(job: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run"):
        compared(job, tmp_path / "none", tmp_path / "run")
    assert not (tmp_path / "run" / "history.jsonl").exists()


def test_a_run_that_learnt_from_other_data_is_not_compared(job: dict[str, Any], other: Path, tmp_path: Path) -> None:
    data = Path(job["data"]["path"])
    lines = data.read_text("utf-8").splitlines(keepends=True)
    shorter = tmp_path / data.name
    shorter.write_text("".join(lines[:-8]), "utf-8")
    with pytest.raises(UserError, match="learnt from other data"):
        compared({**job, "data": {**job["data"], "path": str(shorter)}}, other, tmp_path / "run")
    assert not (tmp_path / "run" / "history.jsonl").exists()


def test_a_run_written_under_the_old_name_of_the_key_is_read_and_goes_on(job: dict[str, Any], tmp_path: Path) -> None:
    run = train(job, run=tmp_path / "run", reporter=Silent())
    config = json.loads((run / "bundle" / "config.json").read_text("utf-8"))
    config["job"]["evaluate"]["against"] = config["job"]["evaluate"].pop("compare_to")
    (run / "bundle" / "config.json").write_text(json.dumps(sealed(config)), "utf-8")
    assert load(run).bundle.job.evaluate.compare_to is None
    content = yaml.safe_load((run / "job.yaml").read_text("utf-8"))
    content["evaluate"]["against"] = content["evaluate"].pop("compare_to")
    (run / "job.yaml").write_text(yaml.safe_dump(content), "utf-8")
    assert train(job, run=run, resume=True, reporter=Silent()) == run
