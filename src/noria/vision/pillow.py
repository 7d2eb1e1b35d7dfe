"""Pictures that a program holds as Pillow's own objects, as the files that everything else reads."""

from __future__ import annotations

import io
import sys
from typing import Any

# What a format holds of Pillow's modes without a loss. The few others are of colours, with transparency.
_FORMATS = {"PNG": ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"), "TIFF": ("I", "F", "CMYK", "YCbCr", "LAB")}


def is_pillow(value: object) -> bool:
    """Say whether a value is one of Pillow's pictures; where Pillow was not imported there is none."""
    module: Any = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def picture_file(picture: Any) -> bytes:
    """Return a picture of Pillow as a file without a loss, turned as its EXIF says: as its own file would be read."""
    from PIL import ImageOps

    seen = ImageOps.exif_transpose(picture)
    kind = next((kind for kind, modes in _FORMATS.items() if seen.mode in modes), None)
    buffer = io.BytesIO()
    (seen if kind else seen.convert("RGBA")).save(buffer, kind or "PNG")
    return buffer.getvalue()
