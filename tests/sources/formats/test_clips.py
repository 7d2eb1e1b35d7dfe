"""Clips as rows: videos and folders of frames, in the order of their numbers, with splits and classes."""

from __future__ import annotations

import zipfile

import pytest

from noria.sources.formats.clips import clips

CONTENTS = {
    "train/run/1.mp4": b"a",
    "train/run/far/10.png": b"10",
    "train/run/far/2.png": b"2",
    "train/run/far/1.png": b"1",
    "train/walk/b.AVI": b"b",
    "train/walk/readme.md": b"about",
    "test/walk/c/0001.jpg": b"c1",
    "test/walk/c/0002.jpg": b"c2",
}


def folder_of(path, contents):
    for name, data in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def archive_of(path, contents):
    path = path.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


def records_of(source):
    return {
        str(rows.numbers[i]): (rows.split, *(rows.columns[name][i] for name in source.columns))
        for rows in source.rows()
        for i in range(len(rows))
    }


@pytest.mark.parametrize("make", [folder_of, archive_of])
def test_videos_and_folders_of_frames_are_records_of_their_class_and_split(make, tmp_path):
    source = clips(make(tmp_path / "clips", CONTENTS))
    assert source.columns == ["file", "label"]
    assert records_of(source) == {
        "train/run/1.mp4": ("train", b"a", "run"),
        "train/run/far": ("train", [b"1", b"2", b"10"], "run"),
        "train/walk/b.AVI": ("train", b"b", "walk"),
        "test/walk/c": ("test", [b"c1", b"c2"], "walk"),
    }
    assert source.notes() == ["not read, as they are neither videos nor pictures: train/walk/readme.md"]


def test_a_folder_of_frames_alone_is_one_clip(tmp_path):
    source = clips(folder_of(tmp_path / "one", {f"{place}.png": b"%d" % place for place in range(12)}))
    (record,) = records_of(source).values()
    assert record == ("", [b"%d" % place for place in range(12)])


def test_a_clip_of_which_a_frame_is_empty_is_bad_with_the_name_of_the_frame(tmp_path):
    contents = {"run/a/1.png": b"1", "run/a/2.png": b"", "run/b.mp4": b"", "walk/c.mp4": b"c"}
    rows = list(clips(folder_of(tmp_path / "clips", contents)).rows())
    assert sum(map(len, rows)) == 1
    reasons = {bad.where: bad.reason for one in rows for bad in one.bad}
    assert set(reasons) == {"clips/run/a", "clips/run/b.mp4"}
    assert "run/a/2.png" in reasons["clips/run/a"]
    assert all("empty file" in reason for reason in reasons.values())


def test_a_path_without_clips_is_left_to_other_readers(tmp_path):
    (tmp_path / "table.csv").write_text("video,label\na.mp4,x\n")
    assert clips(tmp_path / "table.csv") is None
    assert clips(tmp_path) is None
