import importlib
import os
import sys
from pathlib import Path

import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source


def test_a_path_that_does_not_exist_names_the_nearest(tmp_path):
    (tmp_path / "photos.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match=r"did you mean 'photos\.csv'"):
        open_source(tmp_path / "photo.csv")
    with pytest.raises(UserError, match=r"known: photos\.csv"):
        open_source(tmp_path / "zzz" / "deeper" / "x.csv")


def test_a_kind_without_a_reader_lists_those_that_have_one(tmp_path):
    (tmp_path / "a.docx").write_bytes(b"x")
    with pytest.raises(UserError, match=r"\.parquet.*\.zip"):
        open_source(tmp_path / "a.docx")


def test_an_ending_is_read_by_the_file_of_its_name_and_listed_from_then_on(tmp_path, monkeypatch):
    (tmp_path / "a.toy").write_text("x")
    with pytest.raises(UserError, match="no reader"):
        open_source(tmp_path / "a.toy")
    reader = "from noria.sources.formats.csv_table import CsvTable as Table\n"
    reader += "def open_format(path, encoding):\n    return Table(path, encoding=encoding, columns=['a'])\n"
    (tmp_path / "toy.py").write_text(reader)
    formats = importlib.import_module("noria.sources.formats")
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    try:
        (tmp_path / "b.TOY").write_text("x")
        for name in ("a.toy", "b.TOY"):
            assert open_source(tmp_path / name).columns == ["a"]
        with pytest.raises(UserError, match=r"\.npz, \.conll, \.dat, \.inter, \.mol, \.sdf, \.smi, \.toy, \.zip"):
            open_source(_empty(tmp_path / "a.docx"))
    finally:
        sys.modules.pop("noria.sources.formats.toy", None)
        vars(formats).pop("toy", None)


@pytest.mark.parametrize("ending", ["opening", "mot", "csv_table", "", "sources.formats.mot", "__init__"])
def test_a_file_that_reads_no_ending_is_not_asked(tmp_path, ending):
    with pytest.raises(UserError, match=r"no reader[^$]*\.npz, \.conll, \.dat, \.inter, \.mol, \.sdf, \.smi, \.zip"):
        open_source(_empty(tmp_path / f"a.{ending}"))


def _empty(path: Path) -> Path:
    path.touch()
    return path


def test_a_fifo_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(UserError, match="neither a file nor a folder"):
        open_source(tmp_path / "a.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_a_user_error(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "a.csv").chmod(0)
    with pytest.raises(UserError, match="cannot be read"):
        open_source(tmp_path / "a.csv")


def test_a_file_that_vanishes_is_a_user_error(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    source = open_source(tmp_path / "a.csv")
    (tmp_path / "a.csv").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        list(source.rows())
    with pytest.raises(UserError, match="cannot be read"):
        source.stamp()


def test_a_folder_with_one_archive_is_that_archive_and_with_more_must_be_named(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("cat/1.png", "x")
        archive.writestr("dog/1.png", "x")
    assert open_source(tmp_path).path == tmp_path / "a.zip"
    (tmp_path / "b.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match=r"name one: data\.path="):
        open_source(tmp_path)


def test_a_relative_path_works_as_an_absolute_one(tmp_path, monkeypatch):
    (tmp_path / "cat").mkdir()
    (tmp_path / "dog").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"x")
    (tmp_path / "dog" / "1.png").write_bytes(b"x")
    absolute = open_source(tmp_path)
    monkeypatch.chdir(tmp_path)
    relative = open_source(Path("."))
    assert relative.stamp() == absolute.stamp()
    assert next(relative.rows()).where(0) == next(absolute.rows()).where(0)
