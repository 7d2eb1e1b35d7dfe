"""The pyramid: tokens lie where `grids` says, fine to coarse, and coarse maps tell fine ones what they see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.modalities.image.modality import Image

STATE = {"height": 48, "width": 80, "channels": 3, "mean": [0.5] * 3, "spread": [0.25] * 3}


def embedded(settings: Image, pixels: torch.Tensor) -> tuple[torch.Tensor, tuple[tuple[int, int], ...]]:
    torch.manual_seed(0)
    embedder = settings.embedder(STATE, 16).eval()
    with torch.inference_mode():
        tokens = embedder({"pixels": pixels})
    assert tokens.features.shape[2] == embedder.width == 16
    return tokens.features, tokens.grids


def test_maps_stand_one_after_another_fine_to_coarse_row_by_row() -> None:
    settings = Image(stem="pyramid", strides=(4, 16))
    features, grids = embedded(settings, torch.zeros(1, 48, 80, 3, dtype=torch.uint8))
    assert grids == ((12, 20), (3, 5))
    assert features.shape[1] == 12 * 20 + 3 * 5
    spans = settings.spans(np.zeros((48, 80, 3), np.uint8), STATE)
    assert (spans[1].start, spans[1].end) == ((0, 4), (4, 8))
    assert (spans[12 * 20 + 5].start, spans[12 * 20 + 5].end) == ((16, 0), (32, 16))


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_a_bright_spot_changes_most_the_token_that_it_lies_in(stride: int) -> None:
    settings = Image(stem="pyramid", widths=(8,) * [2, 4, 8].index(stride) + (8,), strides=(stride,))
    pixels = torch.full((1, 48, 80, 3), 100, dtype=torch.uint8)
    spot = pixels.clone()
    row, column = 4, 7
    spot[:, row * stride : (row + 1) * stride, column * stride : (column + 1) * stride] = 255
    (plain, grids), (changed, _) = embedded(settings, pixels), embedded(settings, spot)
    change = (plain - changed).abs().sum(2)[0].view(*grids[0])
    assert abs(int(change.argmax()) // grids[0][1] - row) <= 1
    assert abs(int(change.argmax()) % grids[0][1] - column) <= 1
    assert change[0, -1] == 0


def test_a_fine_place_learns_from_far_away_through_the_coarse_maps() -> None:
    pixels = torch.full((1, 48, 80, 3), 100, dtype=torch.uint8)
    spot = pixels.clone()
    spot[:, :8, :8] = 255
    far = []
    for widths in ((16, 16), (16, 16, 16, 16, 16)):
        settings = Image(stem="pyramid", widths=widths, strides=(4,))
        (plain, grids), (changed, _) = embedded(settings, pixels), embedded(settings, spot)
        far.append(float((plain - changed).abs().sum(2)[0].view(*grids[0])[4, 8]))
    assert far[0] == 0
    assert far[1] > 0


@pytest.mark.parametrize("strides", [(), (3,), (64,), (8, 4), (8, 8)])
def test_strides_that_the_pyramid_does_not_have_are_refused(strides: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="maps of these strides"):
        Image(stem="pyramid", strides=strides).embedder(STATE, 16)


def test_a_pyramid_cannot_be_mirrored() -> None:
    with pytest.raises(UserError, match="tta_flip"):
        Image(stem="pyramid", tta_flip=True).embedder(STATE, 16)


def test_each_token_stands_in_its_map_where_the_spans_say() -> None:
    settings = Image(stem="pyramid", strides=(4, 16))
    pixels = torch.full((1, 48, 80, 3), 100, dtype=torch.uint8)
    spot = pixels.clone()
    spot[:, 36:44, 68:76] = 255
    (plain, grids), (changed, _) = embedded(settings, pixels), embedded(settings, spot)
    change = (plain - changed).abs().sum(2)[0]
    spans = settings.spans(np.zeros((48, 80, 3), np.uint8), STATE)
    for first, (rows, columns) in zip((0, grids[0][0] * grids[0][1]), grids, strict=True):
        place = spans[first + int(change[first : first + rows * columns].argmax())]
        for axis, middle in enumerate((40, 72)):  # or in the cell beside it
            cell = place.end[axis] - place.start[axis]
            assert place.start[axis] - cell <= middle <= place.end[axis] + cell
