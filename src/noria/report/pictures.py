"""Pictures inside of a page. Read next: values.py, which shows any value by its type."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from noria.report.markup import Markup, tag

SIDE_PX = 112  # stored; 24 pictures of noise at this side still take only 1.2 MB
DRAWN_PX = 128  # small pictures are enlarged to at most this, which a card holds


def picture(pixels: np.ndarray, side_px: int = SIDE_PX) -> Markup:
    """Return uint8[H, W] or [H, W, 3] inside the page, as a PNG, or as a JPEG where it is large."""
    from PIL import Image as Pillow

    height, width = pixels.shape[:2]
    image = Pillow.fromarray(np.ascontiguousarray(pixels))
    if max(height, width) > side_px:
        image.thumbnail((side_px, side_px))
        drawn_width, drawn_height = image.size
    else:
        times = max(1, DRAWN_PX // max(height, width))  # whole pixels, so that none looks larger than its neighbour
        drawn_width, drawn_height = width * times, height * times
    file = io.BytesIO()
    kind = "PNG" if max(image.size) <= SIDE_PX else "JPEG"  # of few pixels each one counts
    image.save(file, kind, optimize=True, quality=85)
    source = f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
    name = f"picture of {width} x {height} pixels"
    return tag("img", src=source, width=drawn_width, height=drawn_height, alt=name)


def in_size(pixels: np.ndarray, size: Any) -> np.ndarray:
    """Return a picture brought back to the height and width that it had before it was encoded, where they are known."""
    from PIL import Image as Pillow

    if size is None:
        return pixels
    height, width = (int(side) for side in size)
    return np.asarray(Pillow.fromarray(np.ascontiguousarray(pixels)).resize((width, height)))


def is_picture(value: Any) -> bool:
    """Say whether a value is uint8[H, W] or [H, W, 3]."""
    if not isinstance(value, np.ndarray):
        return False
    is_shaped = value.ndim == 2 or (value.ndim == 3 and value.shape[2] == 3)
    return value.dtype == np.uint8 and is_shaped and value.size > 0
