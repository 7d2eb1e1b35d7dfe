import os

import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source
from noria.types import Bad


def fill(root, *names, data=None):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() if data is None else data)


def test_classes_and_splits_come_from_the_folders_in_order_of_name(tmp_path, read_all):
    root = tmp_path / "pets"
    fill(root, "train/dog/2.png", "train/cat/10.png", "train/cat/1.png", "val/cat/3.png", "test/dog/x/4.png")
    source = open_source(root)
    assert source.columns == ["file", "label"]
    records, bad = read_all(source)
    assert sorted(records) == [
        ("pets/test/dog/x/4.png", "test", (b"test/dog/x/4.png", "dog")),
        ("pets/train/cat/1.png", "train", (b"train/cat/1.png", "cat")),
        ("pets/train/cat/10.png", "train", (b"train/cat/10.png", "cat")),
        ("pets/train/dog/2.png", "train", (b"train/dog/2.png", "dog")),
        ("pets/val/cat/3.png", "validation", (b"val/cat/3.png", "cat")),
    ]
    assert bad == []
    assert [where for where, split, _ in records if split == "train"] == [
        "pets/train/cat/1.png",
        "pets/train/cat/10.png",
        "pets/train/dog/2.png",
    ]


def test_files_without_classes_have_no_label(tmp_path, read_all):
    fill(tmp_path, "b.png", "a.png", "notes.txt", ".hidden", "Thumbs.db", "__MACOSX/a.png")
    source = open_source(tmp_path)
    assert source.columns == ["file"]
    assert [values for _, _, values in read_all(source)[0]] == [(b"a.png",), (b"b.png",)]
    assert source.notes() == ["not read, as they stand beside the data: notes.txt"]


def test_an_empty_file_a_misplaced_one_and_a_fifo_are_bad_with_a_reason(tmp_path, read_all):
    root = tmp_path / "pets"
    fill(root, "cat/1.png", "dog/2.png", "loose.png")
    fill(root, "cat/0.png", data=b"")
    os.mkfifo(root / "dog" / "pipe.png")
    os.symlink("nowhere", root / "dog" / "broken.png")
    records, bad = read_all(open_source(root))
    assert len(records) == 2
    assert sorted(bad, key=lambda flaw: flaw.where) == [
        Bad("pets/cat/0.png", "empty file"),
        Bad("pets/dog/broken.png", "dog/broken.png: No such file or directory"),
        Bad("pets/dog/pipe.png", "dog/pipe.png is not a regular file"),
        Bad("pets/loose.png", "it stands beside the class folders, so it has no class"),
    ]


def test_a_loop_of_links_is_not_followed_and_said(tmp_path, read_all):
    fill(tmp_path, "cat/1.png", "dog/2.png")
    os.symlink(tmp_path, tmp_path / "cat" / "loop")
    os.symlink(tmp_path / "cat", tmp_path / "dog" / "to_cat")
    os.symlink(tmp_path / "dog", tmp_path / "cat" / "to_dog")
    source = open_source(tmp_path)
    records, _ = read_all(source)
    assert len(records) < 10
    assert any("were not followed" in note and "cat/loop" in note for note in source.notes())


def test_a_class_without_files_is_said_and_a_folder_without_any_is_refused(tmp_path):
    fill(tmp_path, "full/cat/1.png", "full/dog/1.png")
    (tmp_path / "full" / "cow").mkdir()
    assert open_source(tmp_path / "full").notes() == ["folders without a file: cow"]
    (tmp_path / "hollow" / "cat").mkdir(parents=True)
    with pytest.raises(UserError, match="empty folders: cat"):
        open_source(tmp_path / "hollow")


def test_tables_beside_class_folders_are_not_read_and_said(tmp_path, read_all):
    fill(tmp_path, "train/cat/1.png", "test/cat/2.png", "train.csv", "README.md")
    source = open_source(tmp_path)
    assert len(read_all(source)[0]) == 2
    assert source.notes() == ["not read, as they stand beside the data: README.md, train.csv"]


@pytest.mark.parametrize("chunk_size", [1, 2, 100])
def test_the_chunk_size_changes_only_the_chunks(tmp_path, read_all, chunk_size):
    fill(tmp_path, *(f"{split}/{kind}/{i}" for split in ("train", "test") for kind in "ab" for i in range(3)))
    source = open_source(tmp_path)
    assert sorted(read_all(source, chunk_size)[0]) == sorted(read_all(source)[0])
    assert all(len(rows) <= chunk_size for rows in source.rows(chunk_size))


def test_large_files_make_small_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("noria.sources.core.file_rows.CHUNK_BYTES", 2500)
    fill(tmp_path, *(f"{i}.png" for i in range(10)), data=bytes(1000))
    assert [len(rows) for rows in open_source(tmp_path).rows()] == [3, 3, 3, 1]


def test_the_stamp_sees_a_new_file_and_a_changed_one(tmp_path):
    fill(tmp_path, "cat/1.png", "dog/2.png")
    stamps = {open_source(tmp_path).stamp()}
    fill(tmp_path, "dog/3.png")
    stamps.add(open_source(tmp_path).stamp())
    fill(tmp_path, "dog/3.png", data=b"other")
    stamps.add(open_source(tmp_path).stamp())
    assert len(stamps) == 3


def test_a_file_that_vanishes_while_reading_is_bad(tmp_path, read_all):
    fill(tmp_path, *(f"{i}.png" for i in range(4)))
    source = open_source(tmp_path)
    chunks = source.rows(1)
    next(chunks)
    (tmp_path / "2.png").unlink()
    assert [flaw.where.rsplit("/", 1)[-1] for rows in chunks for flaw in rows.bad] == ["2.png"]
