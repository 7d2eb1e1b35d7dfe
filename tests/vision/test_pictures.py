"""Pictures from odd files: seen as any viewer shows them, or refused with the reason. More in modalities/test_image."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.sources.formats.opening import open_source
from noria.vision.pictures import read_picture

RGB = np.random.default_rng(0).integers(0, 255, (4, 6, 3)).astype(np.uint8)


def file_of(picture: np.ndarray | Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    (Pillow.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(buffer, kind, **options)
    return buffer.getvalue()


def png16(array: np.ndarray, color: int) -> bytes:
    """A PNG of 16 bits a channel, which Pillow cannot write: 0 grey, 2 RGB, 4 grey with alpha, 6 RGBA."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# EXIF orientation -> what must be done to the stored pixels: Exif 2.3, section 4.6.4.
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_each_of_the_eight_orientations_is_undone(orientation: int, kind: str) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    read = read_picture(file_of(RGB, kind, exif=exif, **options))
    assert np.array_equal(read, TURNS[orientation](RGB))


@pytest.mark.parametrize("orientation", [0, 9, 300])
def test_an_orientation_that_is_none_changes_nothing(orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(read_picture(file_of(RGB, exif=exif)), RGB)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage!!", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01"]
)
def test_broken_exif_does_not_cost_the_picture(exif: bytes) -> None:
    assert np.array_equal(read_picture(file_of(RGB, exif=exif)), RGB)


@pytest.mark.parametrize(("channels", "color"), [(1, 0), (3, 2), (2, 4), (4, 6)])
def test_16_bits_a_channel_are_seen_as_8(channels: int, color: int) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (3, 5, channels)).astype(np.uint16)
    if color > 3:
        deep[..., -1] = 65535  # nothing shines through
    read = read_picture(png16(deep, color)).astype(int)
    colors = deep[..., : channels - (color > 3)] // 257
    assert np.abs(read.reshape(3, 5, -1) - colors).max() <= 1


def test_16_bits_with_alpha_are_laid_on_white() -> None:
    deep = np.zeros((1, 2, 4), np.uint16)
    deep[0, 1, 3] = 65535
    assert read_picture(png16(deep, 6)).tolist() == [[[255, 255, 255], [0, 0, 0]]]


def test_a_colour_that_stands_for_transparent_is_white() -> None:
    clear = tuple(int(part) for part in RGB[0, 0])
    read = read_picture(file_of(RGB, transparency=clear))
    assert read[0, 0].tolist() == [255, 255, 255]
    assert np.array_equal(read[1:], RGB[1:])


def test_floats_of_0_to_1_are_seen_from_black_to_white_and_those_to_255_as_they_are() -> None:
    assert read_picture(file_of(np.array([[0.0, 0.5, 1.0]], np.float32), "TIFF")).tolist() == [[0, 127, 255]]
    assert read_picture(file_of(np.array([[0.0, 9.0, 200.0]], np.float32), "TIFF")).tolist() == [[0, 9, 200]]
    with pytest.raises(ValueError, match="no numbers"):
        read_picture(file_of(np.array([[np.nan, 0.5]], np.float32), "TIFF"))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_seen_in_its_colours(kind: str) -> None:
    inks = np.zeros((8, 16, 4), np.uint8)
    inks[:, :8, 0] = 255  # cyan
    inks[:, 8:, 3] = 255  # black
    picture = Pillow.merge("CMYK", [Pillow.fromarray(inks[..., channel]) for channel in range(4)])
    read = read_picture(file_of(picture, kind, **({"quality": 95} if kind == "JPEG" else {}))).astype(int)
    assert np.abs(read[:, :6] - (0, 255, 255)).max() < 12
    assert read[:, 10:].max() < 12


def test_of_a_moving_picture_the_first_one_is_seen() -> None:
    later = Pillow.fromarray(255 - RGB)
    for kind, options in (("WEBP", {"lossless": True}), ("TIFF", {})):
        read = read_picture(file_of(RGB, kind, save_all=True, append_images=[later], **options))
        assert np.array_equal(read, RGB)


def test_what_a_file_is_called_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(file_of(RGB, "PNG"))
    (tmp_path / "drawing.png").write_bytes(file_of(RGB, "JPEG", quality=95))
    (tmp_path / "page.png").write_bytes(b"<html>404</html>")
    found = {}
    for rows in open_source(tmp_path).rows():
        found |= dict(zip(rows.numbers, rows.columns["file"], strict=True))
    assert np.array_equal(read_picture(found["photo.jpg"]), RGB)
    assert read_picture(found["drawing.png"]).shape == RGB.shape
    with pytest.raises(ValueError, match="not a picture in a known format"):
        read_picture(found["page.png"])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_a_file_that_was_cut_off_is_refused(kind: str) -> None:
    whole = file_of(np.random.default_rng(2).integers(0, 255, (40, 60, 3)).astype(np.uint8), kind)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(ValueError, match=r"broken|not a picture"):
            read_picture(whole[: int(share * len(whole))])
