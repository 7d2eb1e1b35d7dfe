"""Masks: whatever kind of file says it, the same numbers; and what is no mask says why."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.vision.masks import as_png, from_png, nearest, palette, read_mask

CODES = np.array([[0, 1, 2], [2, 1, 7]], np.uint8)
COLOURS = {"sky": [10, 20, 30], "road": [40, 50, 60], "car": [70, 80, 90]}


def file_of(picture: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def with_palette(codes: np.ndarray) -> Pillow.Image:
    picture = Pillow.fromarray(codes)
    picture.putpalette(np.random.default_rng(0).integers(0, 255, 768).tolist())
    return picture


FILES = {
    "grey": file_of(Pillow.fromarray(CODES)),
    "grey in three channels": file_of(Pillow.fromarray(np.repeat(CODES[..., None], 3, 2))),
    "palette": file_of(with_palette(CODES)),
    "a palette whose entry is transparent": file_of(with_palette(CODES), transparency=0),
    "16 bits": file_of(Pillow.fromarray(CODES.astype(np.uint16))),
    "grey with alpha": file_of(Pillow.fromarray(np.stack([CODES, np.full_like(CODES, 9)], 2))),
    "tiff": file_of(Pillow.fromarray(CODES), "TIFF"),
    "32 bits": file_of(Pillow.fromarray(CODES.astype(np.int32)), "TIFF"),
    "array": CODES,
    "array of int64": CODES.astype(np.int64),
    "array of one channel": CODES[..., None],
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_numbers_themselves(name: str) -> None:
    read = read_mask(FILES[name], {})
    assert read.dtype == np.int32
    assert read.tolist() == CODES.tolist()


def test_black_and_white_is_0_and_1_and_large_numbers_are_kept() -> None:
    assert read_mask(file_of(Pillow.fromarray(np.array([[True, False]]))), {}).tolist() == [[1, 0]]
    large = np.array([[300, 70_000]], np.int64)
    assert read_mask(large, {}).tolist() == [[300, 70_000]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_numbers_by_the_table(mode: str) -> None:
    rgb = np.array([list(COLOURS.values())], np.uint8)
    picture = Pillow.fromarray(rgb)
    picture = picture.convert("P", palette=Pillow.Palette.ADAPTIVE) if mode == "P" else picture.convert(mode)
    assert read_mask(file_of(picture), COLOURS).tolist() == [[r << 16 | g << 8 | b for r, g, b in COLOURS.values()]]


def test_masks_of_one_class_each_become_one_and_the_later_name_lies_on_top() -> None:
    car, road = np.array([[255, 255, 0]], np.uint8), np.array([[0, 1, 0]], np.uint8)
    given = {"car": file_of(Pillow.fromarray(car)), "road": road}
    assert read_mask(given, {"background": 0, "car": 1, "road": 2}).tolist() == [[1, 2, 0]]
    assert read_mask(given, {"background": 0, "road": 2, "car": 1}).tolist() == [[1, 1, 0]]


BAD: dict[str, tuple[Any, str]] = {
    "jpeg": (file_of(Pillow.fromarray(CODES), "JPEG"), "a JPEG blurs"),
    "colours without a table": (file_of(Pillow.fromarray(np.array([[[1, 2, 3]]], np.uint8))), "no table says"),
    "text": (b"no mask at all", "the mask is not a picture in a known format"),
    "nothing": (None, "the mask is not a picture but NoneType"),
    "half a number": (np.array([[0.5]]), "whole numbers"),
    "negative": (np.array([[-1]]), "not negative"),
    "a row": (np.zeros(4, np.uint8), "shape"),
    "classes of two sizes": ({"a": np.zeros((2, 2), np.uint8), "b": np.zeros((2, 3), np.uint8)}, "different sizes"),
    "classes of no number": ({"tree": CODES}, "no number: tree"),
    "no class": ({}, "no number: none"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_mask_says_why(name: str) -> None:
    value, reason = BAD[name]
    with pytest.raises(ValueError, match=reason):
        read_mask(value, {"a": 1, "b": 2})


def test_a_rotated_mask_is_turned_as_its_picture_is() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    assert read_mask(file_of(Pillow.fromarray(CODES), exif=exif), {}).tolist() == np.rot90(CODES, -1).tolist()


def test_another_size_takes_the_nearest_place_and_no_new_number() -> None:
    codes = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert nearest(codes, 4, 6).tolist() == np.repeat(np.repeat(codes, 2, 0), 2, 1).tolist()
    assert nearest(nearest(codes, 6, 9), 2, 3).tolist() == codes.tolist()
    assert nearest(np.arange(9, dtype=np.uint8)[None], 1, 3).tolist() == [[1, 4, 7]]  # the middle of each three


def test_what_is_sent_comes_back_and_has_a_colour_a_class() -> None:
    assert from_png(as_png(CODES, 8)).tolist() == CODES.tolist()
    assert len(np.unique(palette(40), axis=0)) == 40
    whole = np.full((2, 2), 255, np.uint8)  # of places without a class
    assert from_png(as_png(whole, 3)).tolist() == whole.tolist()
