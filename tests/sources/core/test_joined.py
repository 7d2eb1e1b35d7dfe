"""Data that came later is read after the first, wherever it lies, and every record keeps a place of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noria.errors import UserError
from noria.job.load import load_job
from noria.sources.core.joined import Joined
from noria.sources.core.picked import Picked
from noria.sources.formats.opening import open_source
from noria.stages.prepare import open_data, prepare


def table(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_two_files_of_one_name_are_read_one_after_the_other(tmp_path: Path) -> None:
    first = table(tmp_path / "a/labels.csv", "x,y\n1,2\n3,4\n")
    second = table(tmp_path / "b/labels.csv", "y,more,x\n6,,5\n")
    source = Joined([open_source(first), open_source(second)])
    records = [one for rows in source.rows() for one in rows.records()]
    assert [one.fields for one in records] == [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}, {"x": "5", "y": "6"}]
    places = [one.where for one in records]
    assert places == ["labels.csv:2", "labels.csv:3", f"{tmp_path.resolve()}/b/labels.csv:2"]
    assert [path.parent.name for path in source.files()] == ["a", "b"]
    picked = Picked(source, places[1:])
    assert [one.where for rows in picked.rows() for one in rows.records()] == places[1:]


def test_later_data_that_lacks_a_column_is_told(tmp_path: Path) -> None:
    first, second = table(tmp_path / "a.csv", "name,y\n1,2\n"), table(tmp_path / "b.csv", "names,y\n6,5\n")
    with pytest.raises(UserError, match="lacks the column 'name'"):
        Joined([open_source(first), open_source(second)])


def test_pictures_of_another_folder_are_found(tmp_path: Path) -> None:
    lines: dict[str, list[str]] = {"old": ["file,label"], "new": ["file,label"]}
    for folder, rows in lines.items():
        (tmp_path / folder / "pictures").mkdir(parents=True)
        for index in range(40):
            grey = np.full((8, 8), 20 + 5 * index, np.uint8)
            Image.fromarray(grey).save(tmp_path / folder / "pictures" / f"{index}.png")
            rows.append(f"pictures/{index}.png,{'dark' if index < 20 else 'light'}")
        table(tmp_path / folder / "labels.csv", "\n".join(rows) + "\n")
    shutil.copy(tmp_path / "old/labels.csv", tmp_path / "old/first.csv")
    data = {"path": str(tmp_path / "old/first.csv"), "more": [str(tmp_path / "new/labels.csv")]}
    job, task = load_job({"task": "image-classification", "data": data})
    prepared = prepare(job, task)
    assert sum(prepared.report["records"].values()) == 80
    assert prepared.report["quarantined"] == 0
    assert next(iter(open_data(job, task).files())).name == "first.csv"


def test_pictures_in_folders_of_their_classes_are_joined(tmp_path: Path) -> None:
    for folder in ("old", "new"):
        for label, level in (("dark", 20), ("light", 200)):
            (tmp_path / folder / label).mkdir(parents=True)
            for index in range(20):
                Image.fromarray(np.full((8, 8), level + index, np.uint8)).save(
                    tmp_path / folder / label / f"{index}.png"
                )
    data = {"path": str(tmp_path / "old"), "more": [str(tmp_path / "new")]}
    prepared = prepare(*load_job({"task": "image-classification", "data": data}))
    places = [place for some in prepared.places().values() for place in some]
    assert len(set(places)) == len(places) == 80
    assert prepared.report["quarantined"] == 0
