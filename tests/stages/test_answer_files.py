"""Answers as files: pictures with the answer on them, an answer's own format, videos; and what cannot be written so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noria.errors import UserError
from noria.examples import records_like
from noria.stages.answer_files import ANSWERS, write_files
from noria.stages.film import frames, write_film, write_frames
from noria.stages.predict import load
from noria.vision.mot import read_mot
from tiny_data import png

Trained = Callable[[str], Path]


def pictures(trained: Trained, folder: Path, count: int = 2) -> list[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    records = records_like(load(trained("object-detection")).task, count, seed=3)
    files = [png(record["image"]) for record in records]
    for number, data in enumerate(files):
        (folder / f"{number}.png").write_bytes(data)
    return files


def test_a_folder_of_pictures_is_drawn_into_a_folder_and_bad_ones_are_said(trained: Trained, tmp_path: Path) -> None:
    files = pictures(trained, tmp_path / "in")
    (tmp_path / "in" / "9.png").write_bytes(b"no picture")
    said = write_files(trained("object-detection"), [tmp_path / "in"], tmp_path / "out")
    assert said.startswith("drew 2 answers")
    assert "1 could not be answered" in said
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["0.png", "1.png", ANSWERS]
    with Image.open(tmp_path / "out" / "0.png") as drawn:
        assert drawn.width >= 480
    lines = [json.loads(line) for line in (tmp_path / "out" / ANSWERS).read_text("utf-8").splitlines()]
    assert [one["where"] for one in lines] == ["in/0.png", "in/1.png", "in/9.png"]
    assert "not a picture" in lines[2]["error"]
    predicted = load(trained("object-detection")).predict([{"image": files[0]}])[0]
    assert lines[0]["value"] == predicted.as_json()["value"]


def test_one_picture_is_drawn_into_one_file(trained: Trained, tmp_path: Path) -> None:
    pictures(trained, tmp_path / "in")
    run = trained("object-detection")
    for name in ("a.png", "a.jpg"):
        write_files(run, [tmp_path / "in" / "0.png"], tmp_path / name)
        with Image.open(tmp_path / name) as drawn:
            assert drawn.width >= 480
    with pytest.raises(UserError, match="one file holds one answer"):
        write_files(run, [tmp_path / "in"], tmp_path / "b.png")
    with pytest.raises(UserError, match="cannot write an answer of this kind so"):
        write_files(run, [tmp_path / "in" / "0.png"], tmp_path / "b.txt")
    (tmp_path / "in" / "9.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="not a picture"):
        write_files(run, [tmp_path / "in" / "9.png"], tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()


def test_what_lies_in_no_picture_is_not_drawn(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(np.zeros((28, 28), np.uint8)))
    with pytest.raises(UserError, match="cannot be drawn"):
        write_files(trained("image-classification"), [tmp_path / "a.png"], tmp_path / "out")


def test_tracks_are_written_as_a_mot_file(trained: Trained, tmp_path: Path) -> None:
    run = trained("object-tracking")
    record = records_like(load(run).task, 1, seed=5)[0]
    (tmp_path / "det.txt").write_bytes(record["detections"])
    write_files(run, [tmp_path / "det.txt"], tmp_path / "tracks.txt")
    value = load(run).predict([{"detections": record["detections"]}])[0].value
    assert len(value) > 0
    assert read_mot((tmp_path / "tracks.txt").read_bytes())[:, :2].tolist() == [
        [one["frame"], one["id"]] for one in value
    ]


def test_frames_of_a_video_keep_their_size_and_their_time(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV")
    seconds = [0, 0.04, 0.5, 1.0]
    shades = [np.full((48, 64, 3), 60 * number, np.uint8) for number in range(4)]
    assert write_frames(iter(zip(shades, seconds, strict=True)), tmp_path / "a.mp4") == 4
    found = list(frames(tmp_path / "a.mp4"))
    assert [picture.shape for picture, _ in found] == [(48, 64, 3)] * 4
    assert [time for _, time in found] == pytest.approx(seconds, abs=0.002)
    assert [abs(int(picture.mean()) - 60 * number) <= 6 for number, (picture, _) in enumerate(found)] == [True] * 4
    assert [one.name for one in tmp_path.iterdir()] == ["a.mp4"]


def test_a_video_is_drawn_frame_by_frame_and_tracked_with_a_detector(trained: Trained, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV")
    pictures(trained, tmp_path / "in", 5)
    finder, tracker = trained("object-detection"), trained("object-tracking")
    assert write_film(finder, tmp_path / "in", tmp_path / "a.mp4").startswith("drew answers on 5 frames")
    assert len(list(frames(tmp_path / "a.mp4"))) == 5
    write_film(tracker, tmp_path / "in", tmp_path / "b.mp4", finder)
    assert len({picture.shape for picture, _ in frames(tmp_path / "b.mp4")}) == 1
    write_film(tracker, tmp_path / "in", tmp_path / "b.txt", finder)
    assert (tmp_path / "b.txt").exists()
    with pytest.raises(UserError, match="cannot write the answer to a video so"):
        write_film(tracker, tmp_path / "in", tmp_path / "b.csv", finder)


def test_a_broken_video_is_said_and_leaves_nothing(trained: Trained, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs PyAV")
    (tmp_path / "in.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match="the video cannot be read"):
        write_film(trained("object-detection"), tmp_path / "in.mp4", tmp_path / "a.mp4")
    assert [one.name for one in tmp_path.iterdir()] == ["in.mp4"]
