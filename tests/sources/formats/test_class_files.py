"""A file a class, a text a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.sources.formats.class_files import class_files

LINES = "one text\n\nanother text\n"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["rt.pos", "rt.neg", "README"], [("", "neg"), ("", "pos")]),
        (["positive.txt", "negative.txt", "readme.txt"], [("", "negative"), ("", "positive")]),
        (["train/pos.txt", "train/neg.txt", "test/pos.txt"], [("train", "neg"), ("train", "pos"), ("test", "pos")]),
        (["test-very_good.txt", "train-bad.txt"], [("train", "bad"), ("test", "very_good")]),
        (
            ["train.pos", "train.neg", "dev.pos", "dev.neg"],
            [("train", "neg"), ("train", "pos"), ("validation", "neg"), ("validation", "pos")],
        ),
    ],
)
def test_the_class_is_the_ending_or_the_name(names: list[str], expected: list[tuple[str, str]], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(LINES)
    source = class_files(tmp_path)
    assert source is not None
    assert source.columns == ["text", "label"]
    found = [(rows.split, *record.fields.values()) for rows in source.rows() for record in rows.records()]
    texts = ("one text", "another text")
    assert found == [(split, text, label) for split, label in expected for text in texts]
    assert [list(rows.numbers) for rows in source.rows()] == [[1, 3]] * len(expected)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["pos/1.txt", "neg/1.txt"], LINES),  # documents in class folders
        (["1.txt", "2.txt"], "one document"),  # documents
        (["a.txt"], LINES),
        (["train.txt", "test.txt"], LINES),
        (["a.png", "b.png"], LINES),
        (["train.csv", "test.csv"], LINES),
        (["rt.pos", "rt.neg", "photo.png"], LINES),
    ],
)
def test_what_is_no_file_a_class_is_left_to_others(names: list[str], text: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert class_files(tmp_path) is None


def test_a_line_that_is_no_text_is_told_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "rt.pos").write_bytes(b"good\nbr\0ken\nfine\n")
    (tmp_path / "rt.neg").write_text(LINES)
    source = class_files(tmp_path)
    assert source is not None
    (bad,) = [one for rows in source.rows() for one in rows.bad]
    assert (bad.where, bad.reason) == ("rt.pos:2", "the line holds a NUL byte")
