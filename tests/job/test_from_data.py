"""Whatever data is given in the place of a job is taken as data, or named as what it is."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from noria.errors import UserError
from noria.job.from_data import is_data
from noria.job.load import asked_again, load_job

CELLS = [["x", "c", "kind"], *([str(i), "ab"[i % 2], "uv"[i % 2]] for i in range(20))]
LINES = "".join(",".join(row) + "\n" for row in CELLS)
OBJECTS = [dict(zip(CELLS[0], row, strict=True)) for row in CELLS[1:]]
TABLES = {
    "a.csv": LINES.encode(),
    "a.CSV": LINES.encode(),
    "a.tab": LINES.replace(",", "\t").encode(),
    "a.data": LINES.encode(),
    "a.txt": LINES.encode(),
    "a.csv.gz": gzip.compress(LINES.encode()),
    "a.json": json.dumps(OBJECTS).encode(),
    "a.jsonl.gz": gzip.compress("".join(json.dumps(one) + "\n" for one in OBJECTS).encode()),
}


def written(folder: Path, name: str) -> Path:
    (folder / name).write_bytes(TABLES[name])
    return folder / name


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_any_ending_and_its_answer_are_a_job(name: str, tmp_path: Path) -> None:
    job, _ = load_job(str(written(tmp_path, name)), ["label=kind", "train.steps=5"])
    assert (job.task, job.data.fields, job.train.steps) == ("tabular-classification", {"label": "kind"}, 5)


@pytest.mark.parametrize("name", TABLES)
def test_without_an_answer_the_error_names_the_columns_to_choose_from(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="alone does not say what is to be learnt") as caught:
        load_job(written(tmp_path, name))
    if name != "a.txt":  # without tabs it is a text as long as nobody asks for a column of it
        assert "label=COLUMN" in caught.value.expected
        assert caught.value.found == "columns x, c, kind"


def test_a_table_in_an_archive_and_its_answer_are_a_job(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", LINES)
    assert load_job(tmp_path / "a.csv.zip", ["label=kind"])[0].data.path == str(tmp_path / "a.csv.zip")


def folder_of_pictures(path: Path) -> Path:
    for kind in ("cat", "dog"):
        (path / kind).mkdir(parents=True)
        Image.new("L", (4, 4)).save(path / kind / "1.png")
    return path


@pytest.mark.parametrize("name", ["a.tar.gz", "a.txt.gz", "a.json.xz", "a.conll.gz"])
def test_what_is_packed_and_can_be_read_is_data(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"packed")
    assert load_job(tmp_path / name, ["task=token-classification"])[0].data.path == str(tmp_path / name)


def test_a_folder_and_a_task_are_a_job(tmp_path: Path) -> None:
    job, _ = load_job(folder_of_pictures(tmp_path / "pets"), ["task=image-classification", "model.depth=0"])
    assert (job.task, job.data.path, job.model.depth) == ("image-classification", str(tmp_path / "pets"), 0)


def test_columns_can_be_named_beside_the_task(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("review,stars\ngood,5\nbad,1\n")
    job, _ = load_job(tmp_path / "a.csv", ["task=text-classification", "text=review", "label=stars"])
    assert job.data.fields == {"text": "review", "label": "stars"}


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("a.conll", "token-classification"),
        ("a.npz", "image-classification"),
        ("pets", "image-classification"),
        ("rt", "text-classification"),
    ],
)
def test_data_without_a_task_is_told_which_ones_it_is_for(name: str, task: str, tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("anna B-PER\nsings O\n\n" * 3)
    np.savez(tmp_path / "a.npz", image=np.zeros((4, 8, 8), np.uint8), label=np.arange(4) % 2)
    folder_of_pictures(tmp_path / "pets")
    (tmp_path / "rt").mkdir()
    for kind in ("pos", "neg"):
        (tmp_path / "rt" / f"rt.{kind}").write_text("one\ntwo\n")
    with pytest.raises(UserError, match="alone does not say what is to be learnt") as caught:
        load_job(tmp_path / name)
    assert caught.value.expected.startswith(f"task={task}")  # the one that fits best stands first
    advised = caught.value.fix.removeprefix("noria train ").split()
    assert load_job(*advised[:1], advised[1:])[0].data.path == str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.png", "is one picture"),
        ("a.wav", "is one recording"),
        ("a.pkl", "is a pickle"),
        ("a.safetensors", "is weights of a model"),
        ("a.sqlite", "is a database"),
        ("a.html", "is a document"),
        ("a.7z", "is a packed file"),
        ("run", "is a run and no job"),
        ("bundle", "is a trained model and no job"),
        ("a.odd", "is of a kind that has no reader"),
        ("gone.csv", "there is no such file"),
        ("gone.yaml", "there is no job file"),
    ],
)
def test_what_is_neither_is_named_as_what_it_is(name: str, what: str, tmp_path: Path) -> None:
    for folder, files in {"run": ["job.yaml"], "bundle": ["config.json", "model.safetensors"]}.items():
        (tmp_path / folder).mkdir()
        for file in files:
            (tmp_path / folder / file).write_bytes(b"")
    if "." in name and not name.startswith("gone"):
        (tmp_path / name).write_bytes(b"\x00\x01")
    with pytest.raises(UserError, match=what) as caught:
        load_job(tmp_path / name)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["job.yaml", "job.yml", "job", "job.json", "job.txt"])
def test_a_job_is_a_job_whatever_its_name(name: str, tmp_path: Path) -> None:
    content = {"data": {"path": "a.csv"}, "task": "tabular-classification"}
    text = json.dumps(content, indent=1) if name.endswith(".json") else yaml.safe_dump(content)
    (tmp_path / name).write_text(text)
    assert not is_data(tmp_path / name)
    assert load_job(tmp_path / name)[0].data.path == "a.csv"


def test_a_damaged_job_is_still_a_damaged_job(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("data: {path: [\n")
    with pytest.raises(UserError, match="this is not valid YAML"):
        load_job(tmp_path / "job.yaml")


def test_several_answers_of_a_table_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="label is filled by one column") as caught:
        load_job(written(tmp_path, "a.csv"), ["label=[c, kind]"])
    assert caught.value.found == "c, kind"


def test_a_shipped_job_is_not_hidden_by_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_job("digits")[0].task == "image-classification"


def test_data_given_again_on_resuming_asks_for_what_it_asked_for_at_first(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv")
    began = load_job(path, ["label=kind", "train.steps=5"])[0].model_dump(mode="json")
    again, left = asked_again(began, str(path), ["label=kind", "train.steps=5"])
    assert load_job(again, left)[0].model_dump(mode="json") == began
    other, left = asked_again(began, str(path), ["label=c"])
    assert load_job(other, left)[0].data.fields == {"label": "c"}
    assert asked_again(began, "digits", ["train.steps=5"]) == (began, ["train.steps=5"])
