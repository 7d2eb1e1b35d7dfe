"""A loaded model has its batch normalisations joined with the convolutions before them, and answers as before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from noria.contract.examples import records_like
from noria.model.weights import load_weights
from noria.pipeline.assembly import build
from noria.pipeline.predictor import load
from noria.types import Dataset


@pytest.mark.parametrize("task", ["object-detection", "semantic-segmentation"])
def test_a_loaded_model_has_no_normalisation_left_and_answers_as_the_trained_one(
    task: str, trained: Callable[[str], Path]
) -> None:
    predictor = load(trained(task), device="cpu")
    plain: Any = build(predictor.bundle.job, predictor.task, predictor.states).eval()
    load_weights(plain, load_file(predictor.bundle.path / "model.safetensors"))
    modules = list(predictor.bundle.model.modules())
    assert any(isinstance(one, nn.BatchNorm2d) for one in plain.modules())
    assert not any(isinstance(one, nn.BatchNorm2d) for one in modules)
    assert not any(one.training for one in modules)
    images = [record["image"] for record in records_like(predictor.task, 6)]
    arrays = predictor.task.inputs["image"].encode(images, predictor.states["inputs"]["image"]).arrays
    inputs = Dataset({"image": arrays}, {}).batch(slice(None)).inputs
    with torch.inference_mode():
        expected, given = plain(inputs), predictor.bundle.model(inputs)
    assert set(given) == set(expected)
    for name, values in expected.items():
        torch.testing.assert_close(given[name], values, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("task", ["object-detection", "semantic-segmentation"])
def test_a_model_of_pictures_answers_in_bfloat16_nearly_as_in_float32(
    task: str, trained: Callable[[str], Path]
) -> None:
    exact, quick = (load(trained(task), device="cpu", precision=one) for one in ("float32", "bfloat16"))
    images = [record["image"] for record in records_like(exact.task, 4)]
    arrays = exact.task.inputs["image"].encode(images, exact.states["inputs"]["image"]).arrays
    inputs = Dataset({"image": arrays}, {}).batch(slice(None)).inputs
    with torch.inference_mode():
        expected, given = (one.bundle.model(inputs)["logits"].float() for one in (exact, quick))
    torch.testing.assert_close(given, expected, atol=0.05, rtol=0.02)
    assert next(quick.bundle.model.parameters()).dtype == torch.bfloat16


@pytest.mark.parametrize("task", ["image-classification", "text-generation", "text-classification"])
def test_loading_a_model_draws_no_weights_that_its_file_replaces(task: str, trained: Callable[[str], Path]) -> None:
    path, before = trained(task), torch.get_rng_state()
    load(path, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
