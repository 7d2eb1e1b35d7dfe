"""Pictures brought to the size and the colours that training learnt. Read next: vision/pictures.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the picture at another size, [height, width(, channels)]; pixels that are no bytes become float32."""
    from PIL import Image as Pillow

    if picture.dtype != np.uint8 and picture.ndim == 3:
        return np.stack([resized(channel, height, width) for channel in np.moveaxis(picture, 2, 0)], 2)
    if picture.dtype != np.uint8:
        picture = np.ascontiguousarray(picture, np.float32)
    made = Pillow.fromarray(picture).resize((width, height), Pillow.Resampling.BILINEAR, reducing_gap=3)
    return np.asarray(made)


def fitted(picture: np.ndarray, state: Mapping[str, Any]) -> np.ndarray:
    """Resize and recolour a picture to uint8[height, width, channels]."""
    from PIL import Image as Pillow

    height, width, channels = state["height"], state["width"], state["channels"]
    if channels == 1 and picture.ndim == 3:
        picture = np.asarray(Pillow.fromarray(picture).convert("L"))
    if picture.shape[:2] != (height, width):
        picture = resized(picture, height, width)
    if picture.ndim == 2:
        picture = picture[..., None]
    return np.broadcast_to(picture, (height, width, channels))
