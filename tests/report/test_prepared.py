"""What was understood of data is shown as text, as JSON and as a page: of every task, of odd cells, of broken files."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noria.contract import Task, registry
from noria.job.load import load_job
from noria.pipeline.prepared import Prepared
from noria.preparation.samples import MOST_SAMPLES, Samples
from noria.report import prepared_page, write_prepared
from noria.report.prepared_text import prepared_json, prepared_text
from noria.report.samples import samples
from noria.stages.prepare import prepare
from report.reading import names, parsed, words
from tiny_data import png, tiny_job

PICTURE = re.compile(r"data:image/\w+;base64,([^\"]*)")
Run = Callable[..., tuple[int, str, str]]


def understood(job: Mapping[str, Any]) -> tuple[Prepared, Task]:
    loaded, task = load_job(job)
    return prepare(loaded, task), task


def table(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def pictures(page: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in PICTURE.findall(page)]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, Task]:
    """A table whose cells try to be code, whose dates are written day first, and whose labels stand in order."""
    rows = [
        [
            f"{i % 28 + 1:02}/0{i % 3 + 4}/2021",
            "<script>alert(1)</script>" if i % 3 else "\x1b[2Jb",
            f"{i * 7 % 50},5",
            i // 40,
        ]
        for i in range(120)
    ]
    path = table(tmp_path_factory.mktemp("odd") / "odd.csv", ["when", "<b>what</b>", "cost", "label"], rows)
    return understood({"task": "tabular-classification", "data": {"path": str(path)}})


def test_every_task_is_shown(tmp_path: Path) -> None:
    found = registry.names("tasks")
    assert len(found) >= 17
    for name in found:
        prepared, task = understood(tiny_job(name, tmp_path / name))
        page = prepared_page(prepared, task)
        assert "As the network gets it" in words(page), name
        assert not names(page) & {"script", "iframe", "object", "link"}, name
        for element in parsed(page).iter():
            assert element.get("src", "data:image/").startswith(("data:image/", "data:audio/wav;")), name
            assert element.get("href", "#").startswith("#"), name
        assert prepared_text(prepared, task).count("\n") > 5, name
        assert len(json.loads(json.dumps(prepared_json(prepared, task), allow_nan=False))["samples"]) == 3, name


def test_three_records_stand_beside_what_was_given(odd: tuple[Prepared, Task]) -> None:
    text = prepared_text(*odd)
    assert text.count("odd.csv:") >= 3
    assert re.search(r"^  cost +\d+\.5  \[\d+,5\]$", text, re.MULTILINE)
    assert re.search(r"^  when\.month +[456]  \[\d\d/0[456]/2021\]$", text, re.MULTILINE)
    shown = prepared_json(*odd)["samples"]
    assert {one["read"]["label"] for one in shown} == {"0", "1", "2"}  # spread over a file sorted by class
    assert shown[0]["given"]["table"]["cost"].endswith(",5")


def test_nothing_of_the_data_becomes_code_or_moves_the_cursor(odd: tuple[Prepared, Task]) -> None:
    page = prepared_page(*odd)
    assert "<script" not in page
    assert "<script>alert(1)</script>" in words(page)
    assert "<b>what</b>" in words(page)
    assert "\x1b" not in page + prepared_text(*odd)


def test_the_same_data_from_the_cache_gives_the_same_page(tmp_path: Path) -> None:
    job = tiny_job("tabular-regression", tmp_path)
    assert prepared_page(*understood(job)) == prepared_page(*understood(job))


def test_what_a_run_writes_down_holds_no_record(odd: tuple[Prepared, Task]) -> None:
    assert "samples" in odd[0].report
    assert "samples" not in odd[0].record()["report"]


def test_boxes_are_drawn_and_augmented_views_are_named(tmp_path: Path) -> None:
    job = tiny_job("object-detection", tmp_path)
    plain = prepared_page(*understood(job))
    assert "with its answer" in words(plain)
    assert "augmented" not in words(plain).lower()
    assert len(pictures(plain)) == 24  # of twelve records, without and with their boxes
    varied = prepared_page(*understood({**job, "inputs": {"image": {"flip": True, "zoom": 0.3}}}))
    assert words(varied).count("image, augmented") == 12
    assert len(pictures(varied)) == 36
    assert varied == prepared_page(*understood({**job, "inputs": {"image": {"flip": True, "zoom": 0.3}}}))


def test_masks_are_drawn(tmp_path: Path) -> None:
    found = pictures(prepared_page(*understood(tiny_job("semantic-segmentation", tmp_path))))
    assert len(found) == 24
    assert any(not np.array_equal(found[i], found[i + 1]) for i in range(0, 24, 2))


def test_pictures_are_shown_in_the_size_that_the_network_gets(tmp_path: Path) -> None:
    job = tiny_job("image-classification", tmp_path) | {"inputs": {"image": {"size": [12, 20]}}}
    page = prepared_page(*understood(job))
    assert "20 x 12 pixels" in words(page)
    assert {one.shape[:2] for one in pictures(page)} == {(12, 20)}


def test_what_is_cut_off_a_text_is_marked(tmp_path: Path) -> None:
    rows = [[f"the film was a joy {i} and its ending came as no surprise <i>at all</i>", i % 2] for i in range(60)]
    path = table(tmp_path / "reviews.csv", ["text", "label"], rows)
    job = {"task": "text-classification", "data": {"path": str(path)}, "model": {"size": "tiny"}}
    text = {"tokenizer": "character", "max_tokens": 10}
    for keep in (False, True):  # with `keep` a text is displayed as it was given, cut or not
        prepared, task = understood({**job, "inputs": {"text": {**text, "keep": keep}}})
        page = parsed(prepared_page(prepared, task))
        marked = [one for one in page.iter("s") if one.get("class") == "cut"]
        assert len(marked) == MOST_SAMPLES
        for one in marked:
            assert (one.text or "").endswith("<i>at all</i>")
        around = next(one for one in page.iter("p") if one.get("class") == "raw")
        assert around.text == "the film"
        assert "cut after 8 of " in prepared_text(prepared, task)
        assert all(one.read == {"text": 8} for one in samples(prepared, task, 3))
    both, task = understood({**job, "inputs": {"text": {**text, "characters": 2, "max_tokens": 5}}})
    assert all(one.read == {"text": 19} for one in samples(both, task, 3)), "characters are read for longer"
    prepared, task = understood({**job, "inputs": {"text": {"tokenizer": "character"}}})
    assert "cut after" not in prepared_text(prepared, task)


def test_a_broken_picture_is_told_and_breaks_no_page(tmp_path: Path) -> None:
    for index in range(40):
        folder = tmp_path / "data" / ("ab"[index % 2])
        folder.mkdir(parents=True, exist_ok=True)
        whole = png(np.random.default_rng(index).integers(0, 255, (8, 8, 3), np.uint8))
        (folder / f"{index}.png").write_bytes(whole if index else whole[:40])
    prepared, task = understood({"task": "image-classification", "data": {"path": str(tmp_path / "data")}})
    said = words(prepared_page(prepared, task))
    assert "1 record could not be used" in said
    assert "data/a/0.png" in said
    assert len(pictures(prepared_page(prepared, task))) >= MOST_SAMPLES - 1


def test_few_channels_are_drawn_as_lines(tmp_path: Path) -> None:
    page = prepared_page(*understood(tiny_job("series-classification", tmp_path)))
    assert "channel 2" in words(page)
    assert not pictures(page)


def test_windows_of_a_text_stand_without_a_place(tmp_path: Path) -> None:
    prepared, task = understood(tiny_job("masked-language-modelling", tmp_path))
    assert all(not one.given and not one.where for one in samples(prepared, task, 3))
    assert "record 1\n" in prepared_text(prepared, task)


def test_data_prepared_before_samples_were_kept_is_still_shown(odd: tuple[Prepared, Task]) -> None:
    prepared, task = odd
    older = {key: value for key, value in prepared.report.items() if key not in ("samples", "readings")}
    older_one = Prepared(prepared.splits, prepared.states, older, prepared.fingerprint)
    assert "As the network gets it" in words(prepared_page(older_one, task))
    assert prepared_text(older_one, task).count("odd.csv:") == 3


def test_the_next_usable_record_stands_in_for_one_that_is_not() -> None:
    kept = Samples(np.ones(100, bool))
    values = {"text": [f"text {i}" for i in range(100)]}
    usable = np.arange(1, 100)  # the first, wanted, cannot be used
    for start in (0, 50):
        here = usable[(usable >= start) & (usable < start + 50)]
        kept.see(here, here, values)
    assert len(kept.found) == MOST_SAMPLES
    assert [one["given"]["text"] for one in kept.found] == [f"text {one['index'] + 1}" for one in kept.found]
    assert kept.found[0]["given"]["text"] == "text 1"
    assert kept.found[-1]["given"]["text"] == "text 99"


def test_the_command_writes_the_page_and_says_where(noria: Run, tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    load_job(tiny_job("tabular-classification", tmp_path))[0].save(job)
    page = tmp_path / "new folder" / "data.html"
    code, out, err = noria("prepare", job, "--page", page)
    assert code == 0
    assert "training records as the network gets them" in out
    assert str(page) in err.replace("\n", "")
    assert "How each column is read" in words(page.read_text("utf-8"))
    code, out, _ = noria("prepare", job, "--page", page, "--json")
    assert code == 0
    assert len(json.loads(out)["samples"]) == 3
    code, _, err = noria("prepare", job, "--page", tmp_path)
    assert code == 2
    assert "error: " in err


def test_the_page_can_be_written_from_python(odd: tuple[Prepared, Task], tmp_path: Path) -> None:
    assert write_prepared(*odd, str(tmp_path / "page.html")) == tmp_path / "page.html"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_the_report_of_a_run_says_how_its_columns_are_read(trained: Callable[[str], Path]) -> None:
    page = (trained("tabular-classification") / "report.html").read_text("utf-8")
    assert "How each column is read" in words(page)
