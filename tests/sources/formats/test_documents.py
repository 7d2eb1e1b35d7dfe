"""Folders and archives of .txt files: a document a file, decoded, with class and split from the folders."""

import io
import tarfile

import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source

GOOD, BAD = "这部电影很好看，我很喜欢。\n第二行也很好。", "这部电影太差了，不想再看。"


def fill(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


REVIEWS = {"train/pos/1.txt": GOOD, "train/neg/1.txt": BAD, "test/pos/2.txt": BAD + GOOD, "README.md": "about"}
RECORDS = {("train", (GOOD, "pos")), ("train", (BAD, "neg")), ("test", (BAD + GOOD, "pos"))}


def test_class_folders_of_texts_are_documents_with_labels_and_splits(tmp_path, read_all):
    source = open_source(fill(tmp_path, REVIEWS))
    assert source.columns == ["text", "label"]
    records, bad = read_all(source)
    assert {(split, values) for _, split, values in records} == RECORDS
    assert bad == []
    assert records[0][0] == f"{tmp_path.name}/test/pos/2.txt"


def test_an_archive_of_texts_is_read_the_same_way(tmp_path, read_all):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name, content in REVIEWS.items():
            member = tarfile.TarInfo(f"reviews/{name}")
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    records, _ = read_all(open_source(tmp_path / "a.tar.gz"))
    assert {(split, values) for _, split, values in records} == RECORDS


@pytest.mark.parametrize("encoding", ["gbk", "utf-16", "utf-8-sig"])
def test_documents_in_another_encoding_are_the_same_texts(tmp_path, read_all, encoding):
    files = {
        f"{kind}/{i}.txt": (text * 5).encode(encoding) for i in range(9) for kind, text in (("a", GOOD), ("b", BAD))
    }
    source = open_source(fill(tmp_path, files))
    assert {values for _, _, values in read_all(source)[0]} == {(GOOD * 5, "a"), (BAD * 5, "b")}
    assert bool(source.notes()) == (encoding == "gbk")


def test_a_broken_a_blank_and_an_empty_document_are_bad_by_name_and_the_rest_is_read(tmp_path, read_all):
    files = {"a/1.txt": GOOD, "a/2.txt": BAD, "b/cut.txt": GOOD.encode()[:-2], "b/empty.txt": "", "b/blank.txt": " \n"}
    records, bad = read_all(open_source(fill(tmp_path, {**files, "b/nul.txt": "a\nb\0"})))
    assert len(records) == 2
    assert {flaw.where.split("/")[-1]: flaw.reason for flaw in bad} == {
        "cut.txt": "the text is not valid utf-8 (line 2)",
        "empty.txt": "empty file",
        "blank.txt": "the text is blank",
        "nul.txt": "the text holds a NUL byte (line 2)",
    }


def test_what_is_no_text_is_bad_in_a_class_folder_and_noted_where_it_is_about_the_data(tmp_path, read_all):
    files = {f"a/{i}.txt": GOOD for i in range(11)} | {"a/photo.png": b"x", "a/LICENSE": "free"}
    source = open_source(fill(tmp_path, files))
    records, bad = read_all(source)
    assert len(records) == 11
    assert [(flaw.where.split("/")[-1], flaw.reason) for flaw in bad] == [("photo.png", "is no .txt file")]
    assert "not read, as they are no .txt files: a/LICENSE" in source.notes()


def test_a_flat_folder_of_texts_is_a_record_a_file(tmp_path, read_all):
    records, _ = read_all(open_source(fill(tmp_path, {"b.txt": BAD, "a.txt": GOOD})))
    assert [values for _, _, values in records] == [(GOOD,), (BAD,)]


def test_pictures_with_a_text_each_are_no_documents(tmp_path):
    files = {f"{kind}/{i}.{ending}": b"x" for kind in "ab" for i in range(3) for ending in ("png", "txt")}
    assert open_source(fill(tmp_path, files)).columns == ["file", "label"]


def test_documents_of_no_known_encoding_are_refused(tmp_path):
    with pytest.raises(UserError, match="neither UTF-8 nor anything"):
        list(
            open_source(
                fill(tmp_path, {"a.txt": bytes(range(128, 256)) * 9, "b.txt": bytes(range(255, 128, -1))})
            ).rows()
        )


def test_the_stamp_follows_every_document(tmp_path):
    stamp = open_source(fill(tmp_path, REVIEWS)).stamp()
    fill(tmp_path, {"train/pos/1.txt": GOOD + "!"})
    assert open_source(tmp_path).stamp() != stamp


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_long_document_of_utf_8_is_read_wherever_the_sample_ends(tmp_path, read_all, shift):
    long = "a\n" * (2**19 - 1) + "a" * shift + "好好"  # the encoding is found from the first megabyte
    records, bad = read_all(open_source(fill(tmp_path, {"a/1.txt": long, "b/2.txt": BAD})))
    assert ({values for _, _, values in records}, bad) == ({(long, "a"), (BAD, "b")}, [])
