import os
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
