"""What files' names say of them: label and subject, the split by a column's values, class folders of any files."""

from __future__ import annotations

import io
import tarfile
from itertools import pairwise

import numpy as np
import pytest

from noria.errors import UserError
from noria.job.load import load_job
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.sources.core.filename_columns import Named
from noria.sources.formats.file_records import file_records
from noria.sources.formats.opening import open_source
from noria.stages.evaluate import evaluate
from noria.stages.prepare import prepare
from noria.stages.train import train
from other_data import read

PATTERN = r"a(?P<label>\d+)_s0?(?P<subject>\d+)_"


def text_of(action, seed):
    steps = np.random.default_rng(seed).normal(size=(8, 3)) + 3 * action
    return "\n".join(" ".join(f"{number:.3f}" for number in row) for row in steps).encode()


def files(actions=(1, 2), subjects=range(1, 7), trials=2):
    return {
        f"a{action:02d}_s{subject:02d}_e{trial}.txt": text_of(action, 1000 * action + 10 * subject + trial)
        for action in actions
        for subject in subjects
        for trial in range(trials)
    }


def folder_of(path, contents):
    for name, data in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def archive_of(path, contents):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(f"actions/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def job_for(path, **data):
    return {
        "task": "series-classification",
        "data": {"path": str(path), "names": PATTERN, **data},
        "model": {"width": 8},
        "train": {"steps": 4, "batch_size": 8},
        "evaluate": {"resamples": 100},
    }


def prepared(*arguments, **data):
    return prepare(*load_job(job_for(*arguments, **data)))


def names_of(dataset):
    return sorted(where.rsplit("/", 1)[-1] for where in dataset.wheres())


@pytest.mark.parametrize("make", [folder_of, archive_of])
def test_label_and_subject_come_from_the_names_and_subjects_are_divided(make, tmp_path):
    contents = files()
    path = make(tmp_path / ("actions" if make is folder_of else "actions.tar.gz"), contents)
    split = {"column": "subject", "values": {"test": [2, 4, 6], "validation": ["5"]}}
    made = prepared(path, split=split)
    chosen = {"train": "13", "validation": "5", "test": "246"}
    for name, dataset in made.splits.items():
        assert names_of(dataset) == sorted(one for one in contents if one[6] in chosen[name])
    assert made.states["target"]["classes"] == ["01", "02"]
    assert made.report["quarantined"] == 0


@pytest.mark.parametrize("make", [folder_of, archive_of])
def test_folders_are_not_said_to_be_classes_where_the_names_say_the_label(make, tmp_path):
    path = tmp_path / ("actions" if make is folder_of else "actions.tar.gz")
    source = open_source(make(path, {f"recordings/{name}": data for name, data in files().items()}))
    assert any("every file has the label recordings" in note for note in source.notes())
    assert not any("every file" in note for note in Named(source, PATTERN).notes())
    assert any("every file" in note for note in Named(source, r"s(?P<subject>\d+)").notes())


def test_train_and_test_are_not_said_to_be_classes_where_the_names_say_the_label(tmp_path):
    contents = {f"{folder}/{name}": data for folder in ("train", "test", "extra") for name, data in files().items()}
    source = open_source(folder_of(tmp_path / "actions", contents))
    assert any("all are classes" in note for note in source.notes())
    assert not any("all are classes" in note for note in Named(source, PATTERN).notes())


def test_what_is_not_named_is_divided_by_group(tmp_path):
    path = folder_of(tmp_path / "actions", files(subjects=range(1, 10)))
    split = {"column": "subject", "values": {"test": [2, 4]}, "group": "subject", "validation": 0.4}
    parts = {name: {one[6] for one in names_of(part)} for name, part in prepared(path, split=split).splits.items()}
    assert parts["test"] == {"2", "4"}
    assert parts["train"] | parts["validation"] == set("1356789")
    assert parts["validation"]
    assert not parts["train"] & parts["validation"]


def test_a_value_that_no_record_has_is_named(tmp_path):
    path = folder_of(tmp_path / "actions", files())
    with pytest.raises(UserError, match="no record has the subject '66'") as caught:
        prepared(path, split={"column": "subject", "values": {"test": [66]}})
    assert "1, 2, 3" in caught.value.found


def test_a_file_whose_name_does_not_fit_is_quarantined(tmp_path):
    path = folder_of(tmp_path / "actions", {**files(), "notes.txt": b"1 2 3"})
    report = prepared(path).report
    assert [one["reason"] for one in report["quarantine"]] == ["its name does not fit data.names"]
    assert report["quarantine"][0]["where"] == "actions/notes.txt"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"names": r"a(\d+)"}, "a pattern with named groups"),
        ({"names": r"a(?P<label>\d+"}, "no regular expression"),
        ({"split": {"values": {"test": [1]}}}, "values beside column"),
        ({"split": {"column": "subject", "values": {"test": [1], "train": ["1"]}}}, "each stands in one split"),
        ({"split": {"column": "subject", "values": {"tests": [1]}}}, "train"),
    ],
)
def test_a_pattern_or_a_split_that_cannot_be_is_told_before_anything_is_read(data, message, tmp_path):
    with pytest.raises(UserError, match=message):
        load_job(job_for(tmp_path, **data))


