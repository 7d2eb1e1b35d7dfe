import os
import unicodedata

import pytest

from noria.sources.core.named_file import read_file


def test_a_file_below_the_root_is_read(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"png")
    assert read_file(tmp_path, "in/a.png") == b"png"
    assert read_file(tmp_path, "./in\\a.png") == b"png"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../secret", "leads out"),
        ("in/../../secret", "leads out"),
        ("..\\secret", "leads out"),
        ("/etc/passwd", "absolute path"),
        ("C:\\x.png", "absolute path"),
        ("C:x.png", "absolute path"),
        ("\\\\server\\share\\x", "absolute path"),
        ("~/x", "absolute path"),
        ("http://host/x.png", "an address"),
        ("", "no file is named"),
        (" ", "no file is named"),
        ("a\0b", "NUL"),
        ("absent.png", "no such file"),
        ("in", "not a regular file"),
        ("pipe", "not a regular file"),
        ("zero", "through a link"),
        ("out", "through a link"),
        ("outside_folder/secret", "through a link"),
        ("empty.png", "empty file"),
        ("large.png", "larger than 10 bytes"),
        ("loop", "no such file|Too many levels"),
        ("x" * 5000, "too long|no such file"),
    ],
)
def test_everything_else_is_refused_with_a_plain_reason(tmp_path, name, reason):
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "empty.png").write_bytes(b"")
    (root / "large.png").write_bytes(b"12345678901")
    os.mkfifo(root / "pipe")
    os.symlink("/dev/zero", root / "zero")
    os.symlink(tmp_path / "secret", root / "out")
    os.symlink(tmp_path, root / "outside_folder")
    os.symlink("loop", root / "loop")
    with pytest.raises(ValueError, match=reason):
        read_file(root, name, limit_bytes=10)


def test_a_link_within_the_root_is_followed(tmp_path):
    (tmp_path / "a.png").write_bytes(b"png")
    os.symlink("a.png", tmp_path / "b.png")
    assert read_file(tmp_path, "b.png") == b"png"


def test_a_root_that_is_itself_a_link_is_fine(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"png")
    os.symlink("real", tmp_path / "link")
    assert read_file(tmp_path / "link", "a.png") == b"png"


def test_a_name_written_with_the_other_kind_of_accents_is_found(tmp_path):
    (tmp_path / unicodedata.normalize("NFD", "é.png")).write_bytes(b"png")
    assert read_file(tmp_path, unicodedata.normalize("NFC", "é.png")) == b"png"
