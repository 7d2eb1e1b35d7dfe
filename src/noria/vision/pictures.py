"""A file or an array as the pixels that a person sees.

Decoding is strict: only well-known formats, the whole picture, no truncated files, no bombs; what the file is called
does not matter. EXIF rotation is applied, transparency is laid on white. Read next: masks.py;
modalities/image/modality.py.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
BROKEN = (OSError, SyntaxError, EOFError, IndexError, TypeError, KeyError)  # what Pillow raises for damaged files
MAX_PIXELS = 50_000_000  # a picture of more is refused before it is decoded: 150 MB as RGB


def read_picture(value: Any) -> np.ndarray:
    """Decode one picture, bytes of a file or an array, to uint8[height, width] or [height, width, 3].

    Raises ValueError with a plain reason: not a picture, truncated, too large.
    """
    if isinstance(value, np.ndarray):
        return _from_array(value)
    with opened(value) as picture:
        return _as_array(picture)


@contextmanager
def opened(value: Any) -> Iterator[Image]:
    """Give the picture that the bytes of a file hold, decoded and turned as it is to be seen; for use in `with`.

    Raises ValueError with a plain reason, also for what Pillow raises while the picture is used.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps, UnidentifiedImageError

    if not isinstance(value, bytes | bytearray):
        raise ValueError(f"not a picture but {type(value).__name__}")
    if not value:
        raise ValueError("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; what it cannot decode, it raises
            with Pillow.open(io.BytesIO(value), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    size = f"{picture.width} x {picture.height}"
                    raise ValueError(f"the picture is too large: {size} pixels, at most {MAX_PIXELS} are read")
                picture.load()
                seen: Image = picture
                with suppress(*BROKEN):  # of metadata: the pixels are whole
                    seen = ImageOps.exif_transpose(picture)
                    seen.format = picture.format
                yield seen
    except UnidentifiedImageError:
        raise ValueError(f"not a picture in a known format: {', '.join(FORMATS)}") from None
    except (*BROKEN, Pillow.DecompressionBombError) as error:
        raise ValueError(f"the picture is broken: {error}") from None


def _as_array(picture: Image) -> np.ndarray:
    from PIL import Image as Pillow

    if picture.mode.startswith("I;16"):
        return np.asarray(np.asarray(picture).astype(np.uint16) // 257, np.uint8)
    if picture.mode in ("I", "F"):
        values = np.asarray(picture, np.float64)
        if not np.isfinite(values).all():
            raise ValueError("the picture has pixels that are no numbers")
        most = values.max()
        scale = 255 if picture.mode == "F" and 0 < most <= 1 else 1 / 257 if most > 255 else 1
        return np.asarray(np.clip(values * scale, 0, 255), np.uint8)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Pillow.alpha_composite(Pillow.new("RGBA", picture.size, "white"), picture)
    if picture.mode in ("L", "1"):
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGB"))


def _from_array(value: np.ndarray) -> np.ndarray:
    if value.ndim == 3 and value.shape[2] == 1:
        value = value[..., 0]
    if value.ndim not in (2, 3) or (value.ndim == 3 and value.shape[2] != 3) or 0 in value.shape:
        raise ValueError(f"an array of shape {value.shape} is not a picture of shape [height, width] or [.., .., 3]")
    if value.dtype == np.uint8:
        return value
    if value.dtype.kind not in "uif":
        raise ValueError(f"an array of {value.dtype} is not a picture: pixels must be numbers")
    if not np.isfinite(value).all() or value.min() < 0 or value.max() > 255:
        raise ValueError("pixels must be finite and lie in 0 to 255")
    return np.asarray(value.round(), np.uint8)
