"""Pictures and their boxes are varied together: what is drawn in a box is still in it, and fills it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noria.modalities.image.modality import Image
from noria.targets.boxes.augment import augment_boxes
from noria.types import PAD

HEIGHT, WIDTH, COUNT = 60, 100, 32
COLORS = np.array([[250, 20, 20], [20, 250, 20], [20, 20, 250]], np.uint8)  # by label
SETTINGS = {
    "nothing": Image(),
    "flip": Image(flip=True),
    "both ways": Image(flip="both"),
    "shift": Image(shift=25),
    "zoom": Image(zoom=0.6),
    "aspect": Image(aspect=0.4, zoom=0.2),
    "all": Image(flip=True, shift=12, zoom=0.4, aspect=0.2, color_jitter=0.1),
}


def drawn(seed: int = 0, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures on black, in which each label has at most one box; boxes in pixels of pictures `scale` times larger.

    The last picture is empty.
    """
    generator = np.random.default_rng(seed)
    pixels = np.zeros((COUNT, HEIGHT, WIDTH, 3), np.uint8)
    boxes = np.full((COUNT, 3, 6), PAD, np.float32)
    for picture in range(COUNT - 1):
        for place, label in enumerate(generator.permutation(3)[: generator.integers(1, 4)]):
            left, top = 33 * label + generator.integers(0, 10), generator.integers(0, 40)
            right, bottom = left + generator.integers(9, 22), top + generator.integers(9, 20)
            pixels[picture, top:bottom, left:right] = COLORS[label]
            boxes[picture, place] = [left * scale, top * scale, right * scale, bottom * scale, label, 0]
    size = torch.tensor([[HEIGHT * scale, WIDTH * scale]]).int().expand(COUNT, 2)
    return torch.from_numpy(pixels), size, torch.from_numpy(boxes)


def seen(picture: torch.Tensor, label: int) -> list[int] | None:
    """The box around what is clearly of a label's colour: left, top, right, bottom."""
    others = [other for other in range(3) if other != label]
    is_colored = (picture[..., label] > 120) & (picture[..., others] < 90).all(-1)
    if not is_colored.any():
        return None
    rows, columns = np.flatnonzero(is_colored.any(1)), np.flatnonzero(is_colored.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize("name", SETTINGS)
def test_each_box_is_around_what_was_drawn_in_it(name: str, scale: float) -> None:
    pixels, size, boxes = drawn(scale=scale)
    torch.manual_seed(1)
    varied, moved = augment_boxes(pixels, size, boxes, SETTINGS[name])
    checked = 0
    for picture, row in zip(varied, moved, strict=True):
        for box in row[row[:, 4] >= 0]:
            found = seen(picture, int(box[4]))
            assert found is not None
            assert np.abs(np.array(found) - box[:4].numpy()).max() <= 2, (name, found, box)
            checked += 1
    assert checked > COUNT
    if name != "nothing":
        assert not torch.equal(varied.float(), pixels.float())


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_clearly_seen_has_its_box(name: str) -> None:
    pixels, size, boxes = drawn(3)
    torch.manual_seed(2)
    varied, moved = augment_boxes(pixels, size, boxes, SETTINGS[name])
    for picture, row in zip(varied, moved, strict=True):
        for label in range(3):
            found = seen(picture, label)
            if found is not None and (found[2] - found[0]) * (found[3] - found[1]) > 150:
                assert (row[:, 4] == label).sum() == 1, (name, found)


def test_a_mosaic_shows_parts_of_four_pictures_and_each_box_is_around_its_part() -> None:
    pixels, size, boxes = drawn(4)
    torch.manual_seed(0)
    varied, moved = augment_boxes(pixels, size, boxes, Image(), mosaic=1.0)
    counts = [int((row[:, 4] >= 0).sum()) for row in moved]
    assert max(counts) > 3
    assert len(moved[0]) == max(counts)
    checked = 0
    for picture, row in zip(varied, moved, strict=True):
        for box in row[row[:, 4] >= 0]:
            left, top, right, bottom = (int(side) for side in box[:4])
            assert (picture[top:bottom, left:right].numpy() == COLORS[int(box[4])]).all()
            around = picture.numpy()[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
            assert seen(torch.from_numpy(around), int(box[4])) is not None
            checked += 1
        is_covered = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
        for box in row[row[:, 4] >= 0]:
            left, top, right, bottom = (int(side) for side in box[:4])
            is_covered[top:bottom, left:right] = True
        loose = (picture.amax(2) > 0) & ~is_covered
        assert loose.sum() < 0.25 * 4 * 3 * 22 * 20  # no more than of what too little is seen
    assert checked > 2 * COUNT


def test_a_share_of_the_pictures_becomes_mosaics() -> None:
    pixels, size, boxes = drawn(5)
    torch.manual_seed(0)
    varied, _ = augment_boxes(pixels, size, boxes, Image(), mosaic=0.5)
    changed = int((varied != pixels).flatten(1).any(1).sum())
    assert 0.2 * COUNT < changed < 0.8 * COUNT


def test_a_box_of_which_little_is_seen_is_left_out() -> None:
    pixels = torch.zeros(64, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    size = torch.tensor([[HEIGHT, WIDTH]]).expand(64, 2)
    boxes = torch.tensor([[[0.0, 20, 20, 40, 1, 0]]]).expand(64, 1, 6)
    torch.manual_seed(0)
    _, moved = augment_boxes(pixels, size, boxes, Image(shift=40))
    kept = moved[moved[:, :, 4] >= 0]
    assert 0 < len(kept) < 64
    assert ((kept[:, 2] - kept[:, 0]) * (kept[:, 3] - kept[:, 1]) >= 0.25 * 400 - 1e-3).all()
    assert (kept[:, :2] >= 0).all()
    assert (kept[:, 2] <= WIDTH).all()


def test_the_same_seed_varies_in_the_same_way() -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(augment_boxes(*drawn(), SETTINGS["all"], mosaic=0.5))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_pictures_without_any_box_can_be_varied() -> None:
    pixels, size, _ = drawn()
    varied, moved = augment_boxes(pixels, size, torch.zeros(COUNT, 0, 6), SETTINGS["all"], mosaic=1.0)
    assert varied.shape == pixels.shape
    assert moved.shape == (COUNT, 0, 6)


def test_pictures_are_flipped_both_ways_where_that_is_asked_for() -> None:
    pixels, size, boxes = drawn()
    torch.manual_seed(0)
    varied, _ = augment_boxes(pixels, size, boxes, Image(flip="both"))
    ways = [pixels, pixels.flip(2), pixels.flip(1), pixels.flip(1, 2)]
    seen_ways = {
        way for picture in range(COUNT - 1) for way in range(4) if torch.equal(varied[picture], ways[way][picture])
    }
    assert seen_ways == {0, 1, 2, 3}
