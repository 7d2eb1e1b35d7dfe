"""A raw value as a person takes it in, by its Python type: a picture, a sound, a chart, cells, a text, or another."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from noria.report.markup import Markup, tag
from noria.report.panels import panel
from noria.report.pictures import SIDE_PX, is_picture, picture
from noria.report.sounds import SOUND_BYTES, is_sound, sound
from noria.report.tables import facts, written
from noria.types import Media, Panel, Span
from noria.units import size

MOST_TEXT = 400
MOST_CELLS = 10


def shown(
    value: Any, side_px: int = SIDE_PX, sound_bytes: int = SOUND_BYTES, times: Sequence[Span] = ()
) -> Markup:  # fmt: skip
    """Return the value as HTML.

    Pictures above `side_px` are made smaller, small ones larger by a whole factor; of a sound no more than its first
    `sound_bytes` can be heard; on it stands what is said of stretches of its `times`.
    """
    if is_picture(value):
        return picture(value, side_px)
    if isinstance(value, Media):
        return _media(value, sound_bytes, times)
    if isinstance(value, Panel):
        return panel(asdict(value))
    if isinstance(value, Mapping):
        cells = list(value.items())
        said = facts([(str(name), written(_plain(cell))) for name, cell in cells[:MOST_CELLS]])
        more = f"and {len(cells) - MOST_CELLS} more" if len(cells) > MOST_CELLS else ""
        return tag("div", said, tag("p", more, class_="soft") if more else None)
    if isinstance(value, np.ndarray):
        shape = " x ".join(map(str, value.shape))
        return tag("p", f"{value.dtype} array of {shape}", class_="soft")
    said_text = value if isinstance(value, str) else str(written(_plain(value)))
    cut = said_text if len(said_text) <= MOST_TEXT else said_text[: MOST_TEXT - 1] + "…"
    return tag("p", cut if isinstance(value, str) else Markup(cut), class_="raw")


def _media(value: Media, sound_bytes: int, times: Sequence[Span]) -> Markup:
    """Return a file as what it is; of one that a page cannot hold, its kind and size."""
    if is_sound(value):
        return sound(value, sound_bytes, times)
    if value.mime.startswith("image/") and len(value.data) <= sound_bytes:
        source = f"data:{value.mime};base64,{base64.b64encode(value.data).decode('ascii')}"
        return tag("img", src=source, alt=f"picture of {size(len(value.data))}")
    return tag("p", f"{value.mime}, {size(len(value.data))}: written by noria predict --out FOLDER", class_="soft")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
