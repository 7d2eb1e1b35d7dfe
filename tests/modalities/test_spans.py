"""What explanations stand on: a change of the raw value changes most the tokens whose spans it lies in.

In pixels of the picture as it was given, in seconds or frames, by the points of a skeleton, by the boxes of a detector.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch

from noria.contract import Modality
from noria.errors import UserError
from noria.modalities.detections.modality import Detections
from noria.modalities.image.modality import Image
from noria.modalities.series.modality import Series
from noria.modalities.video.modality import Video
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.train import train
from noria.types import Span, as_tensors
from tiny_data import png


def changes(modality: Modality, learnt: list[Any], value: Any, other: Any) -> list[tuple[Span, float]]:
    """Return each span of a value and how much its token changes where the value is another one."""
    state = modality.fit(learnt)
    torch.manual_seed(0)
    embed = modality.embedder(state, 16).eval()
    tokens = []
    for one in (value, other):
        arrays = modality.encode([one], state).arrays
        with torch.inference_mode():
            tokens.append(embed(as_tensors(arrays, slice(None), "cpu")).features[0])
    spans = modality.spans(value, state)
    return list(zip(spans, (tokens[0] - tokens[1]).abs().sum(1).tolist(), strict=True))


def most(found: Iterable[tuple[Span, float]]) -> Span:
    return max(found, key=lambda one: one[1])[0]


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(90, 120, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(48, 80), (96, 160), (144, 96), (24, 20)])
@pytest.mark.parametrize(
    "settings",
    [
        Image(size=(48, 80), pooling="grid"),
        Image(size=(48, 80), stem="patches", patch=8),
        Image(size=(48, 80), stem="pyramid", strides=(8,)),
        Image(size=(48, 80), stem="pyramid", strides=(4, 16)),
    ],
    ids=["convolution", "patches", "pyramid", "levels"],
)
def test_pixels_are_those_of_the_picture_as_it_was_given(settings: Image, size: tuple[int, int]) -> None:
    height, width = size
    value = picture(height, width)
    other = value.copy()
    other[: height // 6, -width // 8 :] = 255  # the top right corner, a fiftieth of the picture
    found = changes(settings, [picture(48, 80, seed) for seed in range(3)], value, other)
    span = most(found)
    assert span.unit == "pixels"
    tall, wide = span.end[0] - span.start[0], span.end[1] - span.start[1]
    assert span.start[0] < height // 6 + tall  # there or in the cell beside it
    assert span.end[1] > width - width // 8 - wide
    assert {one.end for one, _ in found} >= {(height, width)}
    as_file = settings.spans(png(value), settings.fit([value]))
    assert as_file == [one for one, _ in found]


def test_a_clip_is_explained_in_time_and_in_pixels_of_its_own_frames() -> None:
    settings = Video(frames=4, size=(16, 24), stem="patches", patch=8, motion=False, rate_hz=2.0)
    clip = np.stack([picture(32, 48, seed) for seed in range(8)])
    other = clip.copy()
    other[4:6, 20:30, :12] = 255  # the third of four stretches, below on the left
    span = most(changes(settings, [clip], clip, other))
    assert (span.unit, span.start, span.end) == ("seconds", 2.0, 3.0)
    assert span.name == "pixels (16, 0) to (32, 16)"


def test_a_clip_in_a_npy_file_is_as_long_as_its_array() -> None:
    settings, clip = Video(frames=2, rate_hz=4.0), np.stack([picture(16, 16, seed) for seed in range(8)])
    file = io.BytesIO()
    np.save(file, clip)
    state = settings.fit([clip])
    assert settings.spans(file.getvalue(), state) == settings.spans(clip, state) == settings.spans([*clip], state)
    assert settings.spans(clip, state)[-1].end == 2.0


def skeleton(is_waving: bool, frames: int = 24, seed: int = 0) -> np.ndarray:
    """Return places [frames, 4 points x 3] that tremble, the second of them going up and down or not."""
    places = np.random.default_rng(seed).normal(0, 0.05, (frames, 4, 3)) + np.arange(4)[:, None]
    places[:, 1, 1] += is_waving * np.sin(np.linspace(0, 9, frames))
    return places.reshape(frames, 12).astype(np.float32)


@pytest.mark.parametrize("length", [None, 16])
@pytest.mark.parametrize("pooling", ["grid", "max"])
def test_points_that_stay_apart_are_told_apart(pooling: Any, length: int | None) -> None:
    names = ("hip", "hand", "knee", "head")
    settings = Series(
        dimensions=3, apart=True, points=names, pooling=pooling, length=length, pools=(4,), kernel=3, rate_hz=12.0
    )
    value = skeleton(False)
    other = value.copy()
    other[8:12, 3:6] += 3.0  # the hand, from 0.67 to 1 second
    found = changes(settings, [value, other], value, other)
    assert {span.name for span, change in found if change > 0} == {"hand"}
    assert len(found) == 4 * (1 if pooling == "max" else (length or 24) // 4)
    span = most(found)
    assert span.unit == "seconds"
    assert span.start < 1.0
    assert span.end > 0.66
    far = [change for one, change in found if one.start > 1.5]
    assert not any(far)


def test_an_answer_can_be_explained_by_the_points_of_a_skeleton(tmp_path: Any) -> None:
    """Only the hand tells the class, so what a wave has beside standing still counts most in the hand's tokens."""
    for seed in range(60):
        is_waving = seed % 2 == 1
        folder = tmp_path / "data" / ("wave" if is_waving else "still")
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{seed}.npy", skeleton(is_waving, 16 + seed // 2 % 9, seed))
    names = ["hip", "hand", "knee", "head"]
    series = {"dimensions": 3, "apart": True, "points": names, "widths": [16], "pools": [4], "kernel": 3}
    job = {
        "task": "series-classification",
        "data": {"path": str(tmp_path / "data"), "split": {"validation": 0.2, "test": 0.2}},
        "inputs": {"series": series},
        "train": {"steps": 100, "batch_size": 16, "learning_rate": 0.02, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }
    predictor = load(train(job, run=tmp_path / "run", reporter=Silent()), device="cpu")
    modality, state, model = (
        predictor.task.inputs["series"],
        predictor.states["inputs"]["series"],
        predictor.bundle.model,
    )
    value = skeleton(True, seed=99)
    tokens = [tokens_of(model, modality, state, one) for one in (value, skeleton(False, seed=98))]
    features = tokens[0].features.detach().requires_grad_()
    logits = model.head(model.trunk(tokens[0]._replace(features=features), "full"))["logits"][0]
    (logits.max() - logits.min()).backward()
    worth: dict[str, float] = defaultdict(float)
    parts = (features.grad * (tokens[0].features - tokens[1].features)).sum(2)[0].tolist()
    for span, part in zip(modality.spans(value, state), parts, strict=True):
        worth[span.name] += part
    assert set(worth) == set(names)
    assert predictor.predict([{"series": value}])[0].value == "wave"
    assert max(worth, key=lambda name: worth[name]) == "hand"
    assert worth["hand"] > 0.5 * sum(map(abs, worth.values()))


def tokens_of(model: Any, modality: Modality, state: Any, value: Any) -> Any:
    arrays = modality.encode([value], state).arrays
    return model.eval().tokens({"series": as_tensors(arrays, slice(None), "cpu")})


def test_names_that_are_not_of_the_points_are_refused() -> None:
    settings = Series(dimensions=3, apart=True, points=("hip", "hand"))
    with pytest.raises(UserError, match="more or fewer points than names") as caught:
        settings.embedder(settings.fit([skeleton(False)]), 16)
    assert caught.value.expected == "4 names"
    with pytest.raises(ValueError, match="apart and points need dimensions"):
        Series(apart=True)


def test_a_detection_is_explained_by_its_box_and_frame() -> None:
    boxes = [
        {"frame": 2, "box": [30, 10, 50, 60], "confidence": 0.9},
        {"frame": 1, "box": [28, 10, 48, 60], "confidence": 0.8},
        {"frame": 2, "box": [200, 10, 220, 40], "confidence": 0.4},
    ]
    other = [*boxes[:2], boxes[2] | {"confidence": 0.95}]
    found = changes(Detections(), [boxes], boxes, other)
    assert [(span.name, span.start, span.end) for span, _ in found] == [
        ("frame 1", (10, 28), (60, 48)),
        ("frame 2", (10, 30), (60, 50)),
        ("frame 2", (10, 200), (40, 220)),
    ]
    assert most(found) == found[2][0]
