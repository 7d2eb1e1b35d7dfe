"""Pictures: every kind of file becomes the pixels a person sees, and what cannot be read says why."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.errors import UserError
from noria.modalities.image import training_pictures
from noria.modalities.image.modality import Image
from noria.modalities.image.training_pictures import TrainingPictures
from noria.vision import pictures
from noria.vision.pictures import read_picture

GREY = {"height": 4, "width": 6, "channels": 1}
RGB = {**GREY, "channels": 3}


def file_of(picture: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "WEBP", "GIF"])
def test_a_lossless_file_gives_its_pixels(kind: str) -> None:
    given = noise(5, 7)
    options = {"lossless": True} if kind == "WEBP" else {}
    read = read_picture(file_of(Pillow.fromarray(given), kind, **options))
    assert np.array_equal(read if read.ndim == 2 else read[..., 0], given)


def test_the_rotation_of_a_camera_is_applied() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be seen upright, it must be turned 90 degrees clockwise
    given = noise(4, 6, 3)
    read = read_picture(file_of(Pillow.fromarray(given), exif=exif))
    assert np.array_equal(read, np.rot90(given, -1))


def test_cmyk_becomes_rgb() -> None:
    picture = Pillow.new("CMYK", (6, 4), (0, 255, 255, 0))
    read = read_picture(file_of(picture, "JPEG", quality=95))
    assert read.shape == (4, 6, 3)
    assert np.allclose(read.reshape(-1, 3).mean(0), (255, 0, 0), atol=8)


def test_16_bits_are_scaled_to_8() -> None:
    given = np.array([[0, 257, 65535], [32896, 128, 1000]], np.uint16)
    for kind in ("PNG", "TIFF"):
        assert read_picture(file_of(Pillow.fromarray(given), kind)).tolist() == [[0, 1, 255], [128, 0, 3]]


def test_transparent_pixels_are_laid_on_white() -> None:
    given = np.zeros((2, 2, 4), np.uint8)
    given[0, 0] = (255, 0, 0, 255)
    given[0, 1] = (0, 0, 0, 128)
    read = read_picture(file_of(Pillow.fromarray(given)))
    assert read[0, 0].tolist() == [255, 0, 0]
    assert abs(int(read[0, 1, 0]) - 127) <= 1
    assert read[1].tolist() == [[255, 255, 255]] * 2


def test_a_palette_gives_its_colours_and_its_transparent_entry_is_white() -> None:
    picture = Pillow.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([0, 1]) if hasattr(picture, "putdata") else None
    assert read_picture(file_of(picture)).tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert read_picture(file_of(picture, transparency=1)).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_black_and_white_is_0_and_255() -> None:
    picture = Pillow.fromarray(np.array([[True, False]]))
    assert read_picture(file_of(picture)).tolist() == [[255, 0]]


def test_a_picture_of_one_pixel_is_a_picture() -> None:
    modality = Image()
    state = modality.fit([file_of(Pillow.new("L", (1, 1), 7)), file_of(Pillow.new("L", (1, 1), 9))])
    assert (state["height"], state["width"], state["channels"]) == (1, 1, 1)
    assert modality.encode([np.array([[8]], np.uint8)], state).arrays["pixels"].tolist() == [[[[8]]]]


def bomb() -> bytes:
    """A PNG of a few bytes that claims 60,000 x 60,000 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


