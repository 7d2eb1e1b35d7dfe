"""Stems: the reference network is what it claims to be, and every stem fits every common size of picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from noria.errors import UserError
from noria.modalities.image.embedder import STEMS
from noria.modalities.image.modality import Image
from noria.targets.label import Label

SIZES = [(8, 8, 1), (28, 28, 1), (32, 32, 3), (30, 41, 3)]
SETTINGS = {
    "convolution": Image(),
    "reference": Image(stem="reference"),
    "patches": Image(stem="patches", patch=4),
    "mean": Image(pooling="mean"),
    "flat": Image(pooling="flat"),
    "grid": Image(pooling="grid"),
    "unpadded grid": Image(pooling="grid", is_padded=False, pools=(2, 1), widths=(8, 8)),
    "fast": Image(first=(4, 2), widths=(24, 48, 96), pools=(2, 1), is_padded=False),
    "whitened grid": Image(pooling="grid", whiten=True, blocks=2),
    "pyramid": Image(stem="pyramid"),
    "deep pyramid": Image(stem="pyramid", widths=(8, 12, 16, 20), blocks=2, strides=(4, 16)),
}


def pictures(height: int, width: int, channels: int, count: int = 6) -> np.ndarray:
    """Noise that is correlated between neighbours and between channels."""
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(count, height + 1, width + 1, 1)) + 0.5 * generator.normal(
        size=(count, height + 1, width + 1, channels)
    )
    smooth = noise[:, 1:, 1:] + 0.7 * noise[:, :-1, 1:] + 0.7 * noise[:, 1:, :-1]
    return np.clip(120 + 40 * smooth, 0, 255).astype(np.uint8)


def fitted(settings: Image, size: tuple[int, int, int]) -> tuple[np.ndarray, dict[str, Any]]:
    raw = pictures(*size)
    return raw, settings.fit([one[..., 0] if size[2] == 1 else one for one in raw])


def test_every_stem_is_tested() -> None:
    assert len(STEMS) == 4
    assert {settings.stem for settings in SETTINGS.values()} == set(STEMS)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", SETTINGS)
def test_a_picture_becomes_as_many_tokens_as_it_has_spans(name: str, size: tuple[int, int, int]) -> None:
    if name == "reference" and size[0] < 10:
        pytest.skip("the reference refuses it, which has its own test")
    settings = SETTINGS[name]
    raw, state = fitted(settings, size)
    torch.manual_seed(0)
    embedder = settings.embedder(state, 32).eval()
    tokens = embedder({"pixels": torch.from_numpy(raw)})
    spans = settings.spans(raw[0], state)
    assert tokens.features.shape == (len(raw), len(spans), embedder.width)
    assert tokens.features.isfinite().all()
    assert spans[0].start == (0, 0)
    assert spans[-1].end == size[:2]
    area = sum((one.end[0] - one.start[0]) * (one.end[1] - one.start[1]) for one in spans)
    assert area == size[0] * size[1] * len(tokens.grids)  # each map covers the whole picture
    assert sum(rows * columns for rows, columns in tokens.grids) == len(spans)


def test_the_reference_network_has_34826_weights_and_is_the_plain_one() -> None:
    settings = Image(stem="reference")
    raw, state = fitted(settings, (28, 28, 1))
    torch.manual_seed(0)
    embedder = settings.embedder(state, 128)
    head = Label().head({"classes": [str(digit) for digit in range(10)]}, embedder.width)
    weights = [*embedder.parameters(), *head.parameters()]
    assert sum(weight.numel() for weight in weights) == 34_826
    first, first_bias, second, second_bias, dense, dense_bias = weights
    pixels = (torch.from_numpy(raw).permute(0, 3, 1, 2) / 255 - state["mean"][0]) / state["spread"][0]
    features = functional.max_pool2d(functional.relu(functional.conv2d(pixels, first, first_bias)), 2)
    features = functional.max_pool2d(functional.relu(functional.conv2d(features, second, second_bias)), 2)
    plain = features.flatten(1) @ dense.T + dense_bias
    given = head(embedder({"pixels": torch.from_numpy(raw)}))["logits"]
    torch.testing.assert_close(given, plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "side"),
    [
        (Image(stem="reference"), 9),
        (Image(stem="patches", patch=4), 3),
        (Image(first=(4, 2)), 3),
        (Image(whiten=True, first=(4, 2)), 4),
    ],
)
def test_a_picture_too_small_for_a_stem_is_refused(settings: Image, side: int) -> None:
    _, state = fitted(settings, (side, side, 1))
    with pytest.raises(UserError, match=r"inputs\.image\."):
        settings.embedder(state, 32)
    _, state = fitted(settings, (side + 1, side + 1, 1))
    settings.embedder(state, 32)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"pools": (0,)}, "pools"),
        ({"pools": (2, -1), "pooling": "grid"}, "pools"),
        ({"stem": "patches", "patch": 0}, "patch"),
        ({"stem": "patches", "patch": -2}, "patch"),
    ],
)
def test_pools_and_patches_of_nothing_are_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(UserError, match=rf"inputs\.image\.{name}: a picture cannot have this {name}"):
        Image(**settings)


def test_a_picture_of_one_pixel_can_be_embedded() -> None:
    settings = Image()
    raw, state = fitted(settings, (1, 1, 1))
    assert settings.embedder(state, 32).eval()({"pixels": torch.from_numpy(raw)}).features.isfinite().all()


@pytest.mark.parametrize("size", [(8, 8, 1), (32, 32, 3), (9, 13, 3)], ids=str)
def test_the_whitening_filters_make_patches_white(size: tuple[int, int, int]) -> None:
    raw = pictures(*size, count=400)
    state = Image(whiten=True).fit([one[..., 0] if size[2] == 1 else one for one in raw])
    filters = torch.tensor(state["whitening"]).view(-1, size[2], 2, 2)
    count = 4 * size[2]
    assert len(filters) == 2 * count
    torch.testing.assert_close(filters[count:], -filters[:count])
    pixels = (torch.from_numpy(raw).permute(0, 3, 1, 2) / 255 - torch.tensor(state["mean"]).view(1, -1, 1, 1)) / (
        torch.tensor(state["spread"]).view(1, -1, 1, 1)
    )
    white = functional.conv2d(pixels, filters[:count], stride=2).transpose(0, 1).flatten(1)
    torch.testing.assert_close(white @ white.T / white.shape[1], torch.eye(count), atol=0.03, rtol=0)
    plain = functional.unfold(pixels, 2, stride=2).transpose(0, 1).flatten(1)
    assert (plain @ plain.T / plain.shape[1] - torch.eye(count)).abs().max() > 0.3


def test_the_whitening_filters_are_not_learnt_but_their_bias_is() -> None:
    settings = Image(whiten=True)
    _, state = fitted(settings, (8, 8, 1))
    layer = settings.embedder(state, 32).stem.layers[0]
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
