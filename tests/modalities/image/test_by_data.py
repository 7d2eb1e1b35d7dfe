"""What training pictures decide: the side of squares, the stages of the stem; a model of before keeps its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from noria.job.load import load_job
from noria.modalities.image.augment import augment
from noria.modalities.image.by_data import MIDDLE, STAGES, stages_by_data, stages_of
from noria.modalities.image.modality import Image
from noria.modalities.video.modality import Video
from noria.types import State


def pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, size).astype(np.uint8) for size in sizes]


def fitted(*sizes: tuple[int, int], **settings: Any) -> State:
    return Image(**settings).fit(pictures(*sizes))


@pytest.mark.parametrize(
    ("sizes", "side"),
    [
        ([(5, 5), (7, 6), (8, 8)], 8),
        ([(30, 20), (42, 41), (43, 42), (90, 200)], 48),
        ([(60, 40), (50, 64), (64, 64)], 64),
        ([(480, 640), (640, 480), (300, 200)], 128),
        ([(200, 300)] * 3, 128),
    ],
)
def test_the_side_is_the_least_that_the_middle_picture_fits_into(sizes: list[tuple[int, int]], side: int) -> None:
    state = fitted(*sizes)
    assert (state["height"], state["width"]) == (side, side)


def test_the_side_that_was_chosen_is_told_and_one_that_was_given_is_not() -> None:
    sizes = [(40, 30), (42, 36), (44, 38)]
    told = "pictures are 36 x 42 in the middle; the network sees 48 x 48: `side` sets another size"
    assert Image().remarks(fitted(*sizes)) == [told]
    for state in (fitted(*sizes, side=40), fitted(*sizes, size=(20, 20)), fitted((42, 36), (42, 36))):
        assert MIDDLE not in state
        assert Image().remarks(state) == []


def test_a_clip_has_frames_of_at_most_64_pixels_where_nobody_asked_for_more() -> None:
    small, large = (np.stack(pictures(*[size] * 3)) for size in ((20, 26), (90, 100)))
    assert [Video().fit([small] * 2)[side] for side in ("height", "width")] == [20, 26]
    assert Video().fit([small, small, large])["height"] == 32
    assert Video().fit([large, large])["height"] == 64
    assert Video(side=80).fit([large, large])["height"] == 80
    assert Video().fit([large, large])[STAGES] == {"pools": [2, 2, 2], "blocks": 1}


@pytest.mark.parametrize("side", [8, 16, 20, 24, 28, 32, 36, 48, 64, 65, 96, 100, 128, 200, 256, 320])
def test_the_last_map_is_4_to_8_places_wide_whatever_the_side(side: int) -> None:
    (grid,) = Image(pooling="grid").embedder(fitted((side, side), size=(side, side)), 32).grids
    assert 4 <= grid[0] == grid[1] <= 8


def test_channels_double_from_stage_to_stage_up_to_the_width_of_the_model() -> None:
    def widths(side: int, width: int) -> tuple[int, ...]:
        return stages_of(Image(), {STAGES: stages_by_data(side, side)}, width)[0]

    assert [widths(side, 128) for side in (28, 48, 96)] == [(32, 64, 128), (32, 64, 128), (16, 32, 64, 128)]
    assert widths(256, 128) == (16, 16, 32, 64, 128)
    assert widths(96, 16) == (4, 4, 8, 16)


def test_what_a_job_says_wins_over_what_pictures_decide() -> None:
    state = fitted((96, 96))
    assert stages_of(Image(widths=(8, 8), pools=(4,), blocks=3), state, 128) == ((8, 8), (4,), 3)
    assert stages_of(Image(pools=(2, 2, 2)), state, 128) == ((32, 64, 128), (2, 2, 2), 2)


@pytest.mark.parametrize("side", [28, 96])
def test_a_model_whose_state_says_nothing_has_the_stages_of_before(side: int) -> None:
    state = fitted((side, side))
    del state[STAGES]
    before = Image(pools=(2, 2, 2), blocks=1, widths=(32, 64, 128))

    def shapes(settings: Image) -> dict[str, torch.Size]:
        return {name: value.shape for name, value in settings.embedder(state, 128).state_dict().items()}

    assert shapes(Image()) == shapes(before)
    assert Image(pooling="grid").embedder(state, 128).grids == ((side // 8, side // 8),)
    assert Image().warm_start(state) == state


@pytest.mark.parametrize("side", [8, 28, 96])
def test_a_shift_of_null_is_a_sixteenth_of_the_side(side: int) -> None:
    pixels = torch.zeros(400, side, side, 1)
    pixels[:, side // 2, side // 2] = 255
    torch.manual_seed(0)
    rows = augment(pixels, Image(shift=None)).flatten(1).argmax(1) // side
    assert int((rows - side // 2).abs().max()) == math.ceil(side / 16)
    assert torch.equal(augment(pixels, Image(shift=0)), pixels)


def test_a_classifier_varies_its_pictures_lightly_and_never_flips_them() -> None:
    task = load_job({"task": "image-classification"})[1]
    image = task.inputs["image"]
    assert isinstance(image, Image)
    assert task.target.smoothing == 0.05  # type: ignore[attr-defined]
    assert (image.shift, image.rotate, image.zoom, image.color_jitter) == (None, 10, 0.1, 0.1)
    assert image.flip is False


@pytest.mark.parametrize(
    ("job", "image", "smoothing"),
    [
        ("demo", {"pools": (2, 2, 2), "blocks": 1, "shift": 1, "rotate": 0, "zoom": 0}, 0),
        ("digits", {"pools": (2, 2, 1), "blocks": 1, "shift": 2, "rotate": 12, "zoom": 0.1}, 0.05),
        ("cifar10", {"pools": (2, 2, 2), "blocks": 2, "shift": 2, "rotate": 0, "zoom": 0}, 0.2),
    ],
)
def test_a_shipped_job_says_all_that_its_score_was_measured_with(
    job: str, image: dict[str, Any], smoothing: float
) -> None:
    _, task = load_job(job)
    assert {name: getattr(task.inputs["image"], name) for name in image} == image
    assert task.inputs["image"].color_jitter == 0  # type: ignore[attr-defined]
    assert task.target.smoothing == smoothing  # type: ignore[attr-defined]
