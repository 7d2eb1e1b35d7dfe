"""Answers as files: pictures with the answer on them, an answer's own format, videos; and what cannot be written so."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from children import Moments, disk_full, exit_code
from noria.contract import registry
from noria.contract.examples import records_like
from noria.errors import UserError
from noria.modalities.detections.mot import read_mot
from noria.pipeline import video_output
from noria.pipeline.bundle import Bundle, load_bundle
from noria.pipeline.predictor import Answer, Predictor, load
from noria.pipeline.sinks import ANSWERS, write_answers, write_one
from noria.pipeline.video_output import frames, write_film, write_frames
from noria.sound.reading import read_sound
from noria.sound.wav import wav_bytes
from noria.stages.predict import predict, predict_to
from noria.types import Arrays, Dataset, Media, Prediction
from stages.test_assistant import run_of
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
    said = predict_to(trained("object-detection"), [tmp_path / "in"], tmp_path / "out")
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
        predict_to(run, [tmp_path / "in" / "0.png"], tmp_path / name)
        with Image.open(tmp_path / name) as drawn:
            assert drawn.width >= 480
    with pytest.raises(UserError, match="one file holds one answer"):
        predict_to(run, [tmp_path / "in"], tmp_path / "b.png")
    with pytest.raises(UserError, match=r"answers are not written as \.txt"):
        predict_to(run, [tmp_path / "in" / "0.png"], tmp_path / "b.txt")
    (tmp_path / "in" / "9.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="not a picture"):
        predict_to(run, [tmp_path / "in" / "9.png"], tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()


def test_what_lies_in_no_picture_is_not_drawn(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(np.zeros((28, 28), np.uint8)))
    said = predict_to(trained("image-classification"), [tmp_path / "a.png"], tmp_path / "out")
    assert "1 are nothing to draw" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["answers.jsonl"]
    assert json.loads((tmp_path / "out" / "answers.jsonl").read_text())["value"] is not None


def test_tracks_are_written_as_a_mot_file(trained: Trained, tmp_path: Path) -> None:
    run = trained("object-tracking")
    record = records_like(load(run).task, 1, seed=5)[0]
    (tmp_path / "det.txt").write_bytes(record["detections"])
    predict_to(run, [tmp_path / "det.txt"], tmp_path / "tracks.txt")
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


def asked_together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records the model is asked about at once, from now on."""
    sizes: list[int] = []
    plain = Predictor.outputs

    def outputs(self: Predictor, dataset: Dataset) -> Arrays:
        sizes.append(len(dataset))
        return plain(self, dataset)

    monkeypatch.setattr(Predictor, "outputs", outputs)
    return sizes


