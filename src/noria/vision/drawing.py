"""Answers drawn on pictures: boxes with labels, masks in colours, tracks by identity. Pillow only.

A small picture is enlarged by a whole factor first, so that words on it can be read; lines and letters grow with large
ones. Below stands what the colours mean. Read next: masks.py for the colours; Target.draw of the contract.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.vision.masks import from_png, nearest, palette

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw as Pen
    from PIL.ImageFont import FreeTypeFont, ImageFont

LEAST_SIDE = 480  # pixels of the longer side from which words are readable
BLEND = 0.5  # of a mask's colour in the picture
COLOURS = 64  # of identities, after which they begin again
MOST_NAMES = 12  # classes below a picture, the most frequent ones
PACKAGE = "noto_cjk_sans_jp_regular"  # Noto Sans CJK, which has all of Chinese, Japanese and Korean
# Fonts that have Chinese, by the names under which systems keep them; NORIA_FONT names another one, or its file.
FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "NotoSansCJKsc-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "msyh.ttc",
    "simhei.ttf",
    "PingFang.ttc",
    "STHeiti Light.ttc",
    "Arial Unicode.ttf",
)
_MISSING = "\uffff"  # a character that no font has

Area = tuple[float, float, float, float]


def draw_boxes(picture: np.ndarray, boxes: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> np.ndarray:
    """Return the picture with boxes of {"label", "box", "confidence"?} on it, a colour for each of `labels`."""
    colours = dict(zip(labels, map(tuple, palette(len(labels)).tolist()), strict=True))
    canvas = _Canvas(picture)
    for one in sorted(boxes, key=lambda one: -_area(one["box"])):
        canvas.rectangle(one["box"], colours[one["label"]])
    for one in sorted(boxes, key=lambda one: -one.get("confidence", 1)):  # the surest have the first choice of a place
        sure = [f"{one['confidence']:.2f}"] if "confidence" in one else []
        canvas.words(one["box"], [" ".join([one["label"], *sure]), one["label"], *sure], colours[one["label"]])
    counts = Counter(one["label"] for one in boxes)
    return canvas.finished([(f"{name} {count}", colours[name]) for name, count in counts.most_common()])


def draw_tracks(picture: np.ndarray, boxes: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return a frame with boxes of {"id", "box"} on it, a colour for each identity."""
    colours = [tuple(colour) for colour in palette(COLOURS).tolist()]
    canvas = _Canvas(picture)
    for one in boxes:
        canvas.rectangle(one["box"], colours[one["id"] % COLOURS])
    for one in boxes:
        canvas.words(one["box"], [str(one["id"])], colours[one["id"] % COLOURS])
    return canvas.finished([])


def draw_mask(picture: np.ndarray, mask: Mapping[str, Any]) -> np.ndarray:
    """Return the picture with the colours of a mask {"png", "classes"} over it, and each class's share below."""
    names = list(mask["classes"])
    canvas = _Canvas(picture)
    codes = nearest(from_png(mask["png"]), *canvas.size)
    canvas.cover(codes, palette(len(names)))
    counts = np.bincount(codes.ravel(), minlength=len(names))[: len(names)]
    found = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code]]
    colours = [tuple(colour) for colour in palette(len(names)).tolist()]
    shares = {code: 100 * counts[code] / codes.size for code in found}
    said = {code: f"{share:.0f} %" if share >= 1 else "below 1 %" for code, share in shares.items()}
    return canvas.finished([(f"{names[code]} {said[code]}", colours[code]) for code in found])