WHOLE = file_of(Pillow.fromarray(noise(60, 80, 3)))
WHOLE_JPEG = file_of(Pillow.fromarray(noise(60, 80, 3)), "JPEG")
BAD = {
    "cut png": (WHOLE[: len(WHOLE) // 2], "broken"),
    "cut jpeg": (WHOLE_JPEG[: len(WHOLE_JPEG) // 2], "broken"),
    "header only": (WHOLE[:20], "broken|not a picture"),
    "bomb": (bomb(), "too large|broken"),
    "empty": (b"", "empty"),
    "text": (b"this is no picture", "not a picture"),
    "html": (b"<html><body>404</body></html>", "not a picture"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "not a picture"),
    "number": (7, "not a picture but int"),
    "nothing": (None, "not a picture but NoneType"),
    "flat array": (np.zeros(9), "shape"),
    "no pixels": (np.zeros((0, 4)), "shape"),
    "nan": (np.full((4, 6), np.nan), "finite"),
    "too bright": (np.full((4, 6), 256.0), "0 to 255"),
    "negative": (np.full((4, 6), -1), "0 to 255"),
    "words": (np.full((4, 6), "x"), "numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_is_named_with_its_reason_and_the_others_are_kept(name: str) -> None:
    value, reason = BAD[name]
    good = noise(4, 6)
    encoded = Image().encode([good, value, file_of(Pillow.fromarray(good))], GREY)
    assert encoded.bad.keys() == {1}
    with pytest.raises(ValueError, match=reason):
        raise ValueError(encoded.bad[1])
    assert np.array_equal(encoded.arrays["pixels"][0], encoded.arrays["pixels"][2])
    assert not encoded.arrays["pixels"][1].any()


def test_a_damaged_file_gives_pixels_or_a_reason_and_nothing_else() -> None:
    """Every 40th byte of small files of each format, flipped."""
    seen = 0
    for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"):
        whole = file_of(Pillow.fromarray(noise(12, 12, 3)), kind)
        for place in range(0, len(whole), 40):
            broken = bytearray(whole)
            broken[place] ^= 0xFF
            try:
                assert read_picture(bytes(broken)).dtype == np.uint8
            except ValueError:
                seen += 1
    assert seen > 5


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS", 4799)
    with pytest.raises(ValueError, match="too large: 80 x 60 pixels, at most 4799"):
        read_picture(WHOLE)
    monkeypatch.setattr(pictures, "MAX_PIXELS", 4800)
    assert read_picture(WHOLE).shape == (60, 80, 3)


def test_no_readable_training_picture_is_an_error() -> None:
    with pytest.raises(UserError, match="no training picture can be read"):
        Image().fit([b"", b"no"])


def test_grey_is_inferred_unless_any_picture_has_colour() -> None:
    grey, coloured = noise(4, 6), noise(4, 6, 3)
    assert Image().fit([grey, grey])["channels"] == 1
    assert Image().fit([grey, coloured])["channels"] == 3
    assert Image(colors="grey").fit([grey, coloured])["channels"] == 1
    assert Image(colors="rgb").fit([grey, grey])["channels"] == 3


def test_grey_pictures_among_coloured_ones_have_three_equal_channels() -> None:
    pixels = Image().encode([noise(4, 6)], RGB).arrays["pixels"][0]
    assert (pixels == pixels[..., :1]).all()


def test_equal_small_pictures_keep_their_size_and_mixed_or_large_ones_become_squares() -> None:
    def size(*pictures: np.ndarray, **settings: Any) -> tuple[int, int]:
        state = Image(**settings).fit(pictures)
        return state["height"], state["width"]

    assert size(noise(20, 30), noise(20, 30)) == (20, 30)
    assert size(noise(20, 30), noise(30, 20)) == (32, 32)
    assert size(noise(20, 30), noise(30, 20), side=40) == (40, 40)
    assert size(noise(129, 30), noise(129, 30)) == (128, 128)
    assert size(noise(20, 30), noise(30, 20), size=(8, 9)) == (8, 9)


def test_pictures_of_another_size_are_resized() -> None:
    halves = np.zeros((40, 60), np.uint8)
    halves[:, 30:] = 200
    pixels = Image().encode([halves], GREY).arrays["pixels"][0, ..., 0]
    assert pixels.shape == (4, 6)
    assert (pixels[:, :2] == 0).all()
    assert (pixels[:, 4:] == 200).all()


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 4, 6, 1)])
def test_an_array_of_the_right_shape_passes_through_without_a_copy(shape: tuple[int, ...]) -> None:
    given = noise(*shape)
    encoded = Image().encode(given, GREY)
    assert np.shares_memory(encoded.arrays["pixels"], given)
    assert encoded.arrays["pixels"].shape == (5, 4, 6, 1)
    assert encoded.bad == {}


def test_an_array_answers_as_its_pictures_one_by_one() -> None:
    given = noise(5, 4, 6, 3)
    together = Image().encode(given, RGB).arrays["pixels"]
    assert np.array_equal(together, Image().encode(list(given), RGB).arrays["pixels"])
    assert np.array_equal(Image().display({"pixels": together[2]}, RGB), given[2])


def test_mean_and_spread_are_those_of_the_pixels() -> None:
    given = noise(50, 4, 6, 3)
    state = Image().fit(given)
    assert state["mean"] == pytest.approx((given / 255).mean((0, 1, 2)).tolist())
    assert state["spread"] == pytest.approx((given / 255).std((0, 1, 2)).tolist())


def test_pictures_of_one_shade_have_a_spread_that_can_be_divided_by() -> None:
    assert Image().fit([np.zeros((4, 6), np.uint8)])["spread"] == [1 / 255]


def test_many_large_pictures_are_learnt_from_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_pictures, "HELD_BYTES", 1000)
    seen = TrainingPictures.of([noise(10, 10, seed=i) for i in range(100)], (128, 128))
    assert sum(one.size for one in seen.pictures()) <= 1000
    assert len(seen.pictures()) >= 5
    assert seen.sizes.total() == 100


def test_odd_metadata_gives_no_warning() -> None:
    picture = Pillow.new("P", (4, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_picture(file_of(picture, transparency=bytes([0, 128, 255])))


def test_the_size_that_a_picture_had_is_kept_where_it_is_asked_for() -> None:
    pictures = [np.zeros((20, 30), np.uint8), b"junk", np.zeros((12, 8, 3), np.uint8)]
    image = Image(size=(16, 16), keep=True)
    state = image.fit(pictures)
    encoded = image.encode(pictures, state)
    assert encoded.arrays["size"].tolist() == [[20, 30], [0, 0], [12, 8]]
    assert encoded.arrays["pixels"].shape == (3, 16, 16, 3)
    ready = image.encode(np.zeros((2, 16, 16, 3), np.uint8), state)
    assert ready.arrays["size"].tolist() == [[16, 16]] * 2
    assert set(Image(size=(16, 16)).encode(pictures, state).arrays) == {"pixels"}


def test_pictures_no_larger_than_the_side_keep_their_size() -> None:
    pictures = [np.zeros((20, 30), np.uint8)] * 3
    assert [Image(side=side).fit(pictures)["height"] for side in (30, 29)] == [20, 29]
    assert [Image(side=side).fit(pictures)["width"] for side in (30, 29)] == [30, 29]