def test_drawn_pictures_and_frames_are_answered_together_and_some_at_a_time(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av", reason="needs PyAV")
    run = trained("object-detection")
    pictures(trained, tmp_path / "in", 7)
    sizes = asked_together(monkeypatch)
    predict_to(run, [tmp_path / "in"], tmp_path / "out")
    assert sizes == [7]
    monkeypatch.setattr(video_output, "FRAMES", 3)
    predict_to(run, [tmp_path / "in"], tmp_path / "a.mp4")
    assert sizes[1:] == [3, 3, 1]
    monkeypatch.setattr("noria.pipeline.encoder.FILES", 1)
    monkeypatch.setattr("noria.pipeline.predictor.load_bundle", with_batches_of(4))
    predict_to(run, [tmp_path / "in"], tmp_path / "out")
    assert sizes[4:] == [4, 3]


def with_batches_of(size: int) -> Callable[..., Bundle]:
    def loaded(*arguments: Any) -> Bundle:
        bundle = load_bundle(*arguments)
        few = bundle.job.evaluate.model_copy(update={"batch_size": size})
        return replace(bundle, job=bundle.job.model_copy(update={"evaluate": few}))

    return loaded


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """Let the system cut every write short that makes a file larger: EFBIG, which is a disk full for one file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WAYS = ["out", "a.png", "tracks.txt", "film.mp4", "film-tracks.txt", "a.jsonl", "a.csv"]


def writer(name: str, trained: Trained, folder: Path) -> Callable[[Path], str]:
    """A function that writes answers to a path, in one of the ways that there are."""
    pictures(trained, folder / "in", 3)
    finder, tracker = trained("object-detection"), trained("object-tracking")
    if name == "tracks.txt":
        record = records_like(load(tracker).task, 1, seed=5)[0]
        (folder / "det.txt").write_bytes(record["detections"])
        return lambda out: predict_to(tracker, [folder / "det.txt"], out)
    if name.startswith("film"):
        pytest.importorskip("av", reason="needs PyAV")
        detector = None if name == "film.mp4" else finder
        return lambda out: write_film(tracker if detector else finder, folder / "in", out, detector)
    if name in ("a.jsonl", "a.csv"):
        return lambda out: write_answers(predict(finder, [folder / "in"]), out)
    return lambda out: predict_to(finder, [folder / "in" if name == "out" else folder / "in" / "0.png"], out)


def left(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("name", WAYS)
def test_a_disk_that_fills_up_leaves_whole_answers_or_none(name: str, trained: Trained, tmp_path: Path) -> None:
    """Every change of the disk fails once, and then every write is cut short by the system itself."""
    write, place = writer(name, trained, tmp_path), tmp_path / "made"
    write(place / "whole" / name)
    whole = left(place / "whole")
    failed = 0
    for moment in range(1, 60):
        moments = Moments(place, moment, disk_full)
        try:
            code = exit_code(lambda moment=moment: write(place / str(moment) / name))  # type: ignore[misc]
        finally:
            moments.stop()
        found = left(place / str(moment))
        assert code in (0, 74)
        assert found.items() <= whole.items(), f"full at change {moment} of the disk"
        if moments.count < moment:
            break
        failed += code == 74
    else:
        pytest.fail("it never got through")
    assert failed >= 4
    largest = max(map(len, whole.values()))
    for share in (0.0, 0.4, 0.999) if largest else ():  # a tiny detector may find nothing to track
        with largest_file(int(share * largest)), pytest.raises(UserError) as caught:
            write(place / f"cut-{share}" / name)
        assert caught.value.exit_code == 74
        assert "free some space and run the command again" in str(caught.value)
        assert "--resume" not in str(caught.value)
        assert left(place / f"cut-{share}").items() <= whole.items()


def test_an_answer_that_cannot_be_written_keeps_the_one_that_is_there(trained: Trained, tmp_path: Path) -> None:
    write = writer("a.png", trained, tmp_path)
    (tmp_path / "a.png").write_bytes(b"old")
    with largest_file(100), pytest.raises(UserError, match="the disk is full"):
        write(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize("name", WAYS)
def test_a_place_where_no_file_can_stand_is_said(name: str, trained: Trained, tmp_path: Path) -> None:
    write = writer(name, trained, tmp_path)
    (tmp_path / "file").write_bytes(b"a file")
    with pytest.raises(UserError, match="cannot be written"):
        write(tmp_path / "file" / name)
    if name != "out":
        (tmp_path / "folder" / name).mkdir(parents=True)
        with pytest.raises(UserError, match="is a folder"):
            write(tmp_path / "folder" / name)


def test_pictures_of_the_same_name_from_two_folders_are_both_drawn(trained: Trained, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        pictures(trained, tmp_path / folder, 1)
    said = predict_to(trained("object-detection"), [tmp_path / "one", tmp_path / "two" / "0.png"], tmp_path / "out")
    assert said.startswith("drew 2 answers")
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["0-2.png", "0.png", ANSWERS]


def sounds(folder: Path, count: int = 2) -> list[Path]:
    folder.mkdir()
    records = records_like(registry.task("speech-recognition"), count, seed=3)
    files = [folder / f"call-{number}.wav" for number in range(count)]
    for file, record in zip(files, records, strict=True):
        heard = read_sound(record["audio"])
        file.write_bytes(wav_bytes(heard.samples, heard.rate_hz))
    return files


def test_each_answer_is_a_file_of_its_own_format_as_the_error_advises(tmp_path: Path) -> None:
    run, calls = run_of("voice-activity-detection", tmp_path / "training"), sounds(tmp_path / "calls")
    with pytest.raises(UserError, match="one file holds one answer") as caught:
        predict_to(run, calls, tmp_path / "subs.srt")
    advised = caught.value.fix.split("'")[1]
    assert advised == str(tmp_path / "subs" / "*.srt")
    assert "wrote 2 answers" in predict_to(run, calls, advised)
    written = sorted(file.name for file in (tmp_path / "subs").iterdir())
    assert [Path(name).suffix for name in written] == [".jsonl", ".srt", ".srt"]
    assert all("call-" in name for name in written[1:])
    predict_to(run, [calls[0]], tmp_path / "one.srt")
    assert (tmp_path / "one.srt").read_bytes() == (tmp_path / "subs" / written[1]).read_bytes()
    with pytest.raises(UserError, match=r"answers are not written as \.xyz"):
        predict_to(run, calls, tmp_path / "subs" / "*.xyz")


def test_a_file_of_one_answer_is_told_with_what_the_answer_says_of_itself(tmp_path: Path) -> None:
    media = Media("audio/wav", b"RIFF")
    predictor = cast("Predictor", SimpleNamespace(task=SimpleNamespace(target=None)))
    answer = cast("Answer", SimpleNamespace(prediction=Prediction("", None, {"left_out": "你 好"}, media)))
    assert write_one(predictor, iter([answer]), tmp_path / "x.wav").endswith("x.wav; left out: 你 好")


def test_a_sound_is_written_by_its_own_ending(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"answers are not written as \.mp3") as caught:
        predict_to(trained("text-to-speech"), ["one"], tmp_path / "x.mp3")
    assert caught.value.expected.startswith(".wav")
