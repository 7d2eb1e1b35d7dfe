"""What numbers of masks mean: grey edges of resizing and compression, 255 as a class or none, palettes that differ."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.errors import UserError
from noria.job.load import load_job
from noria.targets.mask.classes import class_notes
from noria.targets.mask.numbers import MaskNumbers, is_custom_void
from noria.targets.mask.target import VOID, Mask

Change = Callable[[Pillow.Image], Pillow.Image]


def squares(levels: list[int], side: int = 64, count: int = 12) -> list[np.ndarray]:
    """Return masks of a square of each level, one in the other, on the first."""
    generator = np.random.default_rng(0)
    masks = []
    for _ in range(count):
        mask = np.full((side, side), levels[0], np.uint8)
        top, left = generator.integers(2, side // 4, 2)
        for depth, level in enumerate(levels[1:]):
            inset = depth * side // 8
            mask[top + inset : top + side // 2 - inset, left + inset : left + side // 2 - inset] = level
        masks.append(mask)
    return masks


def resized(share: float, method: int) -> Change:
    return lambda mask: mask.resize((int(share * mask.width),) * 2, method).resize(mask.size, method)  # type: ignore[arg-type]


def compressed(quality: int) -> Change:
    def change(mask: Pillow.Image) -> Pillow.Image:
        buffer = io.BytesIO()
        mask.save(buffer, "JPEG", quality=quality)
        return Pillow.open(io.BytesIO(buffer.getvalue()))

    return change


CHANGES: dict[str, Change] = {
    "bilinear": resized(0.75, Pillow.Resampling.BILINEAR),
    "bicubic": resized(0.6, Pillow.Resampling.BICUBIC),
    "lanczos": resized(0.75, Pillow.Resampling.LANCZOS),
    "twice as large": lambda mask: mask.resize((128, 128), Pillow.Resampling.BILINEAR),
    "JPEG of good quality": compressed(95),
    "JPEG of usual quality": compressed(75),
}


def changed(masks: list[np.ndarray], name: str) -> list[np.ndarray]:
    return [np.asarray(CHANGES[name](Pillow.fromarray(mask))) for mask in masks]


@pytest.mark.parametrize("name", CHANGES)
def test_masks_of_two_classes_with_grey_edges_are_read_by_the_nearer_one_and_it_is_told(name: str) -> None:
    masks = changed(squares([0, 255]), name)
    target = Mask()
    state = target.fit(masks)
    assert (state["classes"], state["void"]) == (["0", "255"], [])
    share = np.mean([((mask != 0) & (mask != 255)).mean() for mask in masks])
    assert state["edge_share"] == pytest.approx(share, rel=1e-3)
    encoded = target.encode(masks, state)
    assert encoded.bad == {}
    nearer = [np.asarray(Pillow.fromarray(mask > 127)) for mask in masks]
    if masks[0].shape == (64, 64):
        assert np.array_equal(encoded.arrays["mask"], nearer)
    (note,) = target.remarks(state)
    assert "masks of 0 and 255 have grey edges" in note
    assert f"{100 * share:.1f} %" in note


@pytest.mark.parametrize("name", CHANGES)
def test_of_more_classes_with_grey_edges_what_is_meant_cannot_be_told_and_they_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="masks have grey edges") as error:
        Mask().fit(changed(squares([0, 128, 255]), name))
    assert "NEAREST" in error.value.fix


def test_numbers_that_are_meant_are_no_edges() -> None:
    for levels in ([0, 255], [0, 128, 255], [0, 85, 170, 255], [0, 50, 100, 150, 200, 250], list(range(150))):
        numbers = MaskNumbers()
        blocks = np.random.default_rng(1).integers(0, len(levels), (40, 8, 8))
        for block in blocks:
            numbers.see(np.array(levels)[np.kron(block, np.ones((6, 6), int))])
        assert numbers.levels() == []
    numbers = MaskNumbers()
    for mask in squares([0, 255]):
        mask[30] = 128  # a class that is one place wide
        numbers.see(mask)
    assert numbers.levels() == []


@pytest.mark.parametrize(
    ("numbers", "is_void"),
    [
        ([0, 255], False),
        ([0, 128, 255], False),
        ([0, 85, 170, 255], False),
        ([0, 100, 255], False),
        ([0, 1, 255], True),
        ([1, 2, 3, 255], True),
        ([0, 15, 255], True),
        ([*range(19), 255], True),
        ([0, 1], True),
    ],
)
def test_255_is_no_class_where_the_others_are_counted_and_a_class_where_all_are_levels(
    numbers: list[int], is_void: bool
) -> None:
    assert is_custom_void(numbers) is is_void


def test_how_much_is_taken_for_no_class_is_told_and_the_advice_makes_it_a_class() -> None:
    masks = [np.array([[0, 1, 255, 255]], np.uint8)]
    state = Mask().fit(masks)
    assert (state["classes"], state["void_share"]) == (["0", "1"], 0.5)
    (note,) = class_notes(state)
    assert "50.0 % of all places have the number 255, which is taken for no class" in note
    _, task = load_job({"task": "semantic-segmentation", "data": {"path": "."}}, ["target.void=[]"])
    assert task.target.fit(masks)["classes"] == ["0", "1", "255"]  # type: ignore[arg-type]
    assert class_notes(Mask(void=(255,)).fit(masks)) == []  # who said it knows it


def test_levels_of_grey_under_names_that_count_from_0_are_not_taken_for_void() -> None:
    """Otherwise all of the class would be void, and the other one all that is left."""
    masks = [np.array([[0, 255]], np.uint8)]
    with pytest.raises(UserError, match="fewer than two are those of a named class") as error:
        Mask(classes=("ground", "thing")).fit(masks)
    advice = error.value.fix.split(": ", 1)[1]
    assert advice == "target.classes={ground: 0, thing: 255}"
    _, task = load_job({"task": "semantic-segmentation", "data": {"path": "."}}, [advice])
    assert task.target.fit(masks)["classes"] == ["ground", "thing"]  # type: ignore[arg-type]


def palette_png(codes: np.ndarray, colours: list[list[int]]) -> bytes:
    picture = Pillow.fromarray(codes)
    picture.putpalette([part for colour in colours for part in colour])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_palettes_that_count_their_colours_differently_are_refused_and_both_advices_work() -> None:
    black, white = [0, 0, 0], [255, 255, 255]
    one = palette_png(np.array([[0, 0, 1]], np.uint8), [black, white])
    other = palette_png(np.array([[1, 1, 0]], np.uint8), [white, black])
    with pytest.raises(UserError, match="the palettes of the masks differ"):
        Mask().fit([one, other])
    by_colour: Any = Mask(classes={"ground": (0, 0, 0), "thing": (255, 255, 255)})
    encoded = by_colour.encode([one, other], by_colour.fit([one, other])).arrays["mask"]
    assert encoded.tolist() == [[[0, 0, 1]]] * 2
    by_number = Mask(classes={"ground": 0, "thing": 1})
    encoded = by_number.encode([one, other], by_number.fit([one, other])).arrays["mask"]
    assert encoded.tolist() == [[[0, 0, 1]], [[1, 1, 0]]]
    assert Mask().fit([one, one])["classes"] == ["0", "1"]


def test_the_borders_of_a_palette_mask_are_void_as_in_pascal_voc() -> None:
    codes = np.array([[0, 15, 255]], np.uint8)
    colours = [[0, 0, 0]] * 255 + [[224, 224, 192]]
    target = Mask()
    state = target.fit([palette_png(codes, colours)])
    assert (state["classes"], state["void"]) == (["0", "15"], [255])
    assert target.encode([palette_png(codes, colours)], state).arrays["mask"].tolist() == [[[0, 1, VOID]]]


def test_masks_as_floats_are_numbers_where_they_are_whole() -> None:
    whole = np.array([[0.0, 1.0]], np.float32)
    buffer = io.BytesIO()
    Pillow.fromarray(whole).save(buffer, "TIFF")
    state = Mask().fit([whole])
    for given in (whole, buffer.getvalue()):
        assert Mask().encode([given], state).arrays["mask"].tolist() == [[[0, 1]]]
    assert "whole numbers" in Mask().encode([whole / 2], state).bad[0]


def test_a_mask_of_one_class_with_grey_edges_ends_in_the_middle_of_them() -> None:
    value = {"mask": {"cat": np.array([[0, 60, 200, 255]], np.uint8)}, "classes": {"background": 0, "cat": 1}}
    assert Mask().encode([value], Mask().fit([value])).arrays["mask"].tolist() == [[[0, 0, 1, 1]]]


def test_where_no_mask_can_be_read_the_first_reason_is_said() -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(squares([0, 255])[0]).save(buffer, "JPEG")
    with pytest.raises(UserError, match="a JPEG blurs") as error:
        Mask().fit([buffer.getvalue()])
    assert "no training mask can be read" in str(error.value)
