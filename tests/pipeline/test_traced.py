"""The network as exporters want it: torch alone can export it, and for any number and length of records."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from noria.contract.examples import records_like
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.traced import example_inputs, flat, those_read, traceable
from noria.reporter import Silent
from noria.stages.train import train
from noria.types import Dataset
from other_data import encode
from tiny_data import tiny_job


@pytest.mark.parametrize("task", ["text-embedding", "semantic-segmentation", "series-classification"])
def test_an_exported_network_answers_any_number_of_records(task: str, trained: Callable[[str], Path]) -> None:
    check_export(load(trained(task), device="cpu"))


def test_an_encoder_that_began_as_a_checkpoint_can_be_exported(checkpoint: Any, tmp_path: Path) -> None:
    job = tiny_job("text-classification", tmp_path, steps=1, validations=1)
    job |= {"model": {"pretrained": str(checkpoint("bert"))}, "inputs": {"text": {"max_tokens": 20}}}
    check_export(load(train(job, run=tmp_path / "run", reporter=Silent()), device="cpu"))


def check_export(predictor: Predictor) -> None:
    model, shapes = predictor.bundle.model, predictor.bundle.config["arrays"]
    one = traceable(model, example_inputs(shapes), shapes)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(one.network, one.tensors, dynamic_shapes=one.dynamic_shapes, strict=False)
    records = records_like(predictor.task, 5, seed=3)
    for count in (1, 5):
        encoded, bad = encode(predictor, records[:count])
        assert bad == {}
        inputs = Dataset(encoded, {}).batch(slice(None)).inputs
        with torch.inference_mode():
            given, expected = program.module()(*(flat(inputs)[name] for name in one.names)), model(inputs)
        for name, value in zip(one.network.outputs, given, strict=True):
            torch.testing.assert_close(value, expected[name], atol=1e-4, rtol=1e-4)


def test_inputs_that_the_network_does_not_look_at_are_left_out(trained: Callable[[str], Path]) -> None:
    predictor = load(trained("object-detection"), device="cpu")
    inputs = example_inputs(predictor.bundle.config["arrays"])
    assert {*inputs["image"]} == {"pixels", "size"}
    assert {*those_read(predictor.bundle.model, inputs)["image"]} == {"pixels"}
