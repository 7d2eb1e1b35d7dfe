"""Pictures that are not of bytes: seen as the same picture of bytes is, from every kind of file, alone or together."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from noria.job.load import load_job
from noria.modalities.image.modality import Image
from noria.modalities.video.modality import Video
from noria.pipeline.predictor import load
from noria.pipeline.prepared import Prepared
from noria.reporter import Silent
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.targets.view import View

BYTES = np.random.default_rng(0).integers(0, 120, (60, 8, 8)).astype(np.uint8)  # none shows how bright a pixel can be
BYTES[-1, 0, 0] = 255
LABELS = np.arange(60) % 2
OTHERS = {
    "floats of 0 to 1": (BYTES / 255).astype(np.float32),
    "floats of -1 to 1": (BYTES / 127.5 - 1).astype(np.float32),
    "floats of 0 to 255": BYTES.astype(np.float32),
    "whole numbers": BYTES.astype(np.int64),
    "16 bits": BYTES.astype(np.uint16) * 257,
    "12 bits in 16": np.rint(BYTES * (4095 / 255)).astype(np.uint16),
    "in three channels": np.repeat(BYTES[..., None] / 255, 3, 3),
}


def of_npz(path: Path, pictures: np.ndarray) -> Prepared:
    parts = {"train": slice(10, None), "val": slice(5, 10), "test": slice(5)}  # what a hash divides differs by number
    arrays = {f"x_{part}": pictures[rows] for part, rows in parts.items()}
    np.savez(path, **arrays, **{f"y_{part}": LABELS[rows] for part, rows in parts.items()})
    job, task = load_job({"task": "image-classification", "data": {"path": str(path)}})
    return prepare(job, task)


def tiff(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize("name", OTHERS)
def test_an_archive_of_other_numbers_is_prepared_as_that_of_bytes(name: str, tmp_path: Path) -> None:
    plain, other = of_npz(tmp_path / "bytes.npz", BYTES), of_npz(tmp_path / "other.npz", OTHERS[name])
    if name == "in three channels":
        plain = of_npz(tmp_path / "colour.npz", np.repeat(BYTES[..., None], 3, 3))
    assert plain.fingerprint == other.fingerprint
    assert "levels" not in plain.states["inputs"]["image"]
    assert not [note for note in plain.report["notes"] if "black" in note]
    (note,) = [note for note in other.report["notes"] if "black" in note]
    assert note.startswith("image: pixels that are ")


@pytest.mark.parametrize("name", [name for name in OTHERS if name not in ("whole numbers", "in three channels")])
def test_files_and_arrays_are_read_on_the_one_scale_one_at_a_time(name: str) -> None:
    image, other = Image(), list(OTHERS[name])
    state = image.fit(other)
    for given in (other, [tiff(one) for one in other], np.array(other)):
        assert image.encode(given, state).bad == {}
        assert np.array_equal(image.encode(given, state).arrays["pixels"][..., 0], BYTES)
    alone = image.encode([tiff(other[3])], state).arrays["pixels"][0, ..., 0]
    assert np.array_equal(alone, BYTES[3])
    assert np.array_equal(image.encode([BYTES[3]], state).arrays["pixels"][0, ..., 0], BYTES[3])


def test_statistics_of_large_pictures_are_those_of_the_scale_and_not_of_the_copy_that_was_kept() -> None:
    large = [np.full((40, 40), level * 16, np.uint16) for level in (10, 250)]
    small = Image(size=(8, 8)).fit(large)
    assert small["levels"] == {"integers": [0, 4095]}
    assert small["mean"] == pytest.approx([130 * 16 / 4095], abs=0.01)


def test_a_model_of_bytes_takes_floats_of_0_to_1_and_of_0_to_255_and_refuses_what_it_cannot_know() -> None:
    image = Image()
    state = image.fit(BYTES)
    for given in (OTHERS["floats of 0 to 1"][3], OTHERS["floats of 0 to 255"][3], tiff(OTHERS["floats of 0 to 1"][3])):
        seen = image.encode([given], state).arrays["pixels"][0, ..., 0].astype(int)
        assert np.abs(seen - BYTES[3]).max() <= 1  # files as ever: cut, not rounded
    assert "pixels must lie in 0 to 255" in image.encode([OTHERS["floats of -1 to 1"][3]], state).bad[0]
    assert "pixels must lie in 0 to 255" in image.encode([OTHERS["16 bits"][3]], state).bad[0]


def test_transparency_and_channels_that_stand_first_are_seen_or_named() -> None:
    clear = np.zeros((2, 2, 4))
    clear[0, 0] = 1, 0, 0, 1
    image = Image()
    state = image.fit([clear])
    assert image.encode([clear], state).arrays["pixels"][0].tolist() == [
        [[255, 0, 0], [255, 255, 255]],
        [[255, 255, 255], [255, 255, 255]],
    ]
    assert "transpose(1, 2, 0)" in image.encode([np.zeros((3, 8, 8))], state).bad[0]


def test_clips_and_second_views_are_read_on_one_scale_too() -> None:
    clips = [np.array(OTHERS["floats of 0 to 1"][start : start + 4]) for start in range(0, 60, 4)]
    video = Video(frames=2)
    state = video.fit(clips)
    assert state["levels"] == {"floats": [0, 1]}
    assert np.array_equal(video.encode(clips[:1], state).arrays["pixels"][0, ..., 0], BYTES[[1, 3]])
    frames = [[tiff(frame) for frame in clips[0]]]
    assert np.array_equal(video.encode(frames, state).arrays["pixels"][0, ..., 0], BYTES[[1, 3]])
    view = View()
    state = view.fit(OTHERS["12 bits in 16"])
    assert np.array_equal(view.encode(OTHERS["12 bits in 16"][:2], state).arrays["pixels"][..., 0], BYTES[:2])


def test_a_bundle_keeps_the_scale_and_answers_one_picture_as_it_does_many(tmp_path: Path) -> None:
    np.savez(tmp_path / "floats.npz", image=OTHERS["floats of 0 to 1"], label=LABELS)
    job = {
        "task": "image-classification",
        "data": {"path": str(tmp_path / "floats.npz")},
        "model": {"size": "tiny", "depth": 0},
        "train": {"steps": 3, "precision": "float32"},
    }
    train(job, run=tmp_path / "run", reporter=Silent())
    model = load(tmp_path / "run")
    dark = OTHERS["floats of 0 to 1"][3]
    given = [{"image": one} for one in (dark, BYTES[3], tiff(dark))]
    answers = [answer.details for one in given for answer in model.predict([one])]
    assert answers[0] == answers[1] == answers[2]


def test_what_training_starts_from_keeps_its_scales_and_learns_those_that_it_does_not_have() -> None:
    image = Image()
    of_bytes = image.fit(BYTES)
    assert image.complete_state(of_bytes, list(BYTES)) == of_bytes
    files = [tiff(one) for one in OTHERS["12 bits in 16"]]
    completed = image.complete_state(of_bytes, [b"no picture", *files])
    assert completed == {**of_bytes, "levels": {"integers": [0, 4095]}}
    brighter = [np.full((8, 8), 60_000, np.uint16), np.full((8, 8), 0.5)]
    assert image.complete_state(completed, brighter)["levels"] == {"integers": [0, 4095], "floats": [0, 1]}
    video = Video(frames=1)
    clips = [OTHERS["12 bits in 16"][:4], b"a film of bytes"]
    assert video.complete_state(of_bytes, clips)["levels"] == {"integers": [0, 4095]}


def test_a_training_that_starts_from_a_model_of_bytes_learns_the_scale_of_its_own_pictures(tmp_path: Path) -> None:
    for name, pictures in (("bytes", BYTES), ("deep", OTHERS["12 bits in 16"])):
        np.savez(tmp_path / f"{name}.npz", image=pictures, label=LABELS)
    job = {
        "task": "image-classification",
        "data": {"path": str(tmp_path / "bytes.npz")},
        "model": {"size": "tiny", "depth": 0},
        "train": {"steps": 2, "precision": "float32"},
    }
    train(job, run=tmp_path / "first", reporter=Silent())
    job |= {"data": {"path": str(tmp_path / "deep.npz")}, "model": {"from": str(tmp_path / "first")}}
    prepared = prepare(*load_job(job))
    assert prepared.states["inputs"]["image"]["levels"] == {"integers": [0, 4095]}
