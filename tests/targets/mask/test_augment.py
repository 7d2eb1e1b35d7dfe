"""Picture and mask are varied together: drawn with a mark in both, varied, and read again, they still agree."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from noria.modalities.image.modality import Image
from noria.targets.mask.augment import augment_masks

VOID = 255
SETTINGS: dict[str, dict[str, Any]] = {
    "flip": {"flip": True},
    "flip both ways": {"flip": "both"},
    "zoom": {"zoom": 0.5},
    "crop": {"zoom": 0.3, "shift": 12},
    "shift": {"shift": 9},
    "rotate": {"rotate": 20.0},
    "aspect": {"aspect": 0.3},
    "shear": {"shear": 0.2},
    "all": {"flip": True, "zoom": 0.4, "shift": 8, "rotate": 15.0, "aspect": 0.2, "shear": 0.1},
}


def drawn(count: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of one asymmetric shape, 40 x 64, and masks of it at half the size."""
    pixels = torch.full((count, 40, 64, 3), 60, dtype=torch.uint8)
    mask = torch.zeros(count, 20, 32, dtype=torch.uint8)
    for top, left, bottom, right, code in ((4, 6, 30, 20, 1), (22, 16, 30, 44, 1), (6, 48, 14, 58, 2)):
        pixels[:, top:bottom, left:right, code] = 250
        mask[:, top // 2 : bottom // 2, left // 2 : right // 2] = code
    return pixels, mask


def read_again(pixels: torch.Tensor) -> torch.Tensor:
    """Return the classes that a picture's colours say, at half the size: green is 1, blue 2, grey 0."""
    small = torch.nn.functional.avg_pool2d(pixels.float().permute(0, 3, 1, 2), 2)
    codes = torch.where(small[:, 1] > 155, 1, 0)
    return torch.where(small[:, 2] > 155, 2, codes).to(torch.uint8)


def test_what_is_drawn_is_read_again() -> None:
    pixels, mask = drawn(1)
    assert torch.equal(read_again(pixels), mask)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_mask_lies_where_the_picture_shows_it(name: str) -> None:
    torch.manual_seed(0)
    pixels, mask = drawn()
    varied, moved = augment_masks(pixels, mask, Image(**SETTINGS[name]), VOID)
    assert (moved != mask).any((1, 2)).float().mean() > 0.4, "nothing was varied"
    assert moved.dtype == torch.uint8
    assert set(moved.unique().tolist()) <= {0, 1, 2, VOID}
    known = moved != VOID
    agree = (read_again(varied) == moved)[known].float().mean()
    assert agree > 0.96  # edges are blurred
    for code in (1, 2):  # and each of the things, not only the ground
        there, seen = (moved == code) & known, (read_again(varied) == code) & known
        assert (there & seen).sum() > 0.7 * (there | seen).sum()


def test_each_picture_is_varied_in_its_own_way_and_the_seed_decides() -> None:
    pixels, mask = drawn()
    image = Image(**SETTINGS["all"])

    def augment(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return augment_masks(pixels, mask, image, VOID)[1]

    assert torch.equal(augment(1), augment(1))
    assert not torch.equal(augment(1), augment(2))
    assert len({one.numpy().tobytes() for one in augment(1)}) > 20


def test_what_comes_in_from_beyond_the_edge_has_no_class() -> None:
    torch.manual_seed(0)
    _, mask = drawn()
    _, moved = augment_masks(torch.zeros(24, 40, 64, 3, dtype=torch.uint8), mask, Image(shift=20), VOID)
    assert (moved == VOID).any((1, 2)).all()
    edge = torch.cat([moved[:, [0, -1]].flatten(1), moved[:, :, [0, -1]].flatten(1)], 1)
    assert (edge == VOID).any(1).all()


def test_light_changes_the_picture_and_leaves_the_mask() -> None:
    torch.manual_seed(0)
    pixels, mask = drawn()
    varied, moved = augment_masks(pixels, mask, Image(color_jitter=0.5), VOID)
    assert torch.equal(moved, mask)
    assert (varied.float() - pixels).abs().mean() > 5


def test_without_settings_nothing_changes() -> None:
    pixels, mask = drawn()
    varied, moved = augment_masks(pixels, mask, Image(), VOID)
    assert torch.equal(varied, pixels)
    assert torch.equal(moved, mask)