@pytest.mark.parametrize("block", [1, 7, 20])
def test_windows_of_one_recording_stay_together(block, tmp_path):
    path = tmp_path / "windows.csv"
    steps = np.random.default_rng(0).normal(size=(200, 4)).round(4)
    path.write_text("".join(f"{i % 2},{','.join(map(str, row))}\n" for i, row in enumerate(steps)))
    data = {"names": None, "columns": ["label", "a", "b", "c", "d"], "fields": {"series": ["a", "b", "c", "d"]}}
    made = prepared(path, **data, split={"block": block, "test": 0.3, "validation": 0.2})
    of_line = {where: name for name, part in made.splits.items() for where in part.wheres()}
    sides = [of_line[f"windows.csv:{line}"] for line in range(1, 201)]
    assert set(sides) >= {"train", "test"}
    for start in range(0, 200, block):
        assert len(set(sides[start : start + block])) == 1
    assert sum(one != other for one, other in pairwise(sides)) < 200 / block


def test_records_of_a_table_have_no_names(tmp_path):
    (tmp_path / "table.csv").write_text("series,label\na.npy,x\nb.npy,y\n")
    with pytest.raises(UserError, match="records that are files"):
        list(Named(open_source(tmp_path / "table.csv"), PATTERN).rows())


def test_class_folders_of_series_are_read_whatever_the_files_end_in(tmp_path):
    contents = {
        f"{split}/{kind}/{index}.{end}": text_of(kind == "run", index + 50 * (kind == "run"))
        for split in ("train", "test")
        for kind in ("run", "walk")
        for index in range(6)
        for end in ("txt", "csv")
    }
    source = file_records(folder_of(tmp_path / "moves", contents))
    rows = list(source.rows())
    assert source.columns == ["file", "label"]
    assert sum(map(len, rows)) == len(contents) == 48
    assert {rows.split for rows in rows} == {"train", "test"}
    made = prepared(tmp_path / "moves", names=None)
    assert made.states["target"]["classes"] == ["run", "walk"]
    assert len(made.splits["test"]) == 24


def test_tables_are_left_to_the_readers_of_tables(tmp_path):
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("series,label\na.npy,x\n")
    assert file_records(tmp_path) is None
    assert file_records(tmp_path / "train.csv") is None
    (tmp_path / "more").mkdir()
    folder_of(tmp_path / "more", {"a.csv": b"1 2\n", "b.csv": b"1 2\n"})
    assert file_records(tmp_path / "more").columns == ["file"]


def test_a_trained_model_scores_by_names_and_answers_files_of_any_name(tmp_path):
    contents = files()
    path = folder_of(tmp_path / "actions", contents)
    run = train(job_for(path, split={"column": "subject", "values": {"test": [2, 4]}}), run=tmp_path / "run",
                reporter=Silent())  # fmt: skip
    scored = evaluate(run, path, reporter=Silent())
    assert scored["n"] == len(contents)
    other = folder_of(tmp_path / "other", {"unheard_of.txt": text_of(1, 5), "c.txt": text_of(2, 6)})
    dataset, bad = read(load(run, device="cpu"), other, needs_answer=False)
    assert len(dataset) == 2
    assert bad == []
