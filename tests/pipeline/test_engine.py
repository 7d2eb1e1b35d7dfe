"""Another engine in the place of torch: the same answers or a UserError; a made-up engine stands for all of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from noria.contract.examples import records_like
from noria.errors import UserError, how_to_install
from noria.pipeline import engine as module
from noria.pipeline.bundle import Bundle
from noria.pipeline.engine import EXAMPLES, Forward, distance, example_records
from noria.pipeline.predictor import load
from noria.pipeline.traced import Inputs
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.predict import predict
from noria.stages.train import train
from noria.store.run_folder import read_json
from noria.types import Output
from tiny_data import tiny_job

Trained = Callable[[str], Path]
Change = Callable[[Tensor], Tensor]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], list[int]]:
    """A function that puts an engine in OpenVINO's place, which changes torch's outputs: -> sizes of what it ran on."""

    def install(change: Change) -> list[int]:
        asked: list[int] = []

        def forward_of(bundle: Bundle) -> Forward:
            def forward(inputs: Inputs) -> Output:
                output = bundle.model(inputs)
                asked.append(len(next(iter(output.values()))))
                return {name: change(value) for name, value in output.items()}

            return forward

        monkeypatch.setitem(module.ENGINES, "openvino", (lambda: None, forward_of))
        return asked

    return install


def test_a_model_answers_by_the_engine_it_is_loaded_with(trained: Trained, engine) -> None:
    run = trained("image-classification")
    asked = engine(lambda values: values)
    model = load(run, engine="openvino")
    pictures = [record["image"] for record in records_like(model.task, 5, seed=3)]
    checked = len(asked)
    assert checked
    assert model.predict(pictures) == load(run, device="cpu").predict(pictures)
    assert asked[checked:] == [5]
    assert (model.bundle.engine, model.device) == ("openvino", "cpu")


WRONG: dict[str, Change] = {
    "a little more": lambda values: values * 1.01,
    "not a number": lambda values: values * float("nan"),
    "another shape": lambda values: values[:, :1],
    "records in another order": lambda values: values.flip(0),
    "one record alone": lambda values: values * (2 if len(values) == 1 else 1),
}


@pytest.mark.parametrize("kind", WRONG)
def test_an_engine_that_answers_otherwise_is_refused_and_what_the_error_advises_works(
    kind: str, trained: Trained, engine
) -> None:
    run = trained("image-classification")
    engine(WRONG[kind])
    with pytest.raises(UserError, match="openvino does not give the answers of torch") as caught:
        load(run, engine="openvino")
    assert caught.value.expected == "logits at most 0.10% apart, in float32"
    assert caught.value.found.endswith(f"% on {EXAMPLES} example records")
    assert 'engine="torch"' in caught.value.fix
    assert load(run, engine="torch").network is not None


def test_bfloat16_may_be_further_apart_but_not_far(trained: Trained, engine) -> None:
    run = trained("image-classification")
    engine(lambda values: values * 1.02)
    model = load(run, precision="bfloat16", engine="openvino")
    assert next(model.bundle.model.parameters()).dtype == torch.float32  # what the engine is made from
    engine(lambda values: values * 1.05)
    with pytest.raises(UserError, match=r"5\.00% on 6 example records"):
        load(run, precision="bfloat16", engine="openvino")


def test_every_way_to_answer_goes_through_the_engine(trained: Trained, engine, tmp_path: Path) -> None:
    job = tiny_job("tabular-classification", tmp_path)
    asked = engine(lambda values: values)
    run = train(job | {"evaluate": {"engine": "openvino"}}, run=tmp_path / "run", reporter=Silent())
    assert asked
    assert read_json(run / "metrics.json")["engine"] == "openvino"
    before = len(asked)
    assert load(run).bundle.engine == "openvino"
    list(predict(run, [job["data"]["path"]]))
    assert max(asked[before:]) > EXAMPLES
    before = len(asked)
    evaluate(run, reporter=Silent(), engine="torch")
    assert len(asked) == before
    assert read_json(run / "metrics.json")["engine"] == "torch"


def test_a_training_whose_engine_fails_at_the_end_is_scored_by_torch_on_resuming(engine, tmp_path: Path) -> None:
    job = tiny_job("tabular-classification", tmp_path) | {"evaluate": {"engine": "openvino"}}
    engine(lambda values: -values)
    with pytest.raises(UserError, match=r"evaluate\.engine=torch in a job"):
        train(job, run=tmp_path / "run", reporter=Silent())
    train(job, ["evaluate.engine=torch"], run=tmp_path / "run", resume=True, reporter=Silent())
    assert read_json(tmp_path / "run" / "metrics.json")["engine"] == "torch"


def test_an_answer_that_is_written_token_by_token_is_refused_before_training(engine, tmp_path: Path) -> None:
    engine(lambda values: values)
    job = tiny_job("text-generation", tmp_path) | {"evaluate": {"engine": "openvino"}}
    with pytest.raises(UserError, match="openvino cannot write an answer token by token"):
        train(job, run=tmp_path / "run", reporter=Silent())
    assert not (tmp_path / "run" / "plan.json").exists()


def test_an_answer_of_more_than_one_forward_pass_is_refused(trained: Trained, engine) -> None:
    engine(lambda values: values)
    with pytest.raises(UserError, match="takes more than one forward pass of the network") as caught:
        load(trained("masked-language-modelling"), engine="openvino")
    assert "`mixed`" in caught.value.found


def test_an_engine_that_is_not_known_or_not_for_a_device_is_refused(trained: Trained) -> None:
    run = trained("image-classification")
    with pytest.raises(UserError, match="did you mean 'openvino'"):
        load(run, engine="openvin")
    with pytest.raises(UserError, match="openvino answers on the CPU"):
        load(run, device="cuda", engine="openvino")
    with pytest.raises(UserError, match="there is no such precision"):
        load(run, precision="bf16", engine="openvino")


def test_without_the_package_the_command_that_installs_it_is_named_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    job = tiny_job("image-classification", tmp_path) | {"evaluate": {"engine": "openvino"}}
    with pytest.raises(UserError, match=re.escape(how_to_install("openvino"))):
        train(job, run=tmp_path / "run", reporter=Silent())
    assert not (tmp_path / "run" / "plan.json").exists()


def test_examples_are_of_many_lengths_and_fit_the_model_where_the_task_has_others(trained: Trained) -> None:
    texts = load(trained("text-classification"), device="cpu")
    lengths = example_records(texts.bundle, texts.states).inputs["text"]["ids"].lengths
    assert max(lengths) > 1.5 * min(lengths)
    series = load(trained("series-classification"), device="cpu")
    series.states["inputs"]["series"]["channels"] = 3  # one more than the task's own example has
    (arrays,) = example_records(series.bundle, series.states).inputs.values()
    assert arrays["values"].values.std() > 0.5


def test_a_table_of_other_columns_than_the_task_s_example_is_checked_on_numbers_that_vary(tmp_path: Path) -> None:
    path = tmp_path / "waves.csv"
    path.write_text("height,kind\n" + "".join(f"{index / 7},{'low' if index % 2 else 'high'}\n" for index in range(60)))
    job = {"task": "tabular-classification", "data": {"path": str(path), "fields": {"label": "kind"}}}
    model = load(train(job | {"train": {"steps": 2}}, run=tmp_path / "run", reporter=Silent()), device="cpu")
    numbers = example_records(model.bundle, model.states).inputs["table"]["numbers"]
    assert np.isfinite(numbers).all()
    assert numbers.std() > 0.1


def test_the_distance_of_outputs_is_a_share_of_their_size() -> None:
    ones, infinite = torch.ones(2, 3), torch.tensor([1.0, float("inf")])
    assert distance([ones], [ones]) == 0
    assert distance([ones * 1.1, ones], [ones, ones]) == pytest.approx(0.1 / 2**0.5)
    assert distance([infinite], [infinite]) == 0
    assert distance([torch.tensor([1.0, 5.0])], [infinite]) == float("inf")
    assert distance([ones[:1]], [ones]) == float("inf")
    assert distance([torch.tensor([1, 2])], [torch.tensor([1, 2])]) == 0
    assert distance([torch.tensor([1, 2])], [torch.tensor([1, 3])]) == float("inf")
    assert distance([ones], [ones * 0]) == float("inf")
