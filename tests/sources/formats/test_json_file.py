"""A JSON file that is one list of objects: records by the line they begin in, broken files named by line."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import noria.sources.formats.json_file as json_file
from noria.errors import UserError
from noria.sources.formats.opening import open_source
from noria.sources.formats.text_pieces import json_list
from noria.types import Rejected

POEM = """[
  {
    "author": "李白",
    "paragraphs": ["床前明月光，", "疑是地上霜。"]
  },
  {"author": "杜甫", "paragraphs": [], "tags": ["a, b", "]"]}, {"author": null}
]
"""


def write(folder, text, name="a.json"):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_each_object_is_a_record_of_the_line_it_begins_in(tmp_path, read_all):
    source = open_source(write(tmp_path, POEM))
    assert source.columns == ["author", "paragraphs", "tags"]
    records, bad = read_all(source, 2)
    assert [(where, values) for where, _, values in records] == [
        ("a.json:2", ("李白", ["床前明月光，", "疑是地上霜。"], None)),
        ("a.json:6", ("杜甫", [], ["a, b", "]"])),
        ("a.json:6", (None, None, None)),
    ]
    assert bad == []


def test_lists_of_lines_become_texts_where_texts_are_asked_for(tmp_path, read_all):
    records, _ = read_all(json_list(write(tmp_path, POEM)))
    assert [values for _, _, values in records] == [
        ("李白", "床前明月光，\n疑是地上霜。", None),
        ("杜甫", [], "a, b\n]"),
        (None, None, None),
    ]


def test_what_is_no_object_and_what_cannot_be_written_again_is_bad(tmp_path, read_all):
    content = '[{"a": "好"},\n3,\n{"a": "\\ud800"},\n'.encode() + b'{"a": "\xff"},\n["x"], {"a": 2}]'
    records, bad = read_all(open_source(write(tmp_path, content)))
    assert [values for _, _, values in records] == [("好",), (2,)]
    assert bad == [
        Rejected("a.json:2", "expected a JSON object, found int"),
        Rejected("a.json:3", "a \\u escape names half a character"),
        Rejected("a.json:4", "the text is not valid utf-8"),
        Rejected("a.json:5", "expected a JSON object, found list"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("  \n", "is not a list of records"),
        ("[]", "holds no record"),
        ("[1, 2]", "holds no record"),
        ('{"data": []}', "is not a list of records"),
        ("nonsense", "is not a list of records"),
        ('[{"a": 1},\n{"a": 2}', r"a\.json:2: is not whole JSON"),
        ('[{"a": 1},\n{"a": \n', r"a\.json:3: is not whole JSON"),
        ('[{"a": 1}\n{"a": 2}]', r"a\.json:2: is not whole JSON"),
        ('[{"a": 1},]', "is not whole JSON"),
        ('[,{"a": 1}]', "is not whole JSON"),
        ('[{"a": 1}]\nmore', "is not whole JSON"),
        ('[{"a": "\0"}]', "is not whole JSON"),
        ('[{"a": ' + "[" * 200_000, "is not whole JSON"),
    ],
)
def test_what_is_no_whole_list_is_refused_by_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        list(open_source(write(tmp_path, text)).rows())


def test_an_object_a_line_is_told_its_right_name(tmp_path):
    with pytest.raises(UserError, match=r"rename it to \.jsonl"):
        open_source(write(tmp_path, '{"a": 1}\n{"a": 2}\n'))


def test_a_file_too_large_to_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(json_file, "MAX_CHARACTERS", 100)
    with pytest.raises(UserError, match="write it as JSON lines"):
        open_source(write(tmp_path, json.dumps([{"a": "x" * 200}])))


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    st.lists,
    max_leaves=5,
)


@given(st.lists(st.fixed_dictionaries({"a": CELLS, "b": CELLS}), min_size=1), st.sampled_from([None, 0, 2]))
def test_any_list_of_objects_comes_back_as_it_was(tmp_path_factory, objects, indent):
    path = write(tmp_path_factory.mktemp("any"), json.dumps(objects, indent=indent, ensure_ascii=bool(indent)))
    assert [dict(one.fields) for rows in open_source(path).rows(2) for one in rows.records()] == objects


def test_gzip_and_utf_16_give_the_same_rows(tmp_path, read_all):
    expected = [values for _, _, values in read_all(open_source(write(tmp_path, POEM)))[0]]
    for content, name in ((gzip.compress(POEM.encode()), "b.json.gz"), (POEM.encode("utf-16"), "c.json")):
        assert [values for _, _, values in read_all(open_source(write(tmp_path, content, name)))[0]] == expected


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_files_of_a_folder_that_speak_of_no_split_are_parts_in_the_order_of_their_numbers(tmp_path, read_all, ending):
    for number in (10, 2, 1):
        text = json.dumps({"text": ["a", "b"], "n": number} if number < 10 else {"text": "c"})
        write(tmp_path, text + "\n" if ending == "jsonl" else f"[{text}]", f"part.{number}.{ending}")
    write(tmp_path, "free", "LICENSE")
    source = json_list(tmp_path)
    assert [values for _, _, values in read_all(source)[0]] == [("a\nb", 1), ("a\nb", 2), ("c", None)]
    assert source.notes() == ["not read, beside the tables: LICENSE"]


def test_files_that_speak_of_splits_are_those_and_some_of_each_are_refused(tmp_path, read_all):
    for name in ("train.json", "dev.json"):
        write(tmp_path, '[{"a": 1}]', name)
    assert [split for _, split, _ in read_all(open_source(tmp_path))[0]] == ["train", "validation"]
    write(tmp_path, '[{"a": 1}]', "other.json")
    with pytest.raises(UserError, match="which is for what"):
        open_source(tmp_path)


def test_what_holds_no_objects_is_left_to_the_other_readers(tmp_path):
    assert json_list(tmp_path) is None
    write(tmp_path, '[{"a": 1}]')
    write(tmp_path, b"x", "photo.png")
    assert json_list(tmp_path) is None
    assert json_list(tmp_path / "table.csv") is None


def test_real_poems_are_all_read(shared_data, read_all):
    records, bad = read_all(json_list(shared_data / "poetry_zh"))
    assert (len(records), len(bad)) == (10_374, 0)
    assert all("\n" in values[1] or values[1] for _, _, values in records)
