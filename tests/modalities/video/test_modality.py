"""Video: frames as bytes of pixels, one variation for a whole clip, motion seen, spans in seconds and pixels."""

from __future__ import annotations

import io
import re
from dataclasses import fields

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from noria.checks import check_modality
from noria.errors import UserError, how_to_install
from noria.modalities.image.modality import Image
from noria.modalities.image.settings import PictureSettings
from noria.modalities.video.embedder import augment
from noria.modalities.video.modality import Video
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.train import train
from other_data import read


def moving(direction, seed=0, frames=8, side=24):
    """A bright square that moves right (1) or left (-1) over noise: each frame alone tells nothing of the direction."""
    generator = np.random.default_rng(seed)
    clip = generator.integers(0, 60, (frames, side, side, 3), np.uint8)
    top, first = generator.integers(0, side - 6), generator.integers(0, 5)
    for index in range(frames):
        left = first + 2 * index if direction > 0 else side - 6 - first - 2 * index
        left = int(np.clip(left, 0, side - 6))
        clip[index, top : top + 6, left : left + 6] = 230
    return clip


CLIPS = [moving(1 if seed % 2 else -1, seed) for seed in range(5)]


def gif(clip, seconds=0.1):
    file = io.BytesIO()
    first, *rest = [Pillow.fromarray(frame).quantize(64) for frame in clip]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=round(1000 * seconds))
    return file.getvalue()


SETTINGS = [
    Video(frames=4),
    Video(frames=3, motion=False, colors="grey", size=(20, 16)),
    Video(frames=2, stem="patches", patch=8),
    Video(frames=5, pools=(2, 2), widths=(8, 16), pooling="grid"),
    Video(frames=1),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_contract_is_kept_by_clips_of_unequal_length(settings):
    check_modality(settings, [moving(1, 1, 9), moving(-1, 2, 3), moving(1, 3, 1), moving(-1, 4, 30)])


def test_frames_are_fitted_to_what_training_showed():
    settings = Video(frames=3, side=16)
    state = settings.fit(CLIPS)
    assert (state["height"], state["width"], state["channels"]) == (16, 16, 3)
    pixels = settings.encode([moving(1, 1, 9, side=40), gif(CLIPS[0])], state).arrays["pixels"]
    assert pixels.shape == (2, 3, 16, 16, 3)
    assert pixels[0].max() > 150


def test_what_is_no_clip_is_bad_and_its_neighbours_are_not():
    pytest.importorskip("av", reason="needs noria[video]")
    settings = Video(frames=3)
    state = settings.fit(CLIPS)
    encoded = settings.encode([CLIPS[0], b"junk", CLIPS[1], gif(CLIPS[0])[:300]], state)
    assert set(encoded.bad) == {1, 3}
    assert "known format" in encoded.bad[1]
    assert not encoded.arrays["pixels"][[1, 3]].any()
    assert encoded.arrays["pixels"][2].any()


def test_without_pyav_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(UserError, match=re.escape(how_to_install("video"))):
        Video().encode([gif(CLIPS[0])], Video().fit(CLIPS))


def test_variation_moves_all_frames_of_a_clip_alike_and_each_clip_otherwise():
    """Every frame is the same picture: so it must be afterwards, whatever was done to it."""
    generator = torch.Generator().manual_seed(0)
    still = torch.randint(0, 255, (6, 1, 12, 12, 3), generator=generator, dtype=torch.uint8).expand(-1, 5, -1, -1, -1)
    for settings in (Video(shift=3), Video(flip=True), Video(flip="both"), Video(rotate=20, zoom=0.2), Video(erase=6)):
        torch.manual_seed(1)
        varied = augment(still, settings.picture).float()
        assert varied.shape == still.shape
        assert torch.allclose(varied, varied[:, :1].expand_as(varied), atol=1e-3)
        assert len({str(one) for one in (varied - still.float()).abs().amax((1, 2, 3, 4)).tolist()}) > 1
    assert torch.equal(augment(still, Video().picture), still)


def test_motion_is_seen_by_what_changes_and_the_last_frame_stands_still():
    settings = Video(frames=4, pooling="flat", widths=(8,), pools=(2,))
    state = settings.fit(CLIPS)
    embed = settings.embedder(state, 8).eval()
    pixels = torch.from_numpy(settings.encode(CLIPS[:1], state).arrays["pixels"])
    other = pixels.clone()
    other[:, 2] = 255 - other[:, 2]  # frame 1 sees it coming, frame 2 and no other
    one, two = embed({"pixels": pixels}).features, embed({"pixels": other}).features
    is_same = [torch.equal(one[:, place], two[:, place]) for place in range(4)]
    assert is_same == [True, False, False, True]


@pytest.mark.parametrize(
    ("settings", "value", "expected"),
    [
        (Video(frames=2), CLIPS[0], [("frames", 0, 4, ""), ("frames", 4, 8, "")]),
        (Video(frames=2, rate_hz=4.0), CLIPS[0], [("seconds", 0, 1, ""), ("seconds", 1, 2, "")]),
        (
            Video(frames=1, stem="patches", patch=12, size=(12, 24)),
            CLIPS[0],
            [("frames", 0, 8, "pixels (0, 0) to (24, 12)"), ("frames", 0, 8, "pixels (0, 12) to (24, 24)")],
        ),
    ],
)
def test_a_token_stands_for_a_stretch_of_time_and_a_part_of_the_picture(settings, value, expected):
    spans = settings.spans(value, settings.fit(CLIPS))
    assert [(span.unit, span.start, span.end, span.name) for span in spans] == expected


def test_a_video_tells_its_seconds_itself():
    pytest.importorskip("av", reason="needs noria[video]")
    settings = Video(frames=2)
    spans = settings.spans(gif(CLIPS[0], 0.5), settings.fit(CLIPS))
    assert [(span.unit, span.end) for span in spans] == [("seconds", pytest.approx(2)), ("seconds", pytest.approx(4))]


def test_a_person_sees_some_frames_side_by_side():
    settings = Video(frames=8)
    state = settings.fit(CLIPS)
    shown = settings.display({"pixels": settings.encode(CLIPS[:1], state).arrays["pixels"][0]}, state)
    assert shown.shape == (24, 4 * 24, 3)
    assert (shown[:, :24] == CLIPS[0][0]).all()
    assert (shown[:, -24:] == CLIPS[0][7]).all()


def test_every_setting_of_a_picture_is_one_of_a_clip_and_reaches_its_frames():
    """The keys of a job are flat: inputs.video.size, as inputs.image.size."""
    values = {one.name: getattr(Image(), one.name) for one in fields(PictureSettings)}
    other = {"size": (9, 7), "stem": "patches", "widths": (8,), "pools": (2,), "colors": "grey", "pooling": "grid"}
    other |= {"side": 9, "blocks": 3}
    other |= {name: value + 1 for name, value in values.items() if type(value) in (int, float)} | {"flip": "both"}
    assert other.keys() == values.keys()
    frame = Video(**other).picture
    assert {name: getattr(frame, name) for name in other} == other
    assert all(other[name] != value for name, value in values.items())


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"rate_hz": -1.0}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(UserError, match=f"a video cannot have this {next(iter(wrong))}"):
        Video(**wrong)


