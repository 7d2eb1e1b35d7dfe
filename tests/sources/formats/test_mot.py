"""Files of the MOT challenge: read, refused with the line, and written so that they are read as the same."""

from __future__ import annotations

import numpy as np
import pytest

from noria.modalities.detections.mot import read_mot, rows_of, truth_rows, write_mot
from noria.sources.formats.mot import mot_sequences


def test_width_and_height_become_right_and_bottom():
    assert read_mot(b"1,-1,10,20,30,40,0.5,-1,-1,-1\n\n").tolist() == [[1, -1, 10, 20, 40, 60, 0.5, -1, -1, -1]]
    assert read_mot(b"\xef\xbb\xbf1 7 10 20 30 40\r\n").tolist() == [[1, 7, 10, 20, 40, 60, 1]]


def test_what_is_written_is_read_as_the_same():
    rows = [{"frame": 3, "id": 7, "box": [1.5, 2.25, 11.75, 40.125], "confidence": 0.25}]
    rows.append({"frame": 4, "id": 7, "box": [1234567.5, 2, 1234570.25, 40]})
    assert write_mot(rows).startswith(b"3,7,1.5,2.25,10.25,37.875,0.25,-1,-1,-1\n")
    assert np.allclose(read_mot(write_mot(rows))[:, :7], rows_of(rows), rtol=0, atol=1e-3)


def test_rows_marked_zero_and_other_classes_are_not_scored():
    assert len(truth_rows(read_mot(b"1,1,0,0,9,9,1,4.4,5.5,0\n1,2,0,0,9,9,0,4.4,5.5,0\n"))) == 1
    kept = truth_rows(read_mot(b"1,1,0,0,9,9,1,1,0.5\n1,2,0,0,9,9,1,7,0.5\n1,3,0,0,9,9,0,1,0.5\n"))
    assert kept[:, 1].tolist() == [1]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "there is no box"),
        (b"1,1,2,3,4\n", "line 1 has 5 numbers, expected at least 6"),
        (b"1,1,2,3,4,5,1\n\n1,1,2,3,4,5\n", "line 3 has 6 numbers, expected 7"),
        (b"1,1,2,3,4,5\nframe,id,a,b,c,d\n", "line 2 is not numbers only"),
        (b"1,1,2,3,0,5\n", "box 1 has no area"),
        (b"1,1,2,3,4,5\n1,2,2,3,4,nan\n", "box 2 holds a number that is not finite"),
        (b"1.5,1,2,3,4,5\n", "box 1 is in no frame"),
        (b"-1,1,2,3,4,5\n", "box 1 is in no frame"),
        ([{"frame": 1, "box": [1, 2, 3]}], "a box needs a frame and a box"),
        ([{"frame": True, "box": [1, 2, 3, 4]}], "a box needs a frame and a box"),
        ([{"frame": 1, "box": [1, 2, 3, 4], "confidence": "high"}], "id and confidence are numbers"),
        ([], "there is no box"),
        ("det.txt", "found str"),
    ],
)
def test_what_is_no_sequence_is_refused_with_the_place(value, reason):
    with pytest.raises(ValueError, match=reason):
        rows_of(value)


BOX = b"1,1,2,3,4,5,1\n"


def write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(BOX)


def test_sequences_are_found_by_the_nearest_folder(tmp_path, read_all):
    write(tmp_path, "train/A/det/det.txt", "train/A/gt/gt.txt", "test/B/det/det.txt", "test/B/gt/gt.txt")
    source = mot_sequences(tmp_path)
    records, bad = read_all(source)
    assert source.columns == ["detections", "tracks"]
    assert [(where.rsplit("/", 1)[-1], split) for where, split, _ in records] == [("A", "train"), ("B", "test")]
    assert records[0][2] == (BOX, BOX)
    assert bad == []


def test_truth_and_detections_may_stand_apart_and_what_lacks_one_is_bad(tmp_path, read_all):
    write(tmp_path, "detections/A/det.txt", "detections/B/det.txt", "A/gt.txt", "A/test.txt", "C/gt.txt")
    source = mot_sequences(tmp_path)
    records, bad = read_all(source)
    assert [where.rsplit("/", 1)[-1] for where, _, _ in records] == ["A"]
    assert [(one.where.rsplit("/", 1)[-1], one.reason) for one in bad] == [
        ("B", "it has no gt.txt"),
        ("C", "it has no det.txt"),
    ]
    assert source.notes() == ["not read, as they are neither det.txt nor gt.txt: A/test.txt"]


def test_detections_alone_have_no_column_of_tracks(tmp_path, read_all):
    write(tmp_path, "A/det.txt")
    assert mot_sequences(tmp_path).columns == ["detections"]
    write(tmp_path / "other", "A/gt.txt")
    assert mot_sequences(tmp_path / "other") is None
    assert mot_sequences(tmp_path / "A" / "det.txt") is None
