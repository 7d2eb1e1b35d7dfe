"""Pictures larger than the network's are answered tile by tile: boxes and masks lie where they lie in the whole.

The models here read colours, so that what is wrong can only be the tiles.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from noria.errors import UserError
from noria.modalities.image.modality import Image
from noria.modalities.image.tile_batches import drawn_tiles
from noria.pipeline.inference import outputs
from noria.targets.boxes.target import Boxes
from noria.targets.mask.head import mask_in
from noria.targets.mask.target import Mask
from noria.types import PAD, Arrays, Batch, Dataset, Output

TILE = (48, 80)
STATE = {"labels": ["dark", "color_jitter"]}
SIZES = [(150, 310), (48, 80), (40, 200), (301, 90), (20, 30)]


def picture_of(things: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each thing in a colour of its own: left, top, right, bottom, label, which is the blue of it."""
    picture = np.zeros((*size, 3), np.uint8)
    for number, (left, top, right, bottom, label) in enumerate(things.tolist()):
        picture[top:bottom, left:right] = [50 + 2 * number, 200, 100 + 100 * label]
    return picture


def things_in(size: tuple[int, int], seed: int) -> np.ndarray:
    """Things some pixels apart: small ones, and larger ones than a tile where there is room."""
    generator = np.random.default_rng(seed)
    is_free, things = np.ones(size, bool), []
    for _ in range(60):
        height, width = (int(generator.integers(6, max(8, min(60, side // 2)))) for side in size)
        top, left = generator.integers(0, size[0] - height + 1), generator.integers(0, size[1] - width + 1)
        if is_free[max(0, top - 3) : top + height + 3, max(0, left - 3) : left + width + 3].all():
            is_free[top : top + height, left : left + width] = False
            things.append([left, top, left + width, top + height, int(generator.integers(2))])
    return np.array(things)


class SeesColours(nn.Module):
    """Answers as a detector would that knows every thing by its colour, within what it is shown."""

    def forward(self, inputs: dict[str, dict[str, Tensor]]) -> Output:
        pixels = inputs["image"]["pixels"].numpy().astype(int)
        count, rows, columns = pixels.shape[:3]
        logits, sides, places = (
            torch.full((count, 128, 2), -20.0),
            torch.zeros(count, 128, 4),
            torch.ones(count, 128, 4),
        )
        for index, picture in enumerate(pixels):
            for number in np.unique(picture[..., 0][picture[..., 1] == 200]):
                is_it = (picture[..., 0] == number) & (picture[..., 1] == 200)
                down, across = np.flatnonzero(is_it.any(1)), np.flatnonzero(is_it.any(0))
                if len(down) < 2 or len(across) < 2:
                    continue
                token = (int(number) - 50) // 2
                x0, y0 = across[0] / columns, down[0] / rows
                x1, y1 = (across[-1] + 1) / columns, (down[-1] + 1) / rows
                logits[index, token, int(picture[..., 2][is_it].max() > 150)] = 2.0 + float(number) / 100
                places[index, token] = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, 1.0, 1.0])
                half = [math.log((x1 - x0) / 2), math.log((y1 - y0) / 2)]
                sides[index, token] = torch.tensor([*half, *half])
        return {"logits": logits, "sides": sides, "places": places}


def dataset_of(image: Image, pictures: list[np.ndarray], target: Arrays | None = None) -> tuple[Dataset, Any]:
    state = image.fit(pictures)
    encoded = image.encode(pictures, state)
    assert encoded.bad == {}
    return Dataset({"image": encoded.arrays}, target or {}), state


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_things_in_large_pictures_come_out_once_where_they_are(batch_size: int) -> None:
    things = [things_in(size, seed) for seed, size in enumerate(SIZES)]
    pictures = [picture_of(one, size) for one, size in zip(things, SIZES, strict=True)]
    dataset, state = dataset_of(Image(keep=True, tile=TILE), pictures)
    assert (state["height"], state["width"]) == TILE
    assert dataset.inputs["image"]["tiles"].lengths.tolist() == [20, 1, 3, 18, 1]
    found = outputs(SeesColours().eval(), Boxes(), STATE, dataset, batch_size, "cpu")
    for index, (own, size) in enumerate(zip(things, SIZES, strict=True)):
        given = np.concatenate([found["boxes"][index], found["labels"][index][:, None]], 1)
        assert len(given) == len(own), size
        slack = 0.01 if size[0] >= TILE[0] and size[1] >= TILE[1] else 1.5  # what is enlarged is blurred
        for thing in own:
            assert (np.abs(given - thing).max(1) <= slack).sum() == 1, (size, thing, given)


def test_the_answer_is_that_of_the_plain_picture_where_it_is_no_larger_than_a_tile() -> None:
    things = things_in(TILE, 5)
    pictures = [picture_of(things, TILE)]
    plain, tiled = (dataset_of(Image(keep=True, tile=tile), pictures)[0] for tile in (None, TILE))
    one, other = (outputs(SeesColours().eval(), Boxes(), STATE, data, 4, "cpu") for data in (plain, tiled))
    for name in ("boxes", "labels", "scores"):
        assert np.array_equal(one[name].values, other[name].values)


def test_a_training_batch_shows_one_tile_of_each_picture_and_what_is_seen_of_its_boxes() -> None:
    size = (150, 310)
    things = things_in(size, 1)
    image, target = Image(keep=True, tile=TILE), Boxes()
    boxes = [{"label": STATE["labels"][label], "box": box} for *box, label in things.tolist()]
    dataset, _ = dataset_of(image, [picture_of(things, size)] * 40, target.encode([boxes] * 40, STATE).arrays)
    torch.manual_seed(0)
    varied = target.augment_with(dataset.batch(slice(None)), image)
    pixels, seen = varied.inputs["image"]["pixels"], varied.target["boxes"]
    assert pixels.shape == (40, *TILE, 3)
    assert varied.inputs["image"]["size"].unique(dim=0).tolist() == [list(TILE)]
    assert len({one.numpy().tobytes() for one in pixels}) > 8
    checked = 0
    for picture, rows, length in zip(pixels.numpy(), seen, varied.target["boxes.lengths"], strict=True):
        for left, top, right, bottom, label, _ in rows[:length].int().tolist():
            colours = np.unique(picture[top:bottom, left:right].reshape(-1, 3), axis=0)
            assert colours.shape == (1, 3)
            assert colours[0][1:].tolist() == [200, 100 + 100 * label]
            around = picture[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
            assert (around == colours[0]).all(-1).sum() == (bottom - top) * (right - left)
            checked += 1
        colours = np.unique(picture[..., 0][picture[..., 1] == 200])
        assert length <= len(colours)
    assert checked > 60


class ReadsClasses(nn.Module):
    """The class of a place is the number that its red is; `doubt` lowers what is said towards the right of a tile."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.head = SimpleNamespace(size=size, coarse=self.coarse)  # type: ignore[assignment]

    def mixed(self, inputs: dict[str, dict[str, Tensor]]) -> Tensor:
        return inputs["image"]["pixels"]

    def coarse(self, pixels: Tensor) -> Tensor:
        return 30.0 * nn.functional.one_hot(pixels[..., 0].long(), 3).permute(0, 3, 1, 2).float()


def blocks(size: tuple[int, int], step: int, seed: int) -> np.ndarray:
    """A mask of three classes in squares, none like its transposed."""
    rows, columns = -(-size[0] // step), -(-size[1] // step)
    coarse = np.random.default_rng(seed).integers(0, 3, (rows, columns)).astype(np.uint8)
    return np.kron(coarse, np.ones((step, step), np.uint8))[: size[0], : size[1]]


@pytest.mark.parametrize("part", [1, 2])
def test_masks_of_tiles_become_the_mask_of_the_whole(part: int) -> None:
    masks = [blocks((144, 320), 8, seed) for seed in range(3)]
    pictures = [np.repeat(one[..., None], 3, 2) for one in masks]
    size = (144 // part, 320 // part)
    dataset, _ = dataset_of(Image(keep=True, tile=TILE), pictures)
    found = outputs(ReadsClasses(size).eval(), Mask(size=size), {}, dataset, 2, "cpu")
    assert found["classes"].shape == (3, *size)
    right = found["classes"] == np.stack(masks)[:, ::part, ::part]
    assert right.all() if part == 1 else right.mean() > 0.97
    assert ((found["confidence"] > 0.9) & (found["confidence"] <= 1.0001)).all()


class SaysItsPlace(ReadsClasses):
    """Says class 0 in the first tile that it is shown, 1 in the second."""

    def coarse(self, pixels: Tensor) -> Tensor:
        return (
            30.0 * nn.functional.one_hot(torch.arange(len(pixels)), 2)[:, :, None, None].expand(-1, -1, 6, 10).float()
        )


def test_where_two_tiles_look_the_nearer_middle_counts_more() -> None:
    dataset, _ = dataset_of(Image(keep=True, tile=TILE, overlap=0.5), [np.zeros((48, 120, 3), np.uint8)])
    assert dataset.inputs["image"]["places"][0].tolist() == [[0, 0, 48, 80], [0, 40, 48, 80]]
    found = outputs(SaysItsPlace((48, 120)).eval(), Mask(), {}, dataset, 1, "cpu")["classes"][0]
    assert (found == (np.arange(120) >= 60)).all()


def test_a_mask_is_cut_where_its_picture_is() -> None:
    mask = torch.from_numpy(np.stack([blocks((60, 100), 5, seed) for seed in range(2)]))
    size = torch.tensor([[120, 200], [120, 200]])
    places = torch.tensor([[20, 40, 60, 100], [60, 100, 60, 100]])
    cut = mask_in(mask, size, places, (30, 50))
    assert torch.equal(cut[0], mask[0, 10:40, 20:70])
    assert torch.equal(cut[1], mask[1, 30:, 50:])
    assert torch.equal(mask_in(mask, size, places, (60, 100))[0, ::2, ::2], cut[0])


def test_a_training_batch_of_masks_shows_one_tile_with_its_mask() -> None:
    masks = [blocks((144, 320), 8, seed) for seed in range(20)]
    pictures = [np.repeat(one[..., None], 3, 2) for one in masks]
    image = Image(keep=True, tile=TILE)
    dataset, _ = dataset_of(image, pictures, {"mask": np.stack(masks)})
    torch.manual_seed(0)
    varied: Batch = Mask().augment_with(dataset.batch(slice(None)), image)
    assert varied.target["mask"].shape == (20, *TILE)
    assert torch.equal(varied.target["mask"], varied.inputs["image"]["pixels"][..., 0])
    assert varied.target["mask"].unique().tolist() == [0, 1, 2]


def test_every_tile_is_drawn_and_none_that_is_not_there() -> None:
    places = torch.tensor([[[0, 0, 4, 4], [0, 2, 4, 4], [2, 0, 4, 4]], [[0, 0, 4, 4], [PAD] * 4, [PAD] * 4]])
    given = {"tiles": torch.arange(6).view(2, 3, 1, 1, 1), "places": places, "tiles.lengths": torch.tensor([3, 1])}
    torch.manual_seed(0)
    drawn = [drawn_tiles(given)[0].flatten().tolist() for _ in range(40)]
    assert {one[0] for one in drawn} == {0, 1, 2}
    assert {one[1] for one in drawn} == {3}


def test_a_tile_needs_the_size_of_the_picture_kept() -> None:
    with pytest.raises(UserError, match=r"inputs\.image\.keep"):
        Image(tile=TILE)
    with pytest.raises(UserError, match=r"inputs\.image\.overlap"):
        Image(overlap=1.0)
