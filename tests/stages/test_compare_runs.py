"""`noria compare`: two runs side by side, from files and from frames, and what cannot be compared is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noria as package
from noria.errors import UserError
from noria.reporter import Silent
from tiny_data import tiny_job

Noria = Callable[..., "tuple[int, str, str]"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and one of the same data that learnt nothing and holds more records out."""
    folder = tmp_path_factory.mktemp("pair")
    job = tiny_job("tabular-classification", folder, count=120)
    other = package.train(job, ["train.steps=0", "data.split.test=0.6"], run=folder / "other", reporter=Silent())
    return package.train(job, run=folder / "run", reporter=Silent()), other


def test_each_score_of_both_stands_beside_the_difference_and_the_cost(pair: tuple[Path, Path], noria: Noria) -> None:
    run, other = pair
    found = package.compare(run, other, reporter=Silent())
    metrics = json.loads((run / "metrics.json").read_text())
    assert found["n"] == metrics["n"]
    for name, one in found["metrics"].items():
        assert one["ours"] == pytest.approx(metrics["metrics"][name]["value"], abs=1e-6)
        assert one["value"] == pytest.approx(one["ours"] - one["theirs"])
    planned = [json.loads((one / "plan.json").read_text())["weights"] for one in pair]
    assert [cost["weights"] for cost in found["costs"]] == planned
    assert found.sentence.count(" by ") == 1
    assert found.sentence.startswith(f"{run} is ")
    assert found.sentence.endswith(f" on the same {found['n']} records of test.")
    code, out, _ = noria("compare", run, other)
    assert (code, out) == (0, f"{found}\n")
    assert [line.split("  ")[0] for line in out.splitlines()[1:-1]] == [
        *found["metrics"],
        *("training", "weights", "weight bytes"),
    ]
    assert json.loads(noria("compare", run, other, "--json")[1]) == found.content
    assert found.sentence in found._repr_html_().replace("&#x27;", "'")


def test_only_the_records_that_both_hold_out_count_whichever_comes_first(pair: tuple[Path, Path]) -> None:
    run, other = pair
    there, back = (package.compare(*both, reporter=Silent()) for both in ((run, other), (other, run)))
    assert there["n"] == back["n"]
    for name, one in there["metrics"].items():
        assert back["metrics"][name]["value"] == pytest.approx(-one["value"], abs=1e-6)
    assert "of our" in back.sentence


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("none", "run"), "there is no such folder"),
        (("run", "none"), "no finished run"),
        (("run/bundle", "run"), "a bundle alone has no test split"),
    ],
)
def test_what_is_no_finished_run_is_told(
    names: tuple[str, str], said: str, pair: tuple[Path, Path], noria: Noria
) -> None:
    code, _, err = noria("compare", *(pair[0].parent / name for name in names))
    assert (code, said in err) == (2, True), err


def test_runs_of_other_columns_are_told_to_have_no_data_in_common(
    pair: tuple[Path, Path], noria: Noria, tmp_path: Path
) -> None:
    rows = "".join(f"{i * 7 % 11},{'yn'[i % 2]}\n" for i in range(60))
    (tmp_path / "t.csv").write_text(f"x,left\n{rows}")
    words = ["label=left", "model.size=tiny", "train.steps=2", "train.precision=float32", "evaluate.resamples=100"]
    other = package.train(tmp_path / "t.csv", words, tmp_path / "run", reporter=Silent())
    folded = package.train(tmp_path / "t.csv", [*words, "evaluate.folds=2"], tmp_path / "folded", reporter=Silent())
    folds = ["train.steps=0", "evaluate.folds=2"]
    job = tiny_job("tabular-classification", tmp_path, count=120)
    too = package.train(job, folds, run=tmp_path / "too", reporter=Silent())
    for both in ((pair[0], other), (other, pair[0]), (folded, too), (too, folded)):
        code, _, err = noria("compare", *both)
        assert (code, "cannot be prepared as for the run to compare to" in err) == (2, True), err
        assert "has no column" in err


@pytest.mark.parametrize("more", [[], ["evaluate.folds=2"]], ids=["test", "folds"])
def test_a_run_of_other_classes_answers_another_question(more: list[str], tmp_path: Path) -> None:
    job = tiny_job("tabular-classification", tmp_path, count=120)
    of_all = package.train(job, ["train.steps=0", *more], run=tmp_path / "all", reporter=Silent())
    merged = job | {"target": {"class_groups": {"well": ["healthy low"]}}}
    run = package.train(merged, ["train.steps=0", *more], run=tmp_path / "merged", reporter=Silent())
    with pytest.raises(UserError, match="its classes are others") as told:
        package.compare(run, of_all, reporter=Silent())
    assert (told.value.expected, told.value.found) == ("healthy high, well", "healthy high, healthy low")
    with pytest.raises(UserError, match="its classes are others"):  # before it is trained
        package.train(merged, [f"evaluate.compare_to={of_all}"], run=tmp_path / "again", reporter=Silent())
    assert not (tmp_path / "again" / "plan.json").exists()


def test_folds_of_one_run_alone_are_named_where_no_record_is_held_out_in_both(tmp_path: Path) -> None:
    job = tiny_job("tabular-classification", tmp_path, count=120)
    plain = package.train(job, ["train.steps=1"], run=tmp_path / "plain", reporter=Silent())
    folded = package.train(job, ["train.steps=1", "evaluate.folds=2"], run=tmp_path / "folded", reporter=Silent())
    with pytest.raises(UserError, match="scored on other records") as told:
        package.compare(plain, folded, reporter=Silent())
    assert told.value.fix == "divide both runs alike: evaluate.folds=2 in both jobs, or in none"


def test_runs_on_a_frame_are_compared_with_the_frame(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    a = np.random.default_rng(0).normal(size=120)
    frame = pandas.DataFrame({"a": a, "left": np.where(a > 0, "yes", "no")})
    words = ["label=left", "model.size=tiny", "train.precision=float32", "evaluate.resamples=100"]
    runs: list[Any] = [
        package.train(frame, [*words, f"train.steps={steps}"], tmp_path / str(steps), reporter=Silent())
        for steps in (4, 8)
    ]
    assert "runs/" not in package.compare(*runs, frame, reporter=Silent()).sentence
    with pytest.raises(UserError, match=r"noria\.compare\(run, other, frame\)"):
        package.compare(*runs, reporter=Silent())
    with pytest.raises(UserError, match="not what this training began with"):
        package.compare(*runs, frame.head(100), reporter=Silent())
