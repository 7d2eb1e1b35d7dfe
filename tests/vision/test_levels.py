"""Levels: one scale for all pictures that are not of bytes, learnt from training and never from the picture at hand."""

from __future__ import annotations

import numpy as np
import pytest

from noria.vision.levels import LevelRange, as_bytes, kind_of, level_notes

SCALES = {
    "floats of 0 to 1": (np.array([0.1, 0.9], np.float32), "floats", [0, 1]),
    "floats of -1 to 1": (np.array([-0.3, 0.9], np.float64), "floats", [-1, 1]),
    "half precision": (np.array([0, 0.5], np.float16), "floats", [0, 1]),
    "bytes as floats": (np.array([3.0, 90.0]), "floats", [0, 255]),
    "means of bytes as floats": (np.array([3.5, 250.25]), "floats", [0, 255]),
    "degrees": (np.array([18.5, 39.25]), "floats", [18.5, 39.25]),
    "12 bits as floats": (np.array([0.5, 4000.0]), "floats", [0.5, 4000]),
    "standardised": (np.array([-2.5, 3.0]), "floats", [-2.5, 3]),
    "truth": (np.array([True, False]), "integers", [0, 1]),
    "bytes as int64": (np.array([0, 200]), "integers", [0, 255]),
    "10 bits in 16": (np.array([0, 1000], np.uint16), "integers", [0, 1023]),
    "12 bits in 16": (np.array([5, 4095], np.uint16), "integers", [0, 4095]),
    "14 bits in 16": (np.array([5, 9000], np.int32), "integers", [0, 16383]),
    "16 bits": (np.array([5, 60000], np.uint16), "integers", [0, 65535]),
    "Hounsfield units": (np.array([-1024, 3000], np.int16), "integers", [-1024, 3000]),
    "32 bits": (np.array([7, 10**6]), "integers", [7, 10**6]),
    "one level": (np.array([300.5, 300.5]), "floats", [300.5, 301.5]),
}


@pytest.mark.parametrize("name", SCALES)
def test_the_scale_is_the_smallest_usual_one_that_holds_all_that_was_seen(name: str) -> None:
    pixels, kind, scale = SCALES[name]
    seen = LevelRange()
    for part in pixels:  # one picture a pixel: no picture shows it all
        seen.see(np.array([[part]]))
    assert seen.levels() == {kind: scale}
    assert f"pixels that are {kind}" in level_notes(seen.levels())[0]


def test_bytes_have_no_scale_and_each_other_kind_has_its_own() -> None:
    seen = LevelRange()
    for pixels in (np.zeros((2, 2), np.uint8), np.full((2, 2), 900, np.uint16), np.full((2, 2), 0.5)):
        seen.see(pixels)
    assert seen.levels() == {"integers": [0, 1023], "floats": [0, 1]}
    assert kind_of(np.zeros((2, 2), np.uint8)) == "bytes"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_bytes_that_were_divided_by_255_come_back_exactly(dtype: type) -> None:
    given = np.arange(256, dtype=np.uint8)
    assert np.array_equal(as_bytes((given / 255).astype(dtype), (0, 1)), given)


def test_a_dark_picture_stays_dark_and_what_lies_a_little_beyond_is_cut() -> None:
    assert as_bytes(np.array([0.0, 0.1]), (0, 1)).tolist() == [0, 26]
    assert as_bytes(np.array([-0.02, 1.04]), (0, 1)).tolist() == [0, 255]
    hot = np.zeros(1000)
    hot[0] = 1e6  # a flaw of the sensor
    assert as_bytes(hot, (0, 1)).max() == 255


@pytest.mark.parametrize(
    ("pixels", "scale"),
    [
        (np.array([0.0, 90.0, 255.0]), (0, 1)),
        (np.array([-1.0, 0.5]), (0, 1)),
        (np.array([100, 40_000]), (0, 4095)),
        (np.array([0.25, 0.75]), (0, 255)),
    ],
)
def test_a_picture_of_another_scale_is_refused_with_both(pixels: np.ndarray, scale: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=f"its pixels lie in .*, those of the training pictures in {scale[0]} to"):
        as_bytes(pixels, scale)
