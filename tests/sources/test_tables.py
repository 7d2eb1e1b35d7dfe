import pytest

from noria.errors import UserError
from noria.sources import open_source


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
    assert source.notes() == ["not read, as they are no tables: README.md"]


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


def test_the_stamp_covers_every_table(tmp_path):
    fill(tmp_path, "train.csv", "test.csv")
    stamp = open_source(tmp_path).stamp()
    fill(tmp_path, "test.csv", text="a,b\n10,2\n")
    assert open_source(tmp_path).stamp() != stamp
