"""The simple models beside the network: fitted before training, kept through it, and mixed into every answer."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.job import load_job
from noria.job.load import load_stored_job
from noria.model.regression import log_shares
from noria.pipeline import assembly
from noria.pipeline.assembly import build
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.training.rivals import parts


def table_of(folder: Path, count: int = 300, seed: int = 0) -> Path:
    """Write a table whose label is a linear rule of its columns with some noise."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, 4))
    label = (values @ [2, -1, 0.5, 0] + generator.logistic(size=count) > 0).astype(int)
    path = folder / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "d", "label"])
        writer.writerows([*row.round(4), ["no", "yes"][one]] for row, one in zip(values, label, strict=True))
    return path


def job_of(folder: Path, **train_settings: Any) -> dict[str, Any]:
    return {
        "task": "tabular-classification",
        "data": {"path": str(table_of(folder)), "fields": {"label": "label"}},
        "train": {"steps": 6, "batch_size": 16, "precision": "float32", **train_settings},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linear")
    return train(job_of(folder), run=folder / "run", reporter=Silent())


def test_the_answer_is_a_mix_of_the_networks_and_the_linear_models(run: Path) -> None:
    model = load(run).bundle.model
    prepared = prepare(*load_stored_job(run / "job.yaml"))
    batch = prepared.splits["test"].batch(slice(0, 20))
    mixture = model.mixture
    with torch.inference_mode():
        voices = [model.head(model.mixed(batch.inputs))["logits"]]
        voices += [part(batch.inputs) for part in mixture.parts.values()]
        shares = mixture.share.tolist()
        assert len(voices) == len(shares) == 3
        assert sum(shares) == pytest.approx(1)
        mixed = sum(share * one.log_softmax(-1) for share, one in zip(shares, voices, strict=True))
        mixed *= float(mixture.sharpness)
        torch.testing.assert_close(model(batch.inputs)["logits"], mixed)
        model.train()
        answers = []
        for whole in (True, False):
            torch.manual_seed(0)
            answers.append(model(batch.inputs) if whole else model.head(model.mixed(batch.inputs)))
        torch.testing.assert_close(answers[0]["logits"], answers[1]["logits"])  # in training the network answers alone
    model.eval()


def test_after_a_few_steps_the_model_is_as_good_as_the_linear_one(run: Path) -> None:
    predictor = load(run)
    prepared = prepare(*load_stored_job(run / "job.yaml"))
    test = prepared.splits["test"]
    label = np.asarray(test.target["label"])

    def log_loss() -> float:
        return float(-log_shares(predictor.outputs(test)["logits"])[np.arange(len(label)), label].mean())

    mixed = log_loss()
    share = predictor.bundle.model.mixture.share
    share.copy_(torch.tensor([0.0, 1.0, 0.0]))
    linear = log_loss()
    share.copy_(torch.tensor([1.0, 0.0, 0.0]))
    assert mixed < log_loss() - 0.05, "six steps teach the network little"
    assert mixed < linear + 0.05


def test_the_simple_models_are_fitted_once_and_kept_on_resuming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint has them: what resumes does not fit them again, and ends with the same weights."""
    from noria.training.signals import StopSignals

    whole = train(job_of(tmp_path), run=tmp_path / "whole", reporter=Silent())
    asked = iter([False] * 3 + [True] + [False] * 100)
    with monkeypatch.context() as patched:
        patched.setattr(StopSignals, "__bool__", lambda self: next(asked))
        patched.setattr(StopSignals, "exit_code", 143, raising=False)
        with pytest.raises(SystemExit):
            train(job_of(tmp_path), run=tmp_path / "cut", reporter=Silent())
    with monkeypatch.context() as patched:
        patched.setattr(parts, "fit_linear", None)
        patched.setattr(parts, "fit_trees", None)
        train(job_of(tmp_path), run=tmp_path / "cut", resume=True, reporter=Silent())
    weights = [(one / "bundle" / "model.safetensors").read_bytes() for one in (whole, tmp_path / "cut")]
    assert weights[0] == weights[1]


def test_the_share_follows_who_is_right(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    prepared = prepare(*load_stored_job(run / "job.yaml"))
    _, task = load_stored_job(run / "job.yaml")
    model = load(run).bundle.model
    truth = np.asarray(prepared.splits["train"].target["label"])
    right = np.where(np.eye(2)[truth] > 0, 4.0, -4.0)

    def mix_where(network: np.ndarray, linear: np.ndarray, trees: np.ndarray, count: int = len(right)) -> parts.Mix:
        given = {"linear": linear, "trees": trees}
        monkeypatch.setattr(parts, "outputs", lambda *_: {"logits": log_shares(network)})
        names = {id(part): name for name, part in model.mixture.parts.items()}
        monkeypatch.setattr(parts, "answers_of_part", lambda part, _: given[names[id(part)]])
        data = prepared.splits["train"].select(np.arange(count))
        return parts.chosen_mix(model, task, prepared.states["target"], data, 64, torch.device("cpu"))

    assert mix_where(right, -right, -right).share == (1, 0, 0)
    assert mix_where(-right, right, -right).share == (0, 1, 0)
    assert mix_where(-right, -right, right).share == (0, 0, 1)
    unsure = right / 4
    assert mix_where(unsure, unsure, unsure).sharpness == max(parts.SHARPER)
    wrong = np.where(np.random.default_rng(0).random((len(right), 1)) < 0.4, -right, right)
    level = mix_where(wrong, wrong, wrong)
    assert level.sharpness == min(parts.SHARPER)
    assert sorted(level.share) == [0.3, 0.3, 0.4], "the nearest to even ones of tenths"
    sure = 10 * right[:1]
    of_one = mix_where(-sure, sure, 0 * sure, count=1)
    assert min(of_one.share) >= 0.2, "one record that one of them is sure of says little"


def test_a_task_without_features_says_so(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text\n" + "".join(f"a b c {i}\n" for i in range(80)), "utf-8")
    job, task = load_job(
        {"task": "text-generation", "data": {"path": str(tmp_path / "texts.csv")}, "model": {"linear": True}}
    )
    with pytest.raises(UserError, match="no linear model beside this network"):
        build(job, task, prepare(job, task).states)


def test_runs_of_earlier_versions_have_no_simple_models() -> None:
    job, _ = load_stored_job({"task": "tabular-classification", "model": {"depth": 0}})
    assert (job.model.linear, job.model.trees) == (False, False)
    model = load_job({"task": "tabular-classification"})[0].model
    assert (model.linear, model.trees) == (True, True)


def test_leaving_out_the_linear_part_keeps_the_rest_of_the_default() -> None:
    whole, alone, other = (
        load_job({"task": "text-classification", **model})[0]
        for model in ({}, {"model": {"linear": False}}, {"model": {"size": "tiny"}})
    )
    assert alone.inputs == whole.inputs
    assert (whole.model.linear, alone.model.linear, other.model.linear) == (True, False, False)
    assert (whole.model.depth, alone.model.depth, other.model.depth) == (0, 0, 2)
    assert other.inputs["text"]["characters"] == 0


def test_a_table_answers_in_bfloat16_too(run: Path, tmp_path: Path) -> None:
    small = train(job_of(tmp_path), ["evaluate.precision=bfloat16"], tmp_path / "run", reporter=Silent())
    prepared = prepare(*load_stored_job(run / "job.yaml"))
    given, other = (load(one).outputs(prepared.splits["test"])["logits"] for one in (run, small))
    np.testing.assert_allclose(given, other, atol=0.1)


def test_with_too_many_classes_the_default_does_without_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who has asked for nothing is refused nothing."""
    said: list[str] = []

    class Listening(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    monkeypatch.setattr(assembly, "MOST_WEIGHTS", 1)
    run = train(job_of(tmp_path), run=tmp_path / "run", reporter=Listening())
    assert any("no linear model beside the network" in one for one in said)
    assert list(load(run).bundle.model.mixture.parts) == ["trees"]


def test_a_running_mean_of_weights_does_not_lag_behind_a_short_training(tmp_path: Path) -> None:
    """Six steps are too few for any mean over 3 % of them: the weights are those of a training without one."""
    runs = [train(job_of(tmp_path), [f"train.ema={ema}"], tmp_path / str(ema), reporter=Silent()) for ema in (0, 0.99)]
    one, other = ((run / "bundle" / "model.safetensors").read_bytes() for run in runs)
    assert one == other
