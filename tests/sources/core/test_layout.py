import pytest

from noria.sources.core.layout import Layout, Place, survey


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat/1.png", "dog/2.png"], Layout("", False, True)),
        (["cat/1.png", "README.md"], Layout("", False, True)),
        (["train/cat/1.png", "test/dog/2.png"], Layout("", True, True)),
        (["Train/1.png", "val/2.png"], Layout("", True, False)),
        (["1.png", "2.png", "README.md"], Layout("", False, False)),
        (["pets/cat/1.png", "pets/dog/2.png", "LICENSE"], Layout("pets/", False, True)),
        (["a/b/train/cat/1.png", "a/b/test/cat/1.png"], Layout("a/b/", True, True)),
        (["train/1.png", "bus/2.png"], Layout("", False, True)),
        (["a.txt", "b.txt"], Layout("", False, False, reads_beside=True)),
        (["pos/a.txt", "neg/b.txt"], Layout("", False, True)),
        (["cat/more/1.png", "dog/2.png"], Layout("", False, True)),
    ],
)
def test_the_names_say_what_are_splits_and_what_are_classes(names, expected):
    assert survey(names).layout() == expected


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("train/cat/1.png", Place("train", "cat")),
        ("valid/cat/deep/1.png", Place("validation", "cat")),
        ("test/cat/notes.txt", Place("test", "cat")),
        ("test.csv", Place(is_data=False)),
        ("train/labels.csv", Place(is_data=False)),
        ("loose.png", Place(flaw="it stands beside the folders of the splits")),
        ("test/loose.png", Place(flaw="it stands beside the class folders, so it has no class")),
    ],
)
def test_each_name_has_one_place(name, place):
    assert Layout("", has_splits=True, has_classes=True).place(name) == place


@pytest.mark.parametrize(
    ("names", "is_tables"),
    [
        (["train.csv", "test.csv", "README.md"], True),
        (["inner/all.tsv"], True),
        (["train.csv", "1.png"], False),
        (["walking/1.csv", "running/1.csv"], False),
        (["notes.txt"], False),
    ],
)
def test_tables_alone_are_tables(names, is_tables):
    assert survey(names).is_tables is is_tables
