"""A file or an array as the pixels that a person sees.

Decoding is strict: only well-known formats, the whole picture, no truncated files, no bombs; what the file is called
does not matter. EXIF rotation is applied, transparency is laid on white. Read next: levels.py, masks.py;
modalities/image/modality.py.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.vision.levels import Levels, as_bytes, kind_of

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
BROKEN = (OSError, SyntaxError, EOFError, IndexError, TypeError, KeyError)  # what Pillow raises for damaged files
RGB, RGBA = 3, 4  # channels
NOTHING_LEARNT: Mapping[str, tuple[float, float]] = {}
MAX_PIXELS = 50_000_000  # a picture of more is refused before it is decoded: 150 MB as RGB


def read_picture(value: Any, levels: Levels = NOTHING_LEARNT) -> np.ndarray:
    """Decode one picture, bytes of a file or an array, to uint8[height, width] or [height, width, 3].

    `levels` is what training learnt of pixels that are no bytes (levels.py); those of a kind that it does not have are
    seen as files of that kind usually are. Raises ValueError with a plain reason: not a picture, truncated, too large.
    """
    pixels = read_pixels(value)
    if scale := levels.get(kind_of(pixels)):
        pixels = as_bytes(pixels, scale)
    elif isinstance(value, np.ndarray):
        pixels = _usual_of_array(pixels)
    else:
        pixels = _usual_of_file(pixels)
    return on_white(pixels) if pixels.ndim == 3 and pixels.shape[2] == RGBA else pixels


def read_pixels(value: Any) -> np.ndarray:
    """Decode one picture to numbers as they stand in it, [height, width] or [height, width, 3 or 4]: bytes, whole
    numbers of more bits, floats. Raises ValueError as `read_picture` does."""
    if isinstance(value, np.ndarray):
        return _checked(value)
    with opened(value) as picture:
        return _pixels(picture)


def is_of_bytes(value: Any) -> bool:
    """Say whether the pixels of a picture are bytes, by the header of its file alone; true of what is no picture."""
    from PIL import Image as Pillow

    if isinstance(value, np.ndarray):
        return bool(value.dtype == np.uint8)
    with suppress(ValueError, Pillow.DecompressionBombError, *BROKEN), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Pillow.open(io.BytesIO(value), formats=FORMATS) as picture:
            return not picture.mode.startswith(("I", "F"))
    return True


def pixels_of_file(value: Any) -> int:
    """Return how many pixels a picture has, by the header of its file alone; 0 of what is no file of a picture."""
    from PIL import Image as Pillow

    if not isinstance(value, bytes | bytearray):
        return 0
    with suppress(ValueError, Pillow.DecompressionBombError, *BROKEN), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Pillow.open(io.BytesIO(value), formats=FORMATS) as picture:
            return int(picture.width * picture.height)
    return 0


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Return uint8[height, width, 3] of pixels with transparency, uint8[height, width, 4]."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(pixels)
    return np.asarray(Pillow.alpha_composite(Pillow.new("RGBA", picture.size, "white"), picture).convert("RGB"))


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


def _pixels(picture: Image) -> np.ndarray:
    if picture.mode.startswith("I;16"):
        return np.asarray(picture).astype(np.uint16)
    if picture.mode in ("I", "F"):
        pixels = np.asarray(picture)
        if not np.isfinite(pixels).all():
            raise ValueError("the picture has pixels that are no numbers")
        return pixels
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        return on_white(np.asarray(picture.convert("RGBA")))
    if picture.mode in ("L", "1"):
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGB"))


def _checked(value: np.ndarray) -> np.ndarray:
    """Return an array in the shape of a picture; raise ValueError where it is none."""
    if value.ndim == 3 and value.shape[2] == 1:
        value = value[..., 0]
    if value.ndim not in (2, 3) or (value.ndim == 3 and value.shape[2] not in (RGB, RGBA)) or 0 in value.shape:
        is_turned = value.ndim == 3 and value.shape[0] in (1, RGB, RGBA)
        fix = "; its channels stand first: array.transpose(1, 2, 0) puts them last" if is_turned else ""
        raise ValueError(
            f"an array of shape {value.shape} is not a picture of shape [height, width] or [.., .., 3]{fix}"
        )
    if value.dtype.kind not in "buif":
        raise ValueError(f"an array of {value.dtype} is not a picture: pixels must be numbers")
    if not np.isfinite(value).all():
        raise ValueError("pixels must be finite numbers")
    return value


def _usual_of_file(pixels: np.ndarray) -> np.ndarray:
    """Return bytes of a file whose kind of pixels training did not meet."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return np.asarray(pixels // 257, np.uint8)
    most = pixels.max()
    scale = 255 if pixels.dtype.kind == "f" and 0 < most <= 1 else 1 / 257 if most > 255 else 1
    return np.asarray(np.clip(pixels.astype(np.float64) * scale, 0, 255), np.uint8)


def _usual_of_array(pixels: np.ndarray) -> np.ndarray:
    """Return bytes of an array whose kind of pixels training did not meet: 0 to 255 in other numbers, or 0 to 1."""
    if pixels.dtype == np.uint8:
        return pixels
    least, most = pixels.min(), pixels.max()
    if least < 0 or most > 255 or pixels.dtype == np.bool_:
        raise ValueError(
            f"pixels must lie in 0 to 255, or be floats in 0 to 1, as the training pictures are of bytes; these are"
            f" {pixels.dtype} from {least:.6g} to {most:.6g}"
        )
    is_share = pixels.dtype.kind == "f" and most <= 1
    return np.asarray((pixels.astype(np.float64) * (255 if is_share else 1)).round(), np.uint8)
