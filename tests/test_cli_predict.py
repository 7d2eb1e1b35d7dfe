"""`noria predict` on one thing at a time: a file of a series, a clip, a folder of frames, and what is none of these."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.train import train
from tiny_data import file_of, tiny_file

Predict = Callable[..., "tuple[int, list[dict[str, Any]], str]"]
CIRCLE = np.stack([np.cos(np.linspace(0, 6, 20)), np.sin(np.linspace(0, 6, 20))], 1).round(3)
CLIP = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3)).astype(np.uint8)


@pytest.fixture
def predict(noria: Callable[..., tuple[int, str, str]]) -> Predict:
    """A function: words -> exit code, the answers that were printed, what was said to standard error."""

    def run(*words: object) -> tuple[int, list[dict[str, Any]], str]:
        code, out, said = noria("predict", *words)
        return code, [json.loads(line) for line in out.splitlines()], said

    return run


def text_of(series: np.ndarray, separator: str, header: str = "") -> bytes:
    return (header + "".join(separator.join(map(str, row)) + "\n" for row in series.tolist())).encode()


WRITTEN = {
    "a.txt": text_of(CIRCLE, " "),
    "a.csv": text_of(CIRCLE, ","),
    "b.csv": text_of(CIRCLE, ",", "x,y\n"),
    "a.tsv": text_of(CIRCLE, "\t"),
    "a.json": json.dumps(CIRCLE.tolist()).encode(),
    "a.npy": file_of(CIRCLE),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_one_file_of_a_series_is_one_record_however_it_is_written(
    name: str, predict: Predict, trained: Any, tmp_path: Path
) -> None:
    run = trained("series-classification")
    (tmp_path / name).write_bytes(WRITTEN[name])
    code, answers, _ = predict(run, tmp_path / name)
    assert code == 0
    assert [one["where"] for one in answers] == [str(tmp_path / name)]
    assert answers[0]["value"] in load(run).states["target"]["classes"]
    assert answers[0]["value"] == load(run).predict([{"series": CIRCLE}])[0].value


def test_a_table_that_names_files_of_series_stays_a_table(predict: Predict, trained: Any, tmp_path: Path) -> None:
    run = trained("series-classification")
    path = tiny_file(load(run).task, tmp_path / "data", count=4, seed=2)
    code, answers, _ = predict(run, path)
    assert code == 0
    assert [one["where"] for one in answers] == [f"records.csv:{line}" for line in range(2, 6)]
    path.write_text(path.read_text("utf-8").replace("series,", "sries,", 1), "utf-8")
    code, answers, said = predict(run, path)
    assert (code, answers) == (2, [])
    assert "is neither a table of records nor one record" in said
    assert "as a table: the data has no column 'file' for the field 'series'" in said
    assert "as one series: row 1 holds 'series-0.npy', which is no number" in said


def test_series_in_a_table_of_numbers_are_answered_with_the_label_or_without(predict: Predict, tmp_path: Path) -> None:
    """As training had them: a row a series, its numbers in columns, no header."""
    generator = np.random.default_rng(0)
    rows = [[label, *generator.normal(3 * label, 1, 8).round(3)] for label in (0, 1) * 30]
    (tmp_path / "train.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows), "utf-8")
    names = [f"n{place}" for place in range(8)]
    job = {
        "task": "series-classification",
        "data": {"path": str(tmp_path / "train.csv"), "columns": ["label", *names], "fields": {"series": names}},
        "inputs": {"series": {"channels": 2, "widths": [8], "pools": [2]}},
        "train": {"steps": 10, "batch_size": 16, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }
    run = train(job, run=tmp_path / "run", reporter=Silent())
    answers = {}
    for name, first in (("with.csv", 0), ("without.csv", 1)):
        lines = [",".join(map(str, row[first:])) for row in rows[:3]]
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
        code, found, said = predict(run, tmp_path / name)
        assert code == 0, said
        answers[name] = [(one.get("value"), one.get("confidence")) for one in found]
    assert answers["with.csv"] == answers["without.csv"]
    assert len(answers["with.csv"]) == 3
    (tmp_path / "other.csv").write_text("1,2,3\n4,5,6\n", "utf-8")
    assert predict(run, tmp_path / "other.csv")[0] == 2


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.png", file_of(CLIP[0]), "neither text in UTF-8 nor a .npy file"),
        ("a.txt", b"a circle\nof words\n", "holds 'of', which is no number"),
        ("a.csv", text_of(np.ones((5, 3)), ","), "3 numbers a frame; the training series have 2"),
        ("a.npy", file_of(CIRCLE)[:-40], "the .npy file is broken"),
        ("a.txt", b"", "empty"),
    ],
)
def test_what_is_no_series_is_said_beside_those_that_are(
    name: str, data: bytes, reason: str, predict: Predict, trained: Any, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.npy").write_bytes(WRITTEN["a.npy"])
    code, answers, said = predict(trained("series-classification"), tmp_path / "good.npy", tmp_path / name)
    assert reason in said + json.dumps(answers[1:])
    assert code == (2 if said else 0)
    assert "value" in answers[0]


def gif(clip: np.ndarray) -> bytes:
    file = io.BytesIO()
    first, *rest = [Image.fromarray(frame) for frame in clip]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=100)
    return file.getvalue()


def test_a_clip_is_one_record_as_a_video_as_an_array_and_as_a_folder_of_frames(
    predict: Predict, trained: Any, tmp_path: Path
) -> None:
    pytest.importorskip("av", reason="needs noria[video]")
    run = trained("video-classification")
    (tmp_path / "a.gif").write_bytes(gif(CLIP))
    (tmp_path / "a.npy").write_bytes(file_of(CLIP))
    for place, frame in enumerate(CLIP, 8):  # 8, 9, 10: their order is that of the numbers
        (tmp_path / "frames").mkdir(exist_ok=True)
        (tmp_path / "frames" / f"{place}.png").write_bytes(file_of(frame))
    expected = load(run).predict([{"video": CLIP}])[0].as_json()
    code, answers, _ = predict(run, tmp_path / "frames", tmp_path / "a.npy", tmp_path / "a.gif")
    assert code == 0
    assert len(answers) == 3
    for one in answers[:2]:
        assert {key: one[key] for key in expected} == expected
    assert answers[2]["value"] in load(run).states["target"]["classes"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.mp4", b"no video" * 99, "no whole video in a known format"),
        ("a.png", file_of(CLIP[0]), "no whole video in a known format"),
        ("a.csv", b"1,2\n3,4\n", "as one video: no whole video in a known format"),
        ("frames/a.txt", b"no frame", "no column 'file'"),
        ("frames/1.png", b"no picture", "frame 1: not a picture"),
    ],
)
def test_what_is_no_clip_is_said(
    name: str, data: bytes, reason: str, predict: Predict, trained: Any, tmp_path: Path
) -> None:
    pytest.importorskip("av", reason="needs noria[video]")
    (tmp_path / "frames").mkdir()
    (tmp_path / name).write_bytes(data)
    path = tmp_path / name.split("/", 1)[0]
    code, answers, said = predict(trained("video-classification"), path)
    assert reason in said + json.dumps(answers)
    assert not any("value" in one for one in answers)
    assert code == (2 if said else 0)


def test_a_folder_of_bad_clips_alone_cannot_be_scored_and_each_is_said(
    noria: Callable[..., tuple[int, str, str]], trained: Any, tmp_path: Path
) -> None:
    pytest.importorskip("av", reason="needs noria[video]")
    for name in ("run/1.mp4", "walk/2.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no video" * 99)
    code, _, said = noria("evaluate", trained("video-classification"), "--data", tmp_path)
    assert code == 2
    assert "no usable records to score" in said
    assert said.count("not scored: ") == 2


def test_the_answers_never_replace_what_is_to_be_answered(noria: Any, trained: Any, tmp_path: Path) -> None:
    run = trained("tabular-classification")
    path = tiny_file(load(run).task, tmp_path, count=5)
    before = path.read_bytes()
    code, _, said = noria("predict", run, path, "--out", path)
    assert code == 2
    assert "the answers would replace what is to be answered" in said
    assert path.read_bytes() == before