def test_class_folders_of_clips_are_learnt_from_and_the_direction_is_told(tmp_path):
    """Files made here: GIFs and folders of frames, of squares that move right or left."""
    pytest.importorskip("av", reason="needs noria[video]")
    for index in range(80):
        name, clip = ("right", moving(1, index)) if index % 2 else ("left", moving(-1, index))
        folder = tmp_path / "clips" / ("train" if index < 56 else "test") / name
        folder.mkdir(parents=True, exist_ok=True)
        if index % 4 < 2:
            (folder / f"{index}.gif").write_bytes(gif(clip))
        else:
            (folder / str(index)).mkdir()
            for place, frame in enumerate(clip):
                Pillow.fromarray(frame).save(folder / str(index) / f"{place + 1}.png")
    job = {
        "task": "video-classification",
        "data": {"path": str(tmp_path / "clips"), "split": {"validation": 0}},
        "inputs": {"video": {"frames": 6, "widths": [16, 32], "pools": [2, 2]}},
        "model": {"width": 32, "heads": 2, "depth": 1},
        "train": {"steps": 60, "batch_size": 16, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }
    run = train(job, run=tmp_path / "run", reporter=Silent())
    model = load(run, device="cpu")
    fresh = [moving(1 if seed % 2 else -1, seed) for seed in range(500, 540)]
    answers = [one.value for one in model.predict([{"video": clip} for clip in fresh])]
    right = [answer == ("right" if seed % 2 else "left") for answer, seed in zip(answers, range(500, 540), strict=True)]
    assert np.mean(right) >= 0.9
    dataset, bad = read(model, tmp_path / "clips")
    assert (len(dataset), bad) == (24, [])
