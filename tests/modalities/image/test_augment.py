"""Variation: pictures keep their shape and range, move as they should, and only in training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from noria.contract import dispatch, registry
from noria.modalities.image.augment import augment
from noria.modalities.image.modality import Image
from noria.pipeline.predictor import load
from noria.types import Batch

SETTINGS = [
    Image(shift=2),
    Image(flip=True),
    Image(erase=3),
    Image(rotate=12, zoom=0.1, aspect=0.08, shear=0.15, shift=2),
    Image(rotate=12, flip=True, erase=3),
    Image(shift=1, flip=True, erase=3),
    Image(flip="both"),
    Image(color_jitter=0.3),
]


def pictures(count: int = 32, height: int = 9, width: int = 12, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, height, width, channels), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_range_stay_and_the_pixels_change(settings: Image, channels: int) -> None:
    given = pictures(channels=channels)
    torch.manual_seed(0)
    varied = augment(given, settings)
    assert varied.shape == given.shape
    assert varied.dtype == (torch.float32 if settings.rotate or settings.color_jitter else torch.uint8)
    assert varied.min() >= 0
    assert varied.max() <= 255
    assert not torch.equal(varied.float(), given.float())


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(settings: Image) -> None:
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(augment(pictures(), settings))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_a_shift_moves_by_whole_pixels_each_way_and_reflects_the_edge() -> None:
    """Every result is one of the 25 windows of the reflected picture, and with enough pictures all 25 occur."""
    one = pictures(1, 7, 9, 1)
    padded = np.pad(one[0, ..., 0].numpy(), 2, mode="reflect")
    windows = {padded[y : y + 7, x : x + 9].tobytes(): (y, x) for y in range(5) for x in range(5)}
    assert len(windows) == 25
    torch.manual_seed(0)
    varied = augment(one.expand(500, -1, -1, -1), Image(shift=2))
    seen = {windows[picture[..., 0].contiguous().numpy().tobytes()] for picture in varied}
    assert seen == set(windows.values())


def test_a_shift_larger_than_the_picture_stays_inside_it() -> None:
    torch.manual_seed(0)
    assert augment(pictures(8, 2, 3, 1), Image(shift=5)).shape == (8, 2, 3, 1)


def test_a_flip_swaps_left_and_right_of_about_half_the_pictures() -> None:
    given = pictures(400)
    torch.manual_seed(0)
    varied = augment(given, Image(flip=True))
    is_same = (varied == given).flatten(1).all(1)
    is_flipped = (varied == given.flip(2)).flatten(1).all(1)
    assert (is_same ^ is_flipped).all()
    assert 150 < is_flipped.sum() < 250


def test_erasing_blanks_one_square_with_the_mean_and_nothing_else() -> None:
    given = pictures(50, 20, 20, 1)
    torch.manual_seed(0)
    varied = augment(given, Image(erase=6))
    for before, after in zip(given[..., 0], varied[..., 0], strict=True):
        mean = before.float().mean().to(torch.uint8)
        rows, columns = (before != after).any(1).nonzero()[:, 0], (before != after).any(0).nonzero()[:, 0]
        assert 3 <= rows.max() - rows.min() + 1 <= 6
        square = after[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (square == mean).all()


def test_an_affine_of_almost_nothing_is_almost_the_identity() -> None:
    given = pictures()
    torch.manual_seed(0)
    torch.testing.assert_close(augment(given, Image(rotate=1e-9)), given.float(), atol=0.01, rtol=0)


def test_no_settings_change_nothing() -> None:
    given = pictures()
    assert augment(given, Image()) is given


def test_an_affine_turns_about_the_middle_and_zooms_both_ways() -> None:
    """The middle of a centred square stays bright; its area grows in some pictures and shrinks in others."""
    given = torch.zeros(200, 21, 21, 1, dtype=torch.uint8)
    given[:, 6:15, 6:15] = 255
    torch.manual_seed(0)
    varied = augment(given, Image(rotate=30, zoom=0.3))
    assert (varied[:, 10, 10] > 254).all()
    areas = varied.sum((1, 2, 3)) / 255
    assert areas.min() < 65
    assert areas.max() > 100


def test_only_training_varies(trained: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(trained("image-classification"), device="cpu")
    calls = []
    monkeypatch.setattr(Image, "augment", lambda self, arrays: calls.append(1) or arrays)
    picture = model.task.example().fields["image"]
    assert model.predict([{"image": picture}])[0].value in model.states["target"]["classes"]
    assert calls == []
    dispatch.augment(registry.task("image-classification"), Batch({"image": {"pixels": pictures()}}, {}, 32))
    assert calls == [1]


def test_other_light_keeps_every_edge_where_it_was_and_changes_each_picture_by_its_own_amount() -> None:
    given = torch.full((64, 6, 8, 3), 100, dtype=torch.uint8)
    given[:, 2:4, 3:6] = 160
    torch.manual_seed(0)
    varied = augment(given, Image(color_jitter=0.2))
    inner, outer = varied[:, 2:4, 3:6], varied[:, 0]
    assert (inner.flatten(1, 2).std(1) < 1e-3).all()
    assert (inner[:, 0, 0] > outer[:, 0]).all()
    means = varied.mean((1, 2, 3))
    assert (means / given.float().mean() - 1).abs().max() < 1.2 * 1.2 - 1
    assert means.std() > 3