class _Canvas:
    """A picture being drawn on, in pixels of the picture as it was."""

    def __init__(self, picture: np.ndarray) -> None:
        from PIL import Image, ImageDraw

        image = Image.fromarray(np.ascontiguousarray(picture)).convert("RGB")
        self.times = max(1, round(LEAST_SIDE / max(image.size)))
        if self.times > 1:
            image = image.resize((image.width * self.times, image.height * self.times), Image.Resampling.NEAREST)
        self.image: Picture = image
        self.pen: Pen = ImageDraw.Draw(image)
        self.line = max(2, round(max(image.size) / 400))
        self.letters = max(13, round(max(image.size) / 55))
        self._taken: list[Area] = []

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width."""
        return self.image.height, self.image.width

    def rectangle(self, box: Sequence[float], colour: tuple[int, ...]) -> None:
        left, top, right, bottom = (side * self.times for side in box)
        if right > left and bottom > top:  # the last pixel of a box is the one before its end
            self.pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=self.line)

    def words(self, box: Sequence[float], choices: Iterable[str], colour: tuple[int, ...]) -> None:
        """Write the longest of some words that finds a free place at the box; where none does, the colour must do."""
        left, top, right, bottom = (side * self.times for side in box)
        for text in choices:
            width, height = self._measured(text)
            places = ((left, top - height), (left, top), (left, bottom), (right - width, bottom - height))
            for x, y in places:
                area = (x, y, x + width, y + height)
                if self._is_free(area) and width <= max(right - left, 4 * self.letters):
                    self._label(area, text, colour)
                    self._taken.append(area)
                    return

    def cover(self, codes: np.ndarray, colours: np.ndarray) -> None:
        """Blend the colours of classes int[H, W] in; a line of the pure colour parts them."""
        from PIL import Image, ImageDraw

        known = codes < len(colours)
        over = np.where(known[..., None], colours[np.minimum(codes, len(colours) - 1)], 0).astype(np.float32)
        is_edge = np.zeros(codes.shape, bool)
        is_edge[:, 1:] |= codes[:, 1:] != codes[:, :-1]
        is_edge[1:] |= codes[1:] != codes[:-1]
        share = np.where(is_edge, 1.0, BLEND * known)[..., None].astype(np.float32)
        pixels = np.asarray(self.image, np.float32)
        self.image = Image.fromarray(np.asarray(pixels + (over - pixels) * share, np.uint8))
        self.pen = ImageDraw.Draw(self.image)

    def finished(self, names: Sequence[tuple[str, tuple[int, ...]]]) -> np.ndarray:
        """Return uint8[H, W, 3], with what the colours mean below."""
        from PIL import Image, ImageDraw

        if not names:
            return np.asarray(self.image)
        names = names[:MOST_NAMES]
        places, x, y, gap = [], 0, 0, self.letters // 2
        for text, _ in names:
            width, height = self._measured(text)
            if x and x + width > self.image.width:
                x, y = 0, y + height
            places.append((x, y, x + width, y + height))
            x += width + gap
        whole = Image.new("RGB", (self.image.width, self.image.height + places[-1][3]), "white")
        whole.paste(self.image)
        self.pen, below = ImageDraw.Draw(whole), self.image.height
        for (left, top, right, bottom), (text, colour) in zip(places, names, strict=True):
            self._label((left, top + below, right, bottom + below), text, colour)
        return np.asarray(whole)

    def _label(self, area: Area, text: str, colour: tuple[int, ...]) -> None:
        self.pen.rectangle((area[0], area[1], area[2] - 1, area[3] - 1), fill=colour)
        red, green, blue = colour
        is_bright = 0.299 * red + 0.587 * green + 0.114 * blue > 140
        place = (area[0] + self.letters // 4, (area[1] + area[3]) / 2)
        font, fill = font_for(text, self.letters), "black" if is_bright else "white"
        self.pen.text(place, readable(text, self.letters), fill, font, anchor="lm")

    def _measured(self, text: str) -> tuple[int, int]:
        width = font_for(text, self.letters).getlength(readable(text, self.letters))
        return round(width) + self.letters // 2, round(1.4 * self.letters)

    def _is_free(self, area: Area) -> bool:
        is_inside = area[0] >= 0 and area[1] >= 0 and area[2] <= self.image.width and area[3] <= self.image.height
        return is_inside and not any(
            area[0] < other[2] and other[0] < area[2] and area[1] < other[3] and other[1] < area[3]
            for other in self._taken
        )


def font_for(text: str, size: int) -> FreeTypeFont | ImageFont:
    """Return the first font that has all characters of a text: Pillow's own, else one of the system's with Chinese."""
    own, *others = _fonts(size)
    return next((font for font in (own, *others) if all(_has(font, one) for one in text)), own)


def readable(text: str, size: int) -> str:
    """Return the text with a question mark for what no font here has."""
    font = font_for(text, size)
    return "".join(one if _has(font, one) else "?" for one in text)


@lru_cache(maxsize=16)
def _fonts(size: int) -> tuple[FreeTypeFont | ImageFont, ...]:
    from PIL import ImageFont as Fonts

    fonts: list[FreeTypeFont | ImageFont] = [Fonts.load_default(size)]
    for name in (os.environ.get("NORIA_FONT", ""), _package_font(), *FONTS):
        try:
            fonts += [Fonts.truetype(name, size)] if name else []
        except OSError:
            continue  # not on this system
    return tuple(fonts)


def _package_font() -> str:
    """Return the font file that the extra `fonts` brings; nothing where it is not installed."""
    if find_spec(PACKAGE) is None:
        return ""
    return str(files(PACKAGE) / "NotoSansCJKjp-Regular.otf")


def _has(font: FreeTypeFont | ImageFont, character: str) -> bool:
    if character.isspace():
        return True
    drawn, missing = font.getmask(character), font.getmask(_MISSING)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)


def _area(box: Sequence[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
