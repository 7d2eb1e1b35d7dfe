"""What is tried where the job names nothing: settings of the job, and what components declare of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from noria.contract import registry
from noria.contract.settings import TRIED, settings_of, tried, tried_between, values_of
from noria.errors import UserError
from noria.job.load import load_job
from noria.tuning.search_space import prepared_otherwise, search_space, setting, with_settings
from noria.tuning.usual_space import components

TUNED = ("learning_rate", "warmup", "weight_decay", "ema", "batch_size")  # of `train`, where a checkpoint is tuned
TRAINING = {"train.learning_rate", "train.warmup", "train.weight_decay", "train.ema"}


def ranges(task: str, *overrides: str, **sections: Any) -> dict[str, Any]:
    return {one.key: one.range for one in search_space(*load_job({"task": task, **sections}, overrides))}


def test_the_space_of_training_follows_what_the_job_has() -> None:
    def of_training(*overrides: str, pinned: tuple[str, ...] = ()) -> set[str]:
        job, task = load_job({"task": "image-classification", "train": {"optimizer": "adamw"}}, overrides)
        return {one.key for one in search_space(job, task, pinned) if one.key.startswith("train.")}

    assert of_training() == TRAINING | {"train.batch_size", "train.epochs"}
    assert of_training("train.epochs=1") == TRAINING | {"train.batch_size"}
    assert of_training("train.steps=9") == TRAINING
    assert of_training("train.steps=9", "train.optimizer=muon") == TRAINING | {"train.muon_learning_rate"}
    pinned = of_training("train.steps=9", "tune.space.train.ema=null", pinned=("train.warmup",))
    assert pinned == TRAINING - {"train.ema", "train.warmup"}
    assert of_training("train.steps=9", "tune.space.train.clip=[null, 1.0]") == TRAINING | {"train.clip"}
    with pytest.raises(UserError, match="nothing to tune"):
        search_space(*load_job({"task": "image-classification", "tune": {"defaults": False}}))


def test_epochs_are_tried_only_where_no_budget_is_named() -> None:
    with pytest.raises(UserError, match=r"tune\.space train\.epochs.*cannot be tuned"):
        ranges("image-classification", "train.steps=9", "tune.space.train.epochs=[1, 2]")


def test_a_trunk_is_tried_without_depth_where_nothing_else_needs_it() -> None:
    assert ranges("text-classification", "model.size=tiny")["model.depth"].choices == [0, 1, 2, 4]
    assert (
        0 not in ranges("question-answering")["model.depth"].choices
    )  # two inputs, which only a trunk brings together
    assert 0 not in ranges("translation")["model.depth"].choices
    assert "model.depth" not in ranges("image-classification")


def test_every_task_has_a_usual_space_that_its_job_accepts_around_its_own_values() -> None:
    names = registry.names("tasks")
    assert len(names) >= 17
    for name in names:
        job, task = load_job({"task": name})
        space = {one.key: one for one in search_space(job, task)}
        assert space.keys() >= TRAINING
        assert ("train.batch_size" in space) == (job.train.steps is None)
        for key, one in space.items():
            assert one.holds(setting(job, task, key)), (name, key)


def test_a_setting_that_says_null_is_tried_as_null_too() -> None:
    @dataclass(frozen=True)
    class Part:
        much: float | None = field(default=None, metadata=tried_between(0, 1))
        several: int = field(default=7, metadata=tried(1, 2))
        none: int = 3
        only: int = field(default=1, metadata={TRIED: lambda part: (2,) if part.none == 4 else ()})

    job, task = load_job({"task": "tabular-regression"})
    found = settings_of(Part())
    assert [one.tried for one in found] == [{"low": 0, "high": 1, "log": False}, (1, 2), None, ()]
    assert settings_of(Part(none=4))[3].tried == (2,)
    assert settings_of(Part)[3].tried is None
    table = replace(task.inputs["table"], dropout=0.31)  # type: ignore[type-var]
    task.inputs = {"table": table}
    choices = {one.key: one.range.choices for one in search_space(job, task)}["inputs.table.dropout"]
    assert 0.31 in choices


def test_components_say_what_is_tried_of_them() -> None:
    texts = ranges("text-classification")
    wanted = {"vocabulary", "ngrams", "characters", "token_dropout"}
    assert {f"inputs.text.{name}" for name in wanted} | {"target.smoothing", "target.is_voting"} <= texts.keys()
    tables = {"layers", "hidden", "column_width", "dropout", "members"}
    assert {f"inputs.table.{name}" for name in tables} <= ranges("tabular-regression").keys()
    by_columns = ranges("tabular-regression", inputs={"table": {"stem": "columns"}}).keys()
    assert not {f"inputs.table.{name}" for name in tables} & by_columns
    pictures = {"blocks", "shift", "zoom", "color_jitter", "erase", "side"}
    assert {f"inputs.image.{name}" for name in pictures} <= ranges("image-classification").keys()
    assert "inputs.image.widths" not in ranges("image-classification")  # they follow model.width
    widths = ranges("image-classification", inputs={"image": {"widths": [16, 32, 64]}})["inputs.image.widths"]
    assert widths.choices == [(16, 32, 64), (8, 16, 32), (32, 64, 128)]


def test_points_in_space_are_moved_and_turned_and_numbers_without_places_are_not() -> None:
    flat, points = (
        ranges("series-classification", inputs={"series": {"dimensions": count}}).keys() for count in (None, 3)
    )
    assert {"inputs.series.length", "inputs.series.pooling"} <= flat
    assert points - flat == {"inputs.series.center", "inputs.series.rotate"}


def test_a_mirror_image_is_tried_only_where_the_job_allows_it() -> None:
    assert "inputs.image.flip" not in ranges("image-classification")
    allowed = ranges("image-classification", inputs={"image": {"flip": True}})
    assert allowed["inputs.image.flip"].choices == [False, True]


def test_texts_whose_tokens_have_places_are_read_as_they_are() -> None:
    for task in ("token-classification", "question-answering", "masked-language-modelling", "translation", "chat"):
        keys = ranges(task).keys()
        assert not [key for key in keys if key.endswith((".ngrams", ".characters", ".vocabulary"))], task


def test_a_checkpoint_is_tuned_at_gentle_rates_in_the_shape_it_has() -> None:
    def space(*overrides: str) -> dict[str, Any]:
        return ranges("text-classification", *overrides, train={"minutes": 1})

    assert {"model.depth", "model.dropout", "train.muon_learning_rate"} <= space("model.size=tiny").keys()
    whole, beside = space("model.pretrained=minilm"), space("model.pretrained=minilm", "model.lora=8")
    of_others = {"inputs.text.token_dropout", "target.smoothing", "target.is_voting"}
    assert whole.keys() == {f"train.{key}" for key in TUNED} | of_others
    assert (whole["train.learning_rate"].low, whole["train.learning_rate"].high) == pytest.approx((1e-5, 3e-4))
    assert whole["train.batch_size"].choices == [None, 16, 32]
    assert beside.keys() == whole.keys() | {"model.lora"}
    assert beside["model.lora"].choices == [4, 8, 32]
    assert beside["train.learning_rate"].low == pytest.approx(1e-4)


def test_a_trunk_that_is_taken_over_keeps_its_depth(tmp_path: Path) -> None:
    def keys(states: dict[str, Any]) -> set[str]:
        model = {"size": "tiny", "depth": 3}
        (tmp_path / "config.json").write_text(json.dumps({"job": {"model": model}, "states": states}))
        found = ranges("text-classification", model={"from": str(tmp_path)}, train={"minutes": 1})
        return {key for key in found if key.startswith(("train.", "model."))}

    ours, theirs = keys({}), keys({"trunk": {}})
    assert ours == {f"train.{key}" for key in (*TUNED, "muon_learning_rate")} | {"model.dropout"}
    assert theirs == {f"train.{key}" for key in TUNED}


def test_a_checkpoint_in_a_trial_brings_its_own_rates() -> None:
    job, _ = load_job({"task": "image-classification"})
    other, _ = with_settings(job, {"model.pretrained": "efficientnet-lite0", "train.pretrained_rate": 0.7})
    assert other.train.pretrained_rate == 0.1
    assert with_settings(job, {"model.pretrained": None, "train.pretrained_rate": 0.7})[0].train.pretrained_rate == 0.7


def test_only_what_preparation_reads_and_what_differs_is_another_preparation() -> None:
    job, task = load_job({"task": "text-classification", "model": {"size": "tiny"}})
    same = {"inputs.text.characters": 0, "inputs.text.ngrams": 3, "train.warmup": 0.1, "model.pretrained": None}
    assert prepared_otherwise(job, task, same) == {}
    other = {"inputs.text.characters": 4, "model.pretrained": "x"}
    assert prepared_otherwise(job, task, {**same, **other}) == other


def test_every_value_that_a_component_lets_be_tried_is_one_that_it_takes() -> None:
    seen = 0
    for name in registry.names("tasks"):
        for _, component in components(load_job({"task": name})[1]):
            for one in settings_of(component):
                for value in one.outermost_tried:
                    assert values_of(replace(component, **{one.name: value}))[one.name] == value
                    seen += 1
    assert seen > 100
