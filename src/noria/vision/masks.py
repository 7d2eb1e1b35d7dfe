"""Masks: a picture whose pixels say which class each place belongs to. As read, as sent, and in colour.

Of a file of grey levels or of a palette, a pixel's number is the class; of one in colours, the colour is, and a table
of colours says which. Colours are held as numbers too, red * 65536 + green * 256 + blue. Read next:
targets/mask/target.py.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.vision.pictures import opened

Classes = Mapping[str, Any]  # name -> number, or colour [red, green, blue]
WHITE, HALF = 255, 127  # of a mask of one class that is white; grey edges of resizing belong to the nearer side
PNG, PNG_COLOUR, PNG_PALETTE = b"\x89PNG", 25, b"\3"  # where the header says how colours are kept
GOLDEN = 0.618034  # steps of the hue by it lie as far apart as they can, however many there are


def read_mask(value: Any, classes: Classes) -> np.ndarray:
    """Return the numbers of a mask as people give it, int32[height, width]; raise ValueError with a plain reason.

    A mask is the bytes of a file, an array [height, width], or a mapping of class names to such, one mask a class.
    """
    if isinstance(value, Mapping):
        return _of_classes(value, classes)
    if isinstance(value, np.ndarray):
        return _of_array(value, classes)
    try:
        with opened(value) as picture:
            if picture.format == "JPEG":
                raise ValueError("a JPEG blurs the numbers of classes: a mask must be PNG, or another lossless file")
            if has_colours(classes) and picture.mode not in ("RGB", "RGBA"):
                picture = picture.convert("RGB")
            if picture.mode == "F":
                return _of_array(np.asarray(picture), classes)
            if picture.mode in ("1", "L", "P") or picture.mode.startswith("I"):
                return np.asarray(picture).astype(np.int32)
            if picture.mode in ("LA", "PA"):
                return np.asarray(picture)[..., 0].astype(np.int32)
            return _of_array(np.asarray(picture.convert("RGB")), classes)
    except ValueError as error:
        raise ValueError(str(error).replace("not a picture", "the mask is not a picture", 1)) from None


def palette_of(value: Any) -> np.ndarray | None:
    """Return the colours uint8[n, 3] of a file whose pixels are numbers of a palette; None of any other mask."""
    if not isinstance(value, bytes | bytearray):
        return None
    if value.startswith(PNG) and value[PNG_COLOUR : PNG_COLOUR + 1] != PNG_PALETTE:
        return None  # as most masks are: they need no second decoding
    with opened(value) as picture:
        colours = picture.getpalette("RGB") if picture.mode in ("P", "PA") else None
    return None if colours is None else np.array(colours, np.uint8).reshape(-1, 3)


def has_colours(classes: Classes) -> bool:
    """Say whether classes are told by their colours."""
    return any(not isinstance(one, int) for one in classes.values())


def number_of(mark: int | Sequence[int]) -> int:
    """Return the number that stands for a class, given its number or its colour."""
    if isinstance(mark, int):
        return mark
    red, green, blue = mark
    return red << 16 | green << 8 | blue


def shown_number(number: int, is_colour: bool) -> str:
    """Return a mask's number as a person reads it: 7, or the colour (128, 64, 128)."""
    return f"({number >> 16}, {number >> 8 & 255}, {number & 255})" if is_colour else str(number)


def nearest(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a mask [h, w] brought to another size, each place the nearest one of the old."""
    if mask.shape == (height, width):
        return mask
    rows, columns = (
        np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(np.int64)
        for new, old in zip((height, width), mask.shape, strict=True)
    )
    return np.asarray(mask[rows[:, None], columns])


def palette(count: int) -> np.ndarray:
    """Return a colour for each of so many classes, uint8[count, 3]; neighbours are told apart by hue and brightness."""
    import colorsys

    colours = [
        colorsys.hsv_to_rgb(place * GOLDEN % 1, 0.55 + 0.3 * (place % 2), 1 - 0.25 * (place % 3))
        for place in range(count)
    ]
    return np.asarray(np.array(colours).reshape(-1, 3) * 255, np.uint8)


def as_png(codes: np.ndarray, count: int) -> str:
    """Return the codes of classes uint8[height, width] as a PNG with a palette, base64."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(np.ascontiguousarray(codes, np.uint8))
    beyond = max(0, int(codes.max(initial=0)) + 1 - count)  # of a place without a class: black
    picture.putpalette(palette(count).ravel().tolist() + [0] * (3 * beyond))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def from_png(text: str) -> np.ndarray:
    """Return the codes of classes uint8[height, width] that `as_png` wrote."""
    with opened(base64.b64decode(text)) as picture:
        return np.asarray(picture, np.uint8)


def _of_array(value: np.ndarray, classes: Classes) -> np.ndarray:
    if value.ndim == 3 and value.shape[2] in (1, 3):
        first = value[..., 0].astype(np.int32)
        if has_colours(classes) and value.shape[2] == 3:
            return np.asarray(first << 16 | value[..., 1].astype(np.int32) << 8 | value[..., 2].astype(np.int32))
        if not (value == value[..., :1]).all():
            raise ValueError(
                "the mask is in colours and no table says which class each is: name them in target.classes,"
                " {road: [128, 64, 128], ...}, or in a file class_dict.csv beside the masks"
            )
        return first
    if value.ndim != 2 or 0 in value.shape:
        raise ValueError(f"an array of shape {value.shape} is not a mask of shape [height, width]")
    if value.dtype.kind == "f" and np.isfinite(value).all() and (value == np.rint(value)).all():
        value = value.astype(np.int64)
    if value.dtype.kind not in "biu" or (value.size and not 0 <= value.min() <= value.max() < 2**31):
        raise ValueError(f"an array of {value.dtype} is not a mask: its values must be whole numbers, not negative")
    if has_colours(classes):
        value = value.astype(np.int32)
        return np.asarray(value << 16 | value << 8 | value)
    return value.astype(np.int32)


def _of_classes(masks: Mapping[str, Any], classes: Classes) -> np.ndarray:
    """Put masks of one class each, 0 where it is not, into one; where several meet, it is the last one's place."""
    whole: np.ndarray | None = None
    for name, mark in classes.items():
        if name not in masks:
            continue
        one = read_mask(masks[name], {})
        whole = np.zeros(one.shape, np.int32) if whole is None else whole
        if whole.shape != one.shape:
            raise ValueError(f"the masks of the classes are of different sizes: {_size(whole)}, {name} {_size(one)}")
        whole[one > (HALF if one.max() == WHITE else 0)] = number_of(mark)
    if whole is None or not set(masks) <= set(classes):
        raise ValueError(f"the masks are of classes that have no number: {', '.join(map(str, masks)) or 'none'}"[:200])
    return whole


def _size(mask: np.ndarray) -> str:
    return f"{mask.shape[1]} x {mask.shape[0]}"
