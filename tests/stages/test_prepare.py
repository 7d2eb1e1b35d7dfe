"""Promise 2 and 4, in prepare: bad records are counted with place and reason, leaks are found, old rows stay put."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import shutil
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from children import Moments, disk_full, exit_code
from noria.errors import UserError
from noria.job.load import load_job
from noria.modalities.image import training_pictures
from noria.modalities.image.modality import Image
from noria.modalities.image.training_pictures import TrainingPictures
from noria.reporter import Silent
from noria.sound.wav import wav_bytes
from noria.sources.core.layout import SPLITS
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.store.cache import cache_folder
from noria.store.hashing import hash_values
from noria.text.tokenizer import Tokenizer
from tiny_data import png

GENERATOR = np.random.default_rng(0)
STATE = {"height": 8, "width": 8, "channels": 3, "mean": [0.5] * 3, "spread": [0.2] * 3}


def picture(seed, side=8):
    return png(np.random.default_rng(seed).integers(0, 255, (side, side), np.uint8))


def bomb(side=50_000):
    """A PNG of side x side pixels, all black, in a few kilobytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes((side // 8 + 1) * 1000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def folder_of(path, per_class=30, classes=("cat", "dog"), first=0):
    for place, name in enumerate(classes):
        (path / name).mkdir(parents=True, exist_ok=True)
        for index in range(first, first + per_class):
            (path / name / f"{index:03d}.png").write_bytes(picture(1000 * place + index))
    return path


def prepared(path, task="image-classification", **data):
    job, component = load_job({"task": task, "data": {"path": str(path), **data}})
    return prepare(job, component)


def csv_of(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", "utf-8")
    return path


def numbers(count, seed=0):
    """Rows of x, y, number; the number follows from x with noise."""
    x, y, noise = np.random.default_rng(seed).normal(size=(3, count))
    return [(f"{a:.4f}", f"{b:.4f}", f"{2 * a + n:.4f}") for a, b, n in zip(x, y, noise, strict=True)]


def wheres(data):
    return {split: set(dataset.wheres()) for split, dataset in data.splits.items()}


def test_bad_pictures_are_counted_with_place_and_reason_and_the_rest_is_used(tmp_path):
    path = folder_of(tmp_path / "pets")
    whole = picture(1)
    bad = {
        "cut.png": (whole[: len(whole) // 2], "broken"),
        "empty.png": (b"", "empty"),
        "words.png": (b"this is not a picture", "not a picture"),
        "bomb.png": (bomb(), "large|bomb"),
    }
    for name, (data, _) in bad.items():
        (path / "cat" / name).write_bytes(data)
    data = prepared(path)
    assert data.report["quarantined"] == 4
    assert sum(data.report["records"].values()) == 60
    reasons = {one["where"]: one["reason"] for one in data.report["quarantine"]}
    assert set(reasons) == {f"pets/cat/{name}" for name in bad}
    for name, (_, words) in bad.items():
        assert any(word in reasons[f"pets/cat/{name}"] for word in words.split("|")), reasons
    assert not set(reasons) & set.union(*wheres(data).values())


def test_what_is_missing_for_learning_is_told_with_why_records_could_not_be_read(tmp_path):
    rows = ["size,kind,label", *(f"{i},x,good" for i in range(30)), *(f"{i},a,b,bad" for i in range(20))]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    with pytest.raises(UserError, match=r"20 records could not be read, first a\.csv:32: 4 cells where"):
        prepared(tmp_path / "a.csv", "tabular-classification")
    csv_of(tmp_path / "b.csv", "file,label", [(f"{i}.png", "ab"[i % 2]) for i in range(50)])
    with pytest.raises(UserError, match=r"files could not be read, first .*\.png"):
        prepared(tmp_path / "b.csv")


def test_a_run_keeps_the_quarantine_beside_it(tmp_path):
    path = folder_of(tmp_path / "pets")
    (path / "dog" / "cut.png").write_bytes(picture(1)[:60])
    job = {
        "task": "image-classification",
        "data": {"path": str(path)},
        "model": {"width": 16},
        "train": {"steps": 2, "batch_size": 8, "precision": "float32"},
    }
    run = train(job, run=tmp_path / "run", reporter=Silent())
    lines = [json.loads(line) for line in (run / "quarantine.jsonl").read_text().splitlines()]
    assert [one["where"] for one in lines] == ["pets/dog/cut.png"]
    assert "1 could not be used" in (run / "bundle" / "README.md").read_text()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_a_picture_cut_anywhere_is_a_bad_record_or_a_picture_never_a_crash(kind):
    buffer = io.BytesIO()
    Pillow.fromarray(GENERATOR.integers(0, 255, (24, 31, 3), np.uint8)).save(buffer, kind)
    data = buffer.getvalue()
    values = [data[: len(data) * part // 16] for part in range(17)]
    encoded = Image().encode(values, STATE)
    assert 0 in encoded.bad
    assert 16 not in encoded.bad
    assert len(encoded.bad) >= 8
    assert encoded.arrays["pixels"].shape == (17, 8, 8, 3)


@settings(max_examples=120, deadline=None, database=None)
@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_picture_with_flipped_bytes_is_a_bad_record_or_a_picture_never_a_crash(kind, flips):
    buffer = io.BytesIO()
    Pillow.fromarray(np.arange(24 * 31 * 3, dtype=np.uint32).reshape(24, 31, 3).astype(np.uint8)).save(buffer, kind)
    data = bytearray(buffer.getvalue())
    for place, value in flips:
        data[int(place * len(data))] = value
    good = png(np.zeros((8, 8), np.uint8))
    encoded = Image().encode([good, bytes(data), good], STATE)
    assert set(encoded.bad) <= {1}


@pytest.mark.parametrize(
    "array",
    [
        np.array([["a", "b"]], dtype=object),
        np.full((4, 4), np.nan),
        np.zeros((4, 4, 7), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(3, np.uint8),
        np.full((4, 4), -1),
        np.array([["x"]]),
        np.zeros((4, 4), complex),
    ],
)
def test_an_array_that_is_no_picture_is_a_bad_record(array):
    encoded = Image().encode([np.zeros((8, 8), np.uint8), array], STATE)
    assert set(encoded.bad) == {1}


def test_pictures_of_any_make_become_pixels():
    modes = {"1": "PNG", "L": "PNG", "LA": "PNG", "P": "PNG", "RGBA": "PNG", "I;16": "PNG", "CMYK": "JPEG", "F": "TIFF"}
    values = []
    for mode, kind in modes.items():
        buffer = io.BytesIO()
        Pillow.new(mode, (9, 5)).save(buffer, kind)
        values.append(buffer.getvalue())
    for size in ((1, 1), (1, 3000), (3000, 1)):
        values.append(png(np.zeros(size, np.uint8)))
    assert Image().encode(values, STATE).bad == {}


def test_large_pictures_are_learnt_from_without_holding_all_of_them_at_once():
    """5,000 photos of 12 million pixels would not fit into any memory."""
    import tracemalloc

    values = [png(np.full((1200, 1200), index, np.uint8)) for index in range(40)]
    tracemalloc.start()
    state = Image().fit(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 1200 * 1200
    assert state["mean"][0] == pytest.approx(np.mean(np.arange(40)) / 255, rel=1e-3)
    assert state["spread"][0] == pytest.approx(np.std(np.arange(40)) / 255, rel=1e-3)


def test_of_more_pictures_than_fit_into_memory_an_even_share_is_learnt_from(monkeypatch):
    monkeypatch.setattr(training_pictures, "HELD_BYTES", 10 * 8 * 8)
    seen = TrainingPictures.of([np.full((8, 8), index, np.uint8) for index in range(64)], (128, 128))
    assert 5 <= len(seen.pictures()) <= 10
    assert np.mean(seen.pictures()) == pytest.approx(31.5, abs=5)
    assert (seen.sizes, seen.is_colored) == ({(8, 8): 64}, False)


def test_a_class_with_one_example_moves_to_training(tmp_path):
    path = folder_of(tmp_path / "pets")
    for seed in range(6):  # wherever the hash puts it
        (path / f"rare{seed}").mkdir()
        (path / f"rare{seed}" / "only.png").write_bytes(picture(9000 + seed))
    data = prepared(path, split={"validation": 0.4, "test": 0.4})
    assert data.report["quarantined"] == 0
    assert {f"pets/rare{seed}/only.png" for seed in range(6)} <= wheres(data)["train"]
    assert any("moved to training" in note for note in data.report["notes"])


def test_the_only_example_of_the_second_class_moves_to_training_too(tmp_path):
    for seed in range(8):
        path = folder_of(tmp_path / f"pets{seed}", classes=("cat",))
        (path / "dog").mkdir()
        (path / "dog" / "only.png").write_bytes(picture(9000 + seed))
        data = prepared(path, split={"validation": 0.3, "test": 0.3})
        assert f"pets{seed}/dog/only.png" in wheres(data)["train"]
        assert len(data.splits["test"]) > 3


def test_one_class_only_is_refused_before_any_training(tmp_path):
    path = folder_of(tmp_path / "pets", classes=("cat",))
    (path / "dog").mkdir()
    with pytest.raises(UserError, match="at least two classes") as caught:
        prepared(path)
    assert "cat" in str(caught.value)


def test_a_folder_without_a_file_and_a_table_without_a_row_are_refused(tmp_path):
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    with pytest.raises(UserError, match="holds no file"):
        prepared(tmp_path / "pets")
    with pytest.raises(UserError, match="no row"):
        prepared(csv_of(tmp_path / "rows.csv", "x,number", []), "tabular-regression")


def test_a_missing_column_is_named_with_the_nearest_one(tmp_path):
    path = csv_of(tmp_path / "rows.csv", "x,y,numbr", numbers(60))
    with pytest.raises(UserError, match="no column 'number'") as caught:
        prepared(path, "tabular-regression")
    assert "did you mean 'numbr'" in str(caught.value)
    with pytest.raises(UserError, match="no column 'prize'"):
        prepared(path, "tabular-regression", fields={"number": "prize"})
    with pytest.raises(UserError, match="no column 'patient'"):
        prepared(path, "tabular-regression", fields={"number": "numbr"}, split={"group": "patient"})


def test_answers_that_are_no_finite_number_are_quarantined_by_line(tmp_path):
    rows = numbers(60)
    for index, junk in zip((3, 10, 20, 30, 40), ("nan", "Infinity", "-inf", "", "many"), strict=True):
        rows[index] = (*rows[index][:2], junk)
    data = prepared(csv_of(tmp_path / "rows.csv", "x,y,number", rows), "tabular-regression")
    assert [one["where"] for one in data.report["quarantine"]] == [f"rows.csv:{i + 2}" for i in (3, 10, 20, 30, 40)]
    reasons = [one["reason"] for one in data.report["quarantine"]]
    missing = ["the answer is missing"]
    assert ["finite" in reason or reason in missing for reason in reasons] == [True] * 5
    assert data.report["reasons"]["the answer is missing"] == 2
    assert all(np.isfinite(np.asarray(part.target["number"])).all() for part in data.splits.values())


def test_answers_too_large_to_learn_from_are_refused(tmp_path):
    rows = [(*row[:2], "1e308" if index % 2 else "-1e308") for index, row in enumerate(numbers(60))]
    with pytest.raises(UserError, match="too large"):
        prepared(csv_of(tmp_path / "rows.csv", "x,y,number", rows), "tabular-regression")


def test_duplicates_within_and_across_splits_are_found_and_said(tmp_path):
    path = tmp_path / "pets"
    folder_of(path / "train")
    folder_of(path / "test", per_class=10, first=500)
    (path / "test" / "cat" / "leak.png").write_bytes(picture(4))
    (path / "train" / "dog" / "twice.png").write_bytes(picture(1004))
    warnings = prepared(path, split={"validation": 0.0}).report["warnings"]
    assert "1 records of test also stand in train, as pets/test/cat/leak.png does" in warnings
    assert "1 records of train repeat another one of train" in warnings


def test_equal_records_are_never_divided_between_splits(tmp_path):
    rows = [row for row in numbers(50) for _ in range(3)]
    data = prepared(csv_of(tmp_path / "rows.csv", "x,y,number", rows), "tabular-regression")
    assert not any("also stand in train" in warning for warning in data.report["warnings"])


def test_what_one_task_holds_out_another_one_holds_out_too(tmp_path):
    """Pretrained on hidden characters of a table, then taught its labels: test is what neither has learnt from."""
    rows = [(("good" if index % 2 else "bad"), f"review number {index} of a room") for index in range(300)]
    path = csv_of(tmp_path / "rows.csv", "label,review", rows)
    labels = prepared(path, "text-classification", fields={"text": "review"})
    hidden = prepared(path, "masked-language-modelling", fields={"masked_text": "review"}, split={"validation": 0.0})

    def numbers_of(ids, state):
        text = Tokenizer.from_json(state["tokenizer"]).decode(np.asarray(ids))
        return {int(number) for number in re.findall(r"number (\d+) of", text)}

    tested = numbers_of(labels.splits["test"].inputs["text"]["ids"].values, labels.states["inputs"]["text"])
    assert len(tested) > 10
    assert numbers_of(hidden.splits["test"].target["ids"].stream, hidden.states["target"]) == tested


def test_a_column_that_gives_the_answer_away_is_found(tmp_path):
    rows = [(a, b, f"{3 * float(c) + 1:.4f}", c) for a, b, c in numbers(600)]
    report = prepared(csv_of(tmp_path / "rows.csv", "x,y,invoice,number", rows), "tabular-regression").report
    assert [warning for warning in report["warnings"] if "foretells" in warning] == [
        warning for warning in report["warnings"] if "'invoice'" in warning
    ]
    assert any("'invoice'" in warning for warning in report["warnings"])


def test_too_many_bad_records_are_refused_with_the_first_of_them(tmp_path):
    path = folder_of(tmp_path / "pets")
    for index in range(15):
        (path / "cat" / f"a{index:02d}.png").write_bytes(b"junk")
    with pytest.raises(UserError, match="15 records cannot be used") as caught:
        prepared(path)
    assert "pets/cat/a00.png: not a picture" in str(caught.value)
    assert prepared(path, max_bad=0.5).report["quarantined"] == 15
    with pytest.raises(UserError, match="15 records cannot be used"):
        prepared(path)  # not even where they were forgiven before


def grouped(count, first=0):
    rows = numbers(count, seed=1)
    return [(*row[:2], f"p{(first + i) % 40}", row[2]) for i, row in enumerate(rows)]


def test_groups_stay_together_and_stay_put_when_data_is_appended(tmp_path):
    job = {"split": {"group": "patient", "validation": 0.2, "test": 0.2}}
    first = prepared(csv_of(tmp_path / "rows.csv", "x,y,patient,number", grouped(200)), "tabular-regression", **job)
    more = grouped(200) + [(*row[:2], f"q{i % 30}", row[2]) for i, row in enumerate(numbers(150, seed=2))]
    second = prepared(csv_of(tmp_path / "rows.csv", "x,y,patient,number", more), "tabular-regression", **job)
    for split, places in wheres(first).items():
        assert places <= wheres(second)[split]
        patients = {int(place.split(":")[1]) % 40 for place in places}
        for other, elsewhere in wheres(first).items():
            assert other == split or not patients & {int(place.split(":")[1]) % 40 for place in elsewhere}
    assert len(first.splits) == 3


def test_moving_a_record_to_training_moves_its_whole_group(tmp_path):
    for seed in range(6):
        rows = [(a, b, f"p{i % 20}", "yes" if float(c) > 0 else "no") for i, (a, b, c) in enumerate(numbers(200, seed))]
        rows[seed] = (*rows[seed][:3], "rare")
        path = csv_of(tmp_path / f"rows{seed}.csv", "x,y,patient,label", rows)
        data = prepared(path, "tabular-classification", split={"group": "patient", "validation": 0.3, "test": 0.3})
        sides = [{(int(place.split(":")[1]) - 2) % 20 for place in places} for places in wheres(data).values()]
        assert len(set.union(*sides)) == sum(map(len, sides))
        assert f"rows{seed}.csv:{seed + 2}" in wheres(data)["train"]


def test_the_group_of_each_record_is_kept_and_is_no_part_of_the_fingerprint(tmp_path):
    rows = grouped(200)
    path = csv_of(tmp_path / "rows.csv", "x,y,patient,number", rows)
    fields = {"table": ["x", "y"]}
    alone = prepared(path, "tabular-regression", split={"test": 0, "validation": 0}, fields=fields)
    assert alone.splits["train"].groups is None
    split = {"test": 0, "validation": 0, "group": "patient"}
    together = prepared(path, "tabular-regression", split=split, fields=fields)
    assert together.fingerprint == alone.fingerprint
    groups, patients = together.splits["train"].groups.tolist(), [row[2] for row in rows]
    assert len(set(groups)) == len(set(patients)) == len(set(zip(groups, patients, strict=True)))
    blocks = prepared(path, "tabular-regression", split={"test": 0, "validation": 0, "block": 25}, fields=fields)
    assert np.unique(blocks.splits["train"].groups, return_counts=True)[1].tolist() == [25] * 8


def test_windows_of_running_text_are_of_the_piece_they_begin_in(tmp_path):
    (tmp_path / "book.txt").write_text(" ".join(f"Wheel {i} turns at noon." for i in range(4000)), "utf-8")
    job, task = load_job(
        {"task": "text-generation", "data": {"path": str(tmp_path / "book.txt")}, "target": {"window": 16}}
    )
    test = prepare(job, task).splits["test"]
    assert len(test.groups) == len(test)
    assert 1 < len(np.unique(test.groups)) < len(test)
    assert (np.diff(test.groups.astype(int)) >= 0).all()


def test_questions_of_one_context_are_one_group(tmp_path):
    task = load_job({"task": "question-answering", "data": {"path": "x"}})[1]
    rows = [[f"Who turned wheel {i}?", f"Context number {i // 4}. Ada turned wheel {i}.", "[]"] for i in range(80)]
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["question", "context", "span"], *rows])
    found = [one.groups for one in prepared(path, "question-answering").splits.values()]
    assert task.grouped_by == "context"
    assert len(np.unique(np.concatenate(found))) == 80  # contexts are all different here
    shared = [[*row[:1], f"Context number {i // 4}. Ada turned the wheel.", "[]"] for i, row in enumerate(rows)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["question", "context", "span"], *shared])
    found = [one.groups for one in prepared(path, "question-answering").splits.values()]
    assert len(np.unique(np.concatenate(found))) == 20


def classes_of(data):
    state = data.states["target"]["classes"]
    return {split: [state[code] for code in one.target["label"]] for split, one in data.splits.items()}


def labelled(counts, seed=0):
    rows = iter(numbers(sum(counts.values()), seed))
    return [(*next(rows)[:2], name) for name, count in counts.items() for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_each_class_of_a_few_records_stands_in_training_and_in_test(tmp_path, seed):
    counts = {"many": 60, "ten": 10, "five": 5, "two": 2, "thirty": 30}
    path = csv_of(tmp_path / f"rows{seed}.csv", "x,y,label", labelled(counts, seed))
    found = classes_of(prepared(path, "tabular-classification"))
    assert set(found["train"]) == set(counts)
    assert set(found["test"]) >= {"many", "thirty", "ten", "five"}
    assert sum(map(len, found.values())) == sum(counts.values())


def test_records_stay_on_their_side_when_data_is_added_but_for_classes_that_test_lacked(tmp_path):
    few = labelled({"many": 90, **{f"rare{i}": 6 for i in range(12)}})
    more = [*few, *labelled({"many": 60, "rare0": 30, "rare1": 30}, seed=3)]
    path = tmp_path / "rows.csv"
    first = prepared(csv_of(path, "x,y,label", few), "tabular-classification")
    second = prepared(csv_of(path, "x,y,label", more), "tabular-classification")
    (moved,) = [note for note in first.report["notes"] if "moved to test" in note]
    elsewhere = {where for split, places in wheres(first).items() for where in places - wheres(second)[split]}
    assert len(elsewhere) <= int(moved.split()[0])
    assert all("rare" in path.read_text().splitlines()[int(where.split(":")[1]) - 1] for where in elsewhere)
    assert len(set.union(*wheres(first).values()) - elsewhere) > 150


@pytest.mark.parametrize("split", [{"order": True}, {"group": "x"}, {"block": 5}])
def test_what_is_divided_by_order_or_group_is_not_moved_to_test(tmp_path, split):
    rows = [*labelled({"rare": 6, "many": 90})]
    data = prepared(csv_of(tmp_path / "rows.csv", "x,y,label", rows), "tabular-classification", split=split)
    assert not [note for note in data.report["notes"] if "moved to test" in note]


def test_a_division_that_all_classes_have_come_out_of_is_left_as_it_is(tmp_path):
    rows = labelled({"a": 200, "b": 200})
    data = prepared(csv_of(tmp_path / "rows.csv", "x,y,label", rows), "tabular-classification")
    assert data.report["notes"] == []


def test_a_missing_answer_does_not_move_its_group_to_training(tmp_path):
    rows = grouped(200)
    plain = prepared(
        csv_of(tmp_path / "a.csv", "x,y,patient,number", rows), "tabular-regression", split={"group": "patient"}
    )
    rows = [(*row[:3], "" if i % 40 == i and i < 8 else row[3]) for i, row in enumerate(rows)]
    holed = prepared(
        csv_of(tmp_path / "b.csv", "x,y,patient,number", rows), "tabular-regression", split={"group": "patient"}
    )
    for split, places in wheres(holed).items():
        assert {place.replace("b.csv", "a.csv") for place in places} <= wheres(plain)[split]
    assert holed.report["notes"] == plain.report["notes"]


def test_a_column_that_says_how_to_divide_is_not_learnt_from(tmp_path):
    sides = ["train"] * 140 + ["validation"] * 30 + ["test"] * 30
    rows = [(*row[:3], side, row[3]) for row, side in zip(grouped(200), sides, strict=True)]
    path = csv_of(tmp_path / "rows.csv", "x,y,patient,side,number", rows)
    data = prepared(path, "tabular-regression", split={"column": "side", "group": "patient"})
    assert data.report["records"] == {"train": 140, "validation": 30, "test": 30}
    assert data.report["fields"]["table"] == ["x", "y"]


def test_a_split_of_an_unknown_name_is_told_by_its_line(tmp_path):
    rows = [(*row[:2], "trian" if i == 7 else "train", row[2]) for i, row in enumerate(numbers(40))]
    path = csv_of(tmp_path / "rows.csv", "x,y,side,number", rows)
    with pytest.raises(UserError, match=r"rows\.csv:9: unknown split"):
        prepared(path, "tabular-regression", split={"column": "side"})


def test_words_for_splits_are_taken_in_any_case_and_told_and_others_can_be_said(tmp_path):
    sides = ["Training", "Eval", "TESTING", "trn"] * 20
    path = csv_of(tmp_path / "rows.csv", "x,y,side,number", [[i, i % 5, side, i] for i, side in enumerate(sides)])
    data = prepared(path, "tabular-regression", split={"column": "side"})
    assert data.report["records"] == {"train": 40, "validation": 20, "test": 20}
    told = "of the column 'side': Eval is validation, TESTING is test, Training is train, trn is train"
    assert told in data.report["notes"]
    sides = ["Training", "PublicTest", "PrivateTest"] * 20
    path = csv_of(tmp_path / "rows.csv", "x,y,side,number", [[i, i % 5, side, i] for i, side in enumerate(sides)])
    with pytest.raises(UserError, match="unknown split") as caught:
        prepared(path, "tabular-regression", split={"column": "side"})
    assert caught.value.fix.endswith("data.split.values={validation: [PublicTest]}")
    said = {"validation": ["PublicTest"], "test": ["PrivateTest"]}
    data = prepared(path, "tabular-regression", split={"column": "side", "values": said})
    assert data.report["records"] == {"train": 20, "validation": 20, "test": 20}


def test_a_class_of_which_every_row_is_refused_is_told_with_the_first_reason(tmp_path):
    rows = "".join(f"fine {i},good\n" if i % 2 else f"broken, number {i},bad\n" for i in range(40))
    (tmp_path / "rows.csv").write_text(f"text,label\n{rows}")
    with pytest.raises(UserError, match="20 records could not be read") as caught:
        prepared(tmp_path / "rows.csv", "text-classification")
    assert "at least two classes" in caught.value.what
    assert "rows.csv:2: 3 cells where the header has 2" in caught.value.found


@pytest.mark.parametrize("names", [["1.png", "2.png"], None])
def test_where_nothing_can_be_learnt_from_the_first_reason_is_told(names, tmp_path):
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / "1.png").write_bytes(b"no picture")
    path = tmp_path
    if names:
        path = csv_of(tmp_path / "rows.csv", "file,label", [(name, name[0]) for name in names * 20])
    with pytest.raises(UserError, match="no training picture can be read") as caught:
        prepared(path)
    reason = "files could not be read, first 1.png: there is no such file" if names else "2 of them: "
    assert reason in caught.value.found
    assert "quarantine" not in str(caught.value)


def test_a_table_alone_is_all_the_data_whatever_its_name(tmp_path):
    path = csv_of(tmp_path / "crash_test.csv", "x,y,number", numbers(100))
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.write(path, "crash_test.csv")
    assert prepared(tmp_path / "data.zip", "tabular-regression").report["records"].keys() == set(SPLITS.values())


def test_only_training_records_are_learnt_from(tmp_path):
    sides = ["train", "train", "validation", "test"] * 30
    rows = [(*row[:2], side, row[2]) for row, side in zip(numbers(120), sides, strict=True)]
    far = [row if row[2] == "train" else ("900", "900", row[2], "900") for row in rows]
    states = [
        prepared(
            csv_of(tmp_path / f"{name}.csv", "x,y,side,number", given), "tabular-regression", split={"column": "side"}
        ).states
        for name, given in (("near", rows), ("far", far))
    ]
    assert states[0] == states[1]


@pytest.mark.parametrize("word", sorted(SPLITS))
def test_a_column_takes_the_words_for_splits_that_a_folder_takes(word, tmp_path):
    sides = [word, word.title(), *["train", "test", "dev", ""] * 9]
    given = [[i, i * 3 % 5, side, i] for i, side in enumerate(sides)]
    path = csv_of(tmp_path / "rows.csv", "x,y,side,number", given)
    found = wheres(prepared(path, "tabular-regression", split={"column": "side"}))
    assert {"rows.csv:2", "rows.csv:3"} <= found[SPLITS[word]]


def test_cells_that_name_files_elsewhere_are_quarantined_and_never_read(tmp_path):
    (tmp_path / "secret.png").write_bytes(picture(1))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    rows = []
    for index in range(60):
        (folder / f"{index}.png").write_bytes(picture(index))
        rows.append((f"{index}.png", "ab"[index % 2]))
    bad = ["../secret.png", str(tmp_path / "secret.png"), "link.png", "C:\\secret.png", "gone.png", "http://x/y.png"]
    path = csv_of(folder / "rows.csv", "image,label", rows + [(name, "a") for name in bad])
    data = prepared(path)
    assert [one["where"] for one in data.report["quarantine"]] == [f"rows.csv:{62 + i}" for i in range(len(bad))]
    assert sum(data.report["records"].values()) == 60


def test_names_in_an_archive_that_lead_out_are_quarantined_and_nothing_is_written(tmp_path):
    path = tmp_path / "in" / "pets.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(60):
            archive.writestr(f"{'cat' if index % 2 else 'dog'}/{index}.png", picture(index))
        archive.writestr("../evil.png", picture(1))
        archive.writestr("/etc/evil.png", picture(2))
    data = prepared(path)
    assert data.report["quarantined"] == 2
    assert {one["reason"] for one in data.report["quarantine"]} == {
        "a path that leads out of the archive",
        "an absolute path in an archive",
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_slices_may_be_columns_of_any_name(tmp_path):
    rows = [(*row[:2], "low" if i % 3 else "high", row[2]) for i, row in enumerate(numbers(90))]
    path = csv_of(tmp_path / "rows.csv", "x,y,../in/come,number", rows)
    job, task = load_job(
        {"task": "tabular-regression", "data": {"path": str(path)}, "evaluate": {"slices": ["../in/come"]}}
    )
    data = prepare(job, task)
    assert set(data.report["slices"]["../in/come"]) == {"low", "high"}
    assert set(np.unique(data.splits["test"].slices["../in/come"])) <= {0, 1}


def test_the_same_data_prepared_again_comes_from_the_cache_and_changed_data_does_not(tmp_path):
    path = csv_of(tmp_path / "rows.csv", "x,y,number", numbers(60))
    job, task = load_job({"task": "tabular-regression", "data": {"path": str(path)}})
    said = []
    one = prepare(job, task, said.append)
    two = prepare(job, task, said.append)
    assert one.fingerprint == two.fingerprint
    assert len(said) == 1
    csv_of(path, "x,y,number", numbers(61))
    assert prepare(job, task, said.append).fingerprint != one.fingerprint
    assert len(said) == 2


def test_a_full_disk_at_any_moment_of_preparing_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
    path = csv_of(tmp_path / "rows.csv", "x,y,number", numbers(60))
    job, task = load_job({"task": "tabular-regression", "data": {"path": str(path)}})
    moment, failed, is_through = 0, 0, False
    while not is_through:
        moment += 1
        moments = Moments(tmp_path / "cache", moment, disk_full)
        try:
            code = exit_code(lambda: prepare(job, task))
        finally:
            moments.stop()
        is_through = moments.count < moment
        if code:
            left = [entry.name for entry in (tmp_path / "cache").rglob("*") if entry.is_file()]
            assert (code, left) == (74, []), f"full at change {moment} of the disk"
            failed += 1
        else:
            assert sum(prepare(job, task).report["records"].values()) == 60
            shutil.rmtree(tmp_path / "cache")
    assert failed > 10


def test_a_disk_that_fills_while_arrays_are_written_is_told_as_such(tmp_path, monkeypatch):
    """The failing write is met again when the file is closed; the plain words must survive that."""
    from noria.store import array_store as store

    monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
    path = csv_of(tmp_path / "rows.csv", "x,y,number", numbers(60))

    class Full:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self):
            self.file.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    plain = store._GrowingArray.append

    def append(self, values):
        self.file = Full(self.file)
        plain(self, values)

    monkeypatch.setattr(store._GrowingArray, "append", append)
    with pytest.raises(UserError, match="disk is full"):
        prepared(path, "tabular-regression")
    assert [entry for entry in (tmp_path / "cache").rglob("*") if entry.is_file()] == []


@pytest.mark.parametrize("damage", ["manifest cut", "array cut", "array gone"])
def test_prepared_data_that_was_damaged_is_made_again(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
    path = csv_of(tmp_path / "rows.csv", "x,y,number", numbers(60))
    before = prepared(path, "tabular-regression")
    (store,) = (tmp_path / "cache" / "prepared").iterdir()
    if damage == "manifest cut":
        (store / "manifest.json").write_bytes(b"")
    else:
        array = store / "train" / "target" / "number.npy"
        data = array.read_bytes()
        array.unlink()
        if damage == "array cut":
            array.write_bytes(data[:-8])
    after = prepared(path, "tabular-regression")
    assert after.fingerprint == before.fingerprint
    assert len(after.splits["train"].target["number"]) == len(after.splits["train"])


def test_two_preparations_of_the_same_data_at_once_both_succeed(tmp_path, monkeypatch):
    from noria.preparation.preparation import Preparation

    monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
    path = csv_of(tmp_path / "rows.csv", "x,y,number", numbers(60))
    plain, others = Preparation.run, []

    def run(self, where):
        if not others:  # while this one works, another one begins and finishes
            others.append(1)
            monkeypatch.setattr(os, "getpid", lambda: 1)
            others.append(prepared(path, "tabular-regression"))
            monkeypatch.undo()
            monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
        plain(self, where)

    monkeypatch.setattr(Preparation, "run", run)
    data = prepared(path, "tabular-regression")
    assert data.fingerprint == others[1].fingerprint
    assert len(list((tmp_path / "cache" / "prepared").iterdir())) == 1


def test_a_value_has_the_same_hash_in_whatever_container_a_chunk_brings_it():
    """A reader gives an array where a chunk has no gap and a list where it has one."""
    for values in ([1, 2, 3], [1.5, 2.0, -0.25], ["a", "bb", "a"]):
        expected = hash_values(values)
        np.testing.assert_array_equal(hash_values(np.array(values)), expected)
        np.testing.assert_array_equal(hash_values(np.array(values, dtype=object)), expected)
        np.testing.assert_array_equal(hash_values({"x": np.array(values)}), hash_values({"x": values}))
        parts = [hash_values(np.array(values[:1])), hash_values([*values[1:], None])[:-1]]
        np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_a_picture_that_a_cell_names_is_read_again_when_it_changes(tmp_path):
    rows = [(f"{index}.png", "cat" if index % 2 else "dog") for index in range(40)]
    for index in range(40):
        (tmp_path / f"{index}.png").write_bytes(picture(index))
    path = csv_of(tmp_path / "rows.csv", "image,label", rows)
    before = prepared(path, "image-classification")
    assert prepared(path, "image-classification").fingerprint == before.fingerprint
    (tmp_path / "3.png").write_bytes(picture(999))
    os.utime(tmp_path / "3.png", ns=(1, 1))
    assert prepared(path, "image-classification").fingerprint != before.fingerprint


def test_records_without_a_group_are_divided_one_by_one(tmp_path):
    rows = [(a, b, "", c) for a, b, c in numbers(200)]
    data = prepared(csv_of(tmp_path / "rows.csv", "x,y,patient,number", rows), "tabular-regression",
                    split={"group": "patient"})  # fmt: skip
    assert {split: len(dataset) > 5 for split, dataset in data.splits.items()} == {
        "train": True, "validation": True, "test": True,
    }  # fmt: skip


def ends(data):
    """Return the first and the last row of each split."""
    rows = {split: [int(place.split(":")[1]) for place in dataset.wheres()] for split, dataset in data.splits.items()}
    return {split: (min(found), max(found)) for split, found in rows.items()}


def test_records_in_order_are_divided_by_their_place_exactly(tmp_path):
    path = csv_of(tmp_path / "rows.csv", "x,y,number", numbers(1000))
    data = prepared(path, "tabular-regression", split={"order": True})
    assert data.report["records"] == {"train": 810, "validation": 90, "test": 100}
    assert ends(data) == {"train": (2, 811), "validation": (812, 901), "test": (902, 1001)}


def test_only_records_of_no_stated_split_are_divided_in_order(tmp_path):
    rows = [(*row[:2], "test" if i < 50 else "", row[2]) for i, row in enumerate(numbers(250))]
    path = csv_of(tmp_path / "rows.csv", "x,y,side,number", rows)
    data = prepared(path, "tabular-regression", split={"order": True, "column": "side", "validation": 0.25})
    assert ends(data) == {"test": (2, 51), "train": (52, 201), "validation": (202, 251)}


def test_equal_records_in_order_stay_where_they_stand(tmp_path):
    path = csv_of(tmp_path / "rows.csv", "x,y,number", numbers(20) * 5)
    data = prepared(path, "tabular-regression", split={"order": True, "test": 0.2, "validation": 0})
    assert ends(data) == {"train": (2, 81), "test": (82, 101)}
    assert any("also stand in train" in warning for warning in data.report["warnings"])


def test_a_table_without_a_header_is_prepared_by_the_names_and_splits_the_job_gives(tmp_path):
    for name, count in (("dev.txt", 60), ("extra.txt", 5), ("test.txt", 20)):
        rows = [f"{a}\t{b}\t{c}" for a, b, c in numbers(count, seed=count)]
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    data = prepared(tmp_path, "tabular-regression", columns=["x", "y", "number"],
                    splits={"train": "dev.txt", "test": "test.txt"}, split={"validation": 0})  # fmt: skip
    assert data.report["records"] == {"train": 60, "test": 20}
    assert data.report["fields"] == {"table": ["x", "y"], "number": "number"}
    alone = prepared(tmp_path / "dev.txt", "tabular-regression", columns=["x", "y", "number"])
    assert sum(alone.report["records"].values()) == 60


def test_what_cannot_be_encoded_counts_once_among_all_records(tmp_path):
    header, rows = "x,y,number", numbers(100)
    bad = [(*row[:2], "much") if index < 60 else row for index, row in enumerate(rows)]
    with pytest.raises(UserError, match=r"60 records cannot be used, more than data.max_bad allows \(50\)"):
        prepared(csv_of(tmp_path / "rows.csv", header, bad), "tabular-regression", max_bad=0.5)


def test_a_table_of_answers_alone_is_told(tmp_path):
    with pytest.raises(UserError, match="no column of the data is left for the field 'table'"):
        prepared(csv_of(tmp_path / "rows.csv", "number", [(i,) for i in range(50)]), "tabular-regression")


def test_a_file_may_be_called_anything_and_each_record_has_its_place(tmp_path):
    path = folder_of(tmp_path / "pets")
    odd = [path / "cat" / "a\u2028b.png", path / "cat" / "a\nb.png", path / "cat" / "\udcff.png"]
    for number, file in enumerate(odd):
        file.write_bytes(picture(1000 + number))
    data = prepared(path)
    assert all(len(dataset.wheres()) == len(dataset) for dataset in data.splits.values())
    assert {f"pets/cat/{file.name}" for file in odd} <= set.union(*wheres(data).values())


@pytest.mark.parametrize("name", ["*/train/target/*.npy", "*/manifest.json", "*/train/where.jsonl"])
def test_prepared_data_that_a_crash_cut_short_is_made_again(name, tmp_path):
    path = csv_of(tmp_path / "rows.csv", "x,y,number", numbers(100))
    first = prepared(path, "tabular-regression")
    (file, *_) = (cache_folder() / "prepared").glob(name)
    file.unlink() if file.suffix == ".jsonl" else file.write_bytes(b"")
    again = prepared(path, "tabular-regression")
    assert again.fingerprint == first.fingerprint
    assert wheres(again) == wheres(first)


def test_a_column_whose_every_value_differs_is_told_to_be_no_class(tmp_path):
    rows = "".join(f"{index % 7},person {index}\n" for index in range(60))
    (tmp_path / "people.csv").write_text(f"age,name\n{rows}")
    job, task = load_job(
        {"task": "tabular-classification", "data": {"path": str(tmp_path / "people.csv"), "fields": {"label": "name"}}}
    )
    with pytest.raises(UserError, match="no usable record is left for test") as caught:
        prepare(job, task)
    assert "moved to training" in str(caught.value)
    assert "is 'name' the answer?" in str(caught.value)


def clips_of(folder, absolute, count=12):
    """Write sounds and a table of them, in which those of `absolute` are named by absolute paths; four are test."""
    rows = []
    for index in range(count):
        (folder / f"{index}.wav").write_bytes(wav_bytes(np.sin(np.arange(1600) / (3 + index)), 16_000))
        name = folder / f"{index}.wav" if index in absolute else f"{index}.wav"
        rows.append(f"{name},{'ab'[index // 2 % 2]},{'test' if index < 4 else 'train'}\n")
    (folder / "clips.csv").write_text("audio,label,part\n" + "".join(rows))
    data = {"path": str(folder / "clips.csv"), "split": {"column": "part"}}
    return load_job({"task": "audio-classification", "data": data})


@pytest.mark.parametrize("absolute", [range(4), range(12)], ids=["those of test", "all"])
def test_where_records_are_bad_for_one_reason_the_advice_is_about_that_reason(absolute, tmp_path):
    with pytest.raises(UserError) as caught:
        prepare(*clips_of(tmp_path, absolute))
    said = str(caught.value)
    assert "absolute path" in said
    assert "written as seen from there" in said
    assert "give more records" not in said
    assert "mend what 4 of 12 records have" in said or len(absolute) == 12
