import gzip

import pytest

from noria.errors import UserError
from noria.sources.formats.opening import open_source
from noria.types import Bad


def write(folder, text, name="a.jsonl"):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_each_line_is_a_record_and_a_key_that_is_missing_is_none(tmp_path, read_all):
    source = open_source(write(tmp_path, '{"a": 1, "b": "x"}\n\n{"b": null, "c": [1, 2]}\r\n'))
    assert source.columns == ["a", "b", "c"]
    records, bad = read_all(source, 1)
    assert records == [("a.jsonl:1", "", (1, "x", None)), ("a.jsonl:3", "", (None, None, [1, 2]))]
    assert bad == []


def test_broken_lines_are_bad_by_number_and_the_rest_is_read(tmp_path, read_all):
    lines = [
        b'{"a": 1}',
        b'{"a": ',
        b"[1]",
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 200_000 + b"}",
        '{"a": "好"}'.encode(),
        b'{"a": "\0"}',
    ]
    records, bad = read_all(open_source(write(tmp_path, b"\n".join(lines))))
    assert [values for _, _, values in records] == [(1,), ("好",)]
    assert [flaw.where for flaw in bad] == [f"a.jsonl:{n}" for n in (2, 3, 4, 5, 6, 7, 9)]
    assert bad[1] == Bad("a.jsonl:3", "expected a JSON object, found list")


def test_a_key_that_comes_late_is_said_with_its_line(tmp_path):
    source = open_source(write(tmp_path, '{"a": 1}\n' * 1500 + '{"a": 1, "late": 2}\n'))
    assert sum(len(rows) for rows in source.rows()) == 1501
    assert "'late' first appears in line 1501" in source.notes()[0]


@pytest.mark.parametrize("text", ["", "\n\n", "nonsense\n", "{}\n"])
def test_a_file_without_a_record_is_refused(tmp_path, text):
    with pytest.raises(UserError):
        open_source(write(tmp_path, text))


def test_gzip_and_utf_16_give_the_same_rows(tmp_path, read_all):
    text = '{"a": "好的", "b": 1.5}\n' * 3
    expected = [values for _, _, values in read_all(open_source(write(tmp_path, text)))[0]]
    for content, name in ((gzip.compress(text.encode()), "b.ndjson.gz"), (text.encode("utf-16"), "c.jsonl")):
        assert [values for _, _, values in read_all(open_source(write(tmp_path, content, name)))[0]] == expected


def test_chunks_do_not_change_the_records(tmp_path, read_all):
    source = open_source(write(tmp_path, "".join(f'{{"a": {i}}}\n' for i in range(10)) + "bad\n"))
    assert read_all(source, 3) == read_all(source, 1000)
