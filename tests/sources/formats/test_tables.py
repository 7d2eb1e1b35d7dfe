import zipfile

import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source


def fill(root, *names, text="a,b\n1,2\n"):
    for name in names:
        (root / name).write_text(text)


def test_a_folder_of_split_tables_is_read_train_first(tmp_path, read_all):
    fill(tmp_path, "test.csv", "my_train.tsv", "validation.csv")
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / "my_train.tsv").write_text("b\ta\n4\t3\n")
    source = open_source(tmp_path)
    records, _ = read_all(source)
    assert [split for _, split, _ in records] == ["train", "validation", "test"]
    assert records[0] == ("my_train.tsv:2", "train", ("4", "3"))
    assert source.notes() == ["not read, beside the tables: README.md"]


def test_one_table_alone_in_a_folder_is_that_table(tmp_path, read_all):
    fill(tmp_path, "photos.csv")
    source = open_source(tmp_path)
    assert read_all(source)[0] == [("photos.csv:2", "", ("1", "2"))]
    assert source.root == tmp_path


@pytest.mark.parametrize("names", [("a.csv", "b.csv"), ("train.csv", "other.csv"), ("train.csv", "train.tsv")])
def test_several_tables_that_are_no_splits_must_be_named(tmp_path, names):
    fill(tmp_path, *names)
    with pytest.raises(UserError, match=r"name one: data\.path="):
        open_source(tmp_path)


def test_splits_with_different_columns_are_refused(tmp_path):
    fill(tmp_path, "train.csv")
    fill(tmp_path, "test.csv", text="a\n1\n")
    with pytest.raises(UserError, match=r"test\.csv has other columns than train\.csv"):
        open_source(tmp_path)


def test_the_files_of_the_splits_may_be_said(tmp_path, read_all):
    fill(tmp_path, "class.txt", "dev.txt", "test.txt", text="good\t1\nbad\t0\n")
    source = open_source(tmp_path, columns=["text", "label"], splits={"test": "test.txt", "train": "dev.txt"})
    assert [(where, split) for where, split, _ in read_all(source)[0]] == [
        ("dev.txt:1", "train"), ("dev.txt:2", "train"), ("test.txt:1", "test"), ("test.txt:2", "test"),
    ]  # fmt: skip
    with pytest.raises(UserError, match=r"data\.splits=\{train: class\.txt"):
        open_source(tmp_path, columns=["text", "label"])


@pytest.mark.parametrize("form", ["table.tsv", "text.txt", "list.json"])
def test_splits_may_be_files_of_any_format(tmp_path, read_all, form):
    contents = {"table.tsv": "text\ta\nx\t1\n", "text.txt": "x" * 300, "list.json": '[{"text": "x"}]'}
    for place in ("one", "two"):
        (tmp_path / f"{place}_{form}").write_text(contents[form])
    source = open_source(tmp_path, splits={"train": f"one_{form}", "dev": f"two_{form}"})
    assert [split for _, split, _ in read_all(source)[0]] == ["train", "validation"]


def test_splits_that_are_not_there_are_all_told_with_the_nearest(tmp_path):
    fill(tmp_path, "dev.txt")
    with pytest.raises(UserError) as caught:
        open_source(tmp_path, columns=["a", "b"], splits={"train": "dev.tx", "tset": "dev.txt"})
    assert "did you mean 'dev.txt'?" in str(caught.value)
    assert "did you mean 'test'?" in str(caught.value)
    with pytest.raises(UserError, match="no such file, which"):
        open_source(tmp_path / "dev.txt", columns=["a", "b"], splits={"train": "dev.txt"})


@pytest.mark.parametrize("ending", ["tsv", "txt"])
def test_tables_without_a_header_are_split_by_their_names(tmp_path, read_all, ending):
    fill(tmp_path, f"train.{ending}", f"valid.{ending}", f"test.{ending}", text="good\t1\n")
    (tmp_path / "README.md").write_text("hello")
    records, _ = read_all(open_source(tmp_path, columns=["text", "label"]))
    assert records == [
        (f"train.{ending}:1", "train", ("good", "1")),
        (f"valid.{ending}:1", "validation", ("good", "1")),
        (f"test.{ending}:1", "test", ("good", "1")),
    ]


def test_tables_without_a_header_may_be_in_an_archive(tmp_path, read_all):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train.tsv", "good\t1\n")
        archive.writestr("test.tsv", "bad\t0\n")
    records, _ = read_all(open_source(tmp_path / "a.zip", columns=["text", "label"]))
    assert [(split, values) for _, split, values in records] == [("train", ("good", "1")), ("test", ("bad", "0"))]


def test_the_stamp_covers_every_table(tmp_path):
    fill(tmp_path, "train.csv", "test.csv")
    stamp = open_source(tmp_path).stamp()
    fill(tmp_path, "test.csv", text="a,b\n10,2\n")
    assert open_source(tmp_path).stamp() != stamp
