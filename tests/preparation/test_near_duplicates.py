"""Held-out records that are nearly those of training are found and told with a way out; honest data has none."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.job.load import load_job
from noria.pipeline.prepared import Prepared
from noria.preparation.near_arrays import near_pictures, near_rows, near_texts
from noria.stages.prepare import prepare
from noria.types import Ragged
from tiny_data import png

WORDS = np.array([f"w{i}" for i in range(400)])


def prepared(path: Path, task: str, overrides: Sequence[str] = (), **data: Any) -> Prepared:
    job, component = load_job({"task": task, "data": {"path": str(path), **data}}, overrides)
    return prepare(job, component)


def told(found: Prepared) -> list[str]:
    return [line for line in found.report["warnings"] if "nearly the same" in line]


def scene(generator: np.random.Generator, side: int = 24) -> np.ndarray:
    """Return a picture of a few blocks."""
    picture = np.full((side + 8, side + 8), 90.0)
    for _ in range(6):
        top, left, height, width = generator.integers(0, side, 4)
        picture[top : top + height // 2 + 3, left : left + width // 2 + 3] = generator.integers(0, 255)
    return picture


def frame(picture: np.ndarray, generator: np.random.Generator, most: int = 1) -> np.ndarray:
    """Return the scene moved by `most` pixels or less, brighter or darker, and with noise."""
    top, left = generator.integers(3, 4 + most, 2)
    moved = picture[top : top + 24, left : left + 24] * generator.uniform(0.85, 1.1) + generator.normal(0, 3, (24, 24))
    return np.clip(moved, 0, 255).astype(np.uint8)


def write_tracks(folder: Path, tracks: int, frames: int) -> Path:
    generator = np.random.default_rng(1)
    for track in range(tracks):
        picture, name = scene(generator), ("left", "right")[track % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(frames):
            (folder / name / f"{track:05d}_{number:05d}.png").write_bytes(png(frame(picture, generator)))
    return folder


def test_frames_of_one_track_are_found_and_the_advice_keeps_them_together(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "signs", 60, 6)
    found = told(prepared(path, "image-classification"))
    assert len(found) == 2
    count, looked_at = map(int, re.findall(r"\d+", found[1])[:2])
    assert count > 0.7 * looked_at
    settings = shlex.split(found[1].split("together with ")[1])
    assert settings == [r"data.names=(?P<series>[^/]+)[_-]\d+\.", "data.split.group=series"]
    better = prepared(path, "image-classification", settings)
    assert told(better) == []
    assert sum(better.report["records"].values()) == 360
    tracks = [{Path(where).name[:5] for where in one.wheres()} for one in better.splits.values()]
    assert len(set.union(*tracks)) == sum(map(len, tracks)) == 60


def test_pictures_that_only_look_alike_are_not_told(tmp_path: Path) -> None:
    assert told(prepared(write_tracks(tmp_path / "signs", 360, 1), "image-classification")) == []


def test_pictures_that_all_look_alike_are_not_near_to_one_another() -> None:
    """As X-rays are: whatever two of them, most of what they show is the same."""
    generator = np.random.default_rng(8)
    chest = scene(generator)[:24, :24]
    pictures = [np.clip(chest + 0.15 * (scene(generator)[:24, :24] - 90), 0, 255).astype(np.uint8) for _ in range(400)]
    assert list(near_pictures(np.stack(pictures[:100]), np.stack(pictures[100:]))) == []


def test_pictures_of_any_size_and_colour_are_compared() -> None:
    generator = np.random.default_rng(2)
    scenes = [scene(generator) for _ in range(80)]
    known, asked = (np.stack([frame(one, generator, 0) for one in some]) for some in (scenes, scenes[:10]))
    assert [pair[0] for pair in near_pictures(asked, known)] == list(range(10))
    large = [np.repeat(np.repeat(one, 9, 1), 9, 2)[..., None] * np.ones(3, np.uint8) for one in (asked, known)]
    assert [pair[0] for pair in near_pictures(*large)] == list(range(10))
    flat = np.full((5, 24, 24), 7, np.uint8)
    assert list(near_pictures(flat, np.concatenate([flat + 1, known]))) == []


def rows(count: int, columns: int = 6) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, columns))


NUMBERS = np.zeros(6, bool)


@pytest.mark.parametrize("change", ["one cell", "rounded", "noise"])
def test_rows_that_differ_in_one_cell_or_one_decimal_are_found(change: str) -> None:
    known = rows(3000)
    asked = known[100:120].copy()
    if change == "one cell":
        asked[:, 2] += 1.7
    else:
        asked = np.round(asked, 3) if change == "rounded" else asked + 1e-3
    found = dict(near_rows(asked, known, NUMBERS))
    assert len(found) >= 15
    assert all(other == one + 100 for one, other in found.items())


def test_rows_with_holes_are_compared_too() -> None:
    known = rows(3000)
    known[:, 1] = np.nan
    known[::3, 0] = np.nan
    asked = known[100:120].copy()
    asked[:, 5] += 1
    found = {one for one, _ in near_rows(asked, known, NUMBERS)}
    assert found == set(np.flatnonzero(~np.isnan(asked[:, 0])).tolist())  # three numbers alike are no wonder


def test_rows_that_share_what_many_share_are_not_near() -> None:
    """Six columns of four values: many rows are equal but for one cell, by chance."""
    generator = np.random.default_rng(4)
    known, asked = (generator.integers(0, 4, (n, 6)).astype(float) for n in (3000, 200))
    assert list(near_rows(asked, known, ~NUMBERS)) == []
    assert list(near_rows(rows(200), rows(3200)[200:], NUMBERS)) == []


def test_near_rows_of_a_table_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*"abcdef", "customer", "number"])
        for number, row in enumerate(rows(300)):
            writer.writerow([*row, f"c{number}", row.sum()])
            writer.writerow([*row[:5], row[5] + 0.1, f"c{number}", row.sum() + 0.1])
    found = told(prepared(path, "tabular-regression", fields={"table": list("abcdef")}))
    assert len(found) == 2
    assert found[0].endswith("name a column that says what belongs together: data.split.group=COLUMN")
    together = prepared(path, "tabular-regression", ["data.split.group=customer"], fields={"table": list("abcdef")})
    assert told(together) == []


def sentence(generator: np.random.Generator, length: int = 30) -> list[str]:
    return list(generator.choice(WORDS, length))


def test_texts_with_small_changes_are_found_and_others_are_not(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    texts = [sentence(generator) for _ in range(150)]
    edited = [[*one[:10], "new", *one[11:]] for one in texts]
    for name, more in (("plain", [sentence(generator) for _ in range(150)]), ("edited", edited)):
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows([" ".join(one), "ab"[i % 2]] for i, one in enumerate([*texts, *more]))
        assert len(told(prepared(path, "text-classification"))) == (2 if name == "edited" else 0)


def test_texts_that_share_what_all_share_are_not_near() -> None:
    generator = np.random.default_rng(0)
    template = generator.integers(0, 900, 40)
    texts = Ragged.of([[*template, *generator.integers(0, 900, 6)] for _ in range(300)], np.int64)
    assert list(near_texts(texts[:60], texts[60:])) == []
    slots = np.tile(template, (240, 1))
    slots[:, 10], slots[:, 30] = np.arange(240) % 100, np.arange(240) * 7 % 100
    asked = slots[:1].copy()
    asked[0, 20] = 999
    assert list(near_texts(Ragged.of([*asked], np.int64), Ragged.of([*slots], np.int64))) == []
    digits = Ragged.of([generator.integers(0, 2, count) for count in generator.integers(20, 60, 300)], np.int64)
    assert list(near_texts(digits[:60], digits[60:])) == []


def test_a_text_that_is_one_of_many_copies_is_still_near() -> None:
    generator = np.random.default_rng(0)
    texts = [generator.integers(0, 900, 40) for _ in range(150)]
    copy = texts[3].copy()
    copy[20] += 1
    known = Ragged.of([*texts, *[texts[3]] * 10], np.int64)
    assert [one for one, _ in near_texts(Ragged.of([copy], np.int64), known)]


def test_series_of_their_own_lengths_are_not_near_because_both_count_their_frames(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for index in range(200):
        frames = generator.normal(size=(int(generator.integers(20, 60)), 3))
        (tmp_path / f"{'ab'[index % 2]}_{index}.csv").write_text("\n".join(",".join(map(str, one)) for one in frames))
    found = prepared(tmp_path, "series-classification", names=r"(?P<label>[ab])_")
    assert told(found) == []


def test_the_same_exercises_with_other_answers_are_not_the_same(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [
        (student, f"skill {at} of course {student % 30}", generator.integers(0, 2))
        for student in range(150)
        for at in range(generator.integers(40, 46))
    ]
    with (tmp_path / "answers.csv").open("w", encoding="utf-8") as file:
        csv.writer(file).writerows([("student_id", "skill", "correct"), *rows])
    assert told(prepared(tmp_path / "answers.csv", "knowledge-tracing")) == []


def test_short_texts_and_empty_ones_are_compared_without_harm() -> None:
    short = Ragged.of([[1, 2], [], [3]], np.int64)
    assert list(near_texts(short, short)) == []
    long = Ragged.of([[], range(40), [5], range(50, 90)], np.int64)
    assert set(near_texts(long, long)) == {(1, 1), (3, 3)}


def test_a_division_that_the_data_states_is_not_to_be_mended_by_a_group(tmp_path: Path) -> None:
    generator = np.random.default_rng(6)
    texts = [sentence(generator) for _ in range(90)]
    for name, given in (("train", texts), ("test", [[*one[:20], "new", *one[20:]] for one in texts[:30]])):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows([" ".join(one), "ab"[i % 2]] for i, one in enumerate(given))
    found = told(prepared(tmp_path, "text-classification"))
    assert any("records of test" in line and "the data itself divides them so" in line for line in found)
    assert not any("split.group" in line for line in found if "of test" in line)


def test_like_remarks_beside_other_columns_are_no_copies(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["age", "paid", "remark", "label"])
        for i in range(300):
            remark = f"very happy with the service, and with number {i} of the orders"
            table.writerow([generator.integers(18, 90), round(generator.normal(), 4), remark, i % 2])
    fields = {"fields": {"label": "label"}}
    found = prepared(tmp_path / "rows.csv", "tabular-classification", ["inputs.table.kinds={remark: text}"], **fields)
    assert not told(found)
