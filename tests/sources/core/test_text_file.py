import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import noria.sources.core.text_file as text_file
from noria.errors import UserError
from noria.sources.core.text_file import WINDOW_BYTES, TextFile


def write(folder, content, name="a.csv"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("ending", "count"), [("\n", 3), ("\r\n", 3), ("\r", 3)])
def test_every_kind_of_line_end_counts_as_an_editor_counts(tmp_path, ending, count):
    lines = TextFile(write(tmp_path, ending.join(["a", "b\u2028b", "c"]).encode())).lines()
    assert list(lines) == ["a" + ending, "b\u2028b" + ending, "c"]
    assert (lines.number, lines.is_exhausted) == (count, True)


def test_characters_that_first_appear_in_the_middle_of_a_large_file_tell_its_encoding(tmp_path):
    ascii_part = b"1,plain\n" * 100_000
    chinese = "2,距离川沙公路较近，但是公交指示不对\n".encode("gbk") * 3000
    file = TextFile(write(tmp_path, ascii_part + chinese + ascii_part))
    assert len(ascii_part) > 10 * WINDOW_BYTES
    assert file.encoding == "gb18030"


def test_a_utf_16_file_that_ends_within_a_character_marks_its_last_line(tmp_path):
    lines = TextFile(write(tmp_path, "a,b\n1,好".encode("utf-16")[:-1])).lines()
    assert len(list(lines)) == 2
    assert lines.flaws == {2: "the line is not valid utf-16"}


@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: b"no gzip", lambda data: data[:30]])
def test_a_broken_gzip_file_is_a_user_error(tmp_path, spoil):
    packed = gzip.compress(b"".join(b"%d,%d\n" % (i, i * i) for i in range(1000)))
    with pytest.raises(UserError):
        list(TextFile(write(tmp_path, spoil(packed), "a.csv.gz")).lines())


def test_the_file_may_be_read_many_times(tmp_path):
    file = TextFile(write(tmp_path, b"a\nb\n"))
    assert list(file.lines()) == list(file.lines()) == ["a\n", "b\n"]


WIDE = st.text(st.sampled_from("aé好😀 "), max_size=300)


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(WIDE, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n", "\r", ""]), st.integers(8, 40), st.booleans()
)
def test_utf_8_that_is_valid_is_found_wherever_its_windows_are_cut(tmp_path, monkeypatch, lines, end, size, is_packed):
    monkeypatch.setattr(text_file, "WINDOW_BYTES", size)
    monkeypatch.setattr(text_file, "NUM_WINDOWS", 4)
    text = end.join(["a", *lines])
    content = gzip.compress(text.encode()) if is_packed else text.encode()
    file = TextFile(write(tmp_path, content, "a.csv.gz" if is_packed else "a.csv"))
    assert (file.encoding, file.note) == ("utf-8", "")
    assert "".join(file.lines()) == text


@pytest.mark.parametrize("codec", ["gb18030", "utf-8"])
def test_one_long_line_of_chinese_is_read_whole_in_its_encoding(tmp_path, codec):
    text = "a" + "距离川沙公路较近，但是公交指示不对。" * 60_000
    file = TextFile(write(tmp_path, text.encode(codec)))
    assert "".join(file.lines()) == text
