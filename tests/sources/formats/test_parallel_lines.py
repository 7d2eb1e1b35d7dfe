"""Files whose lines are translations of each other: side by side, never out of step."""

import gzip

import pytest

from noria.errors import UserError
from noria.sources.formats.parallel_lines import parallel_lines
from noria.types import Rejected


def fill(folder, **files):
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        path = folder / name.replace("__", ".")
        path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    return folder


def test_lines_of_the_same_number_are_a_record_and_names_say_the_split(tmp_path, read_all):
    fill(
        tmp_path,
        train__de__gz="eins\nzwei\n",
        train__en__gz="one\ntwo\n",
        test_2016__de="drei\r\n",
        test_2016__en="three",
    )
    fill(tmp_path, README="hello")
    source = parallel_lines(tmp_path)
    assert source.columns == ["de", "en"]
    records, bad = read_all(source)
    assert records == [
        ("train.de.gz:1", "train", ("eins", "one")),
        ("train.de.gz:2", "train", ("zwei", "two")),
        ("test_2016.de:1", "test", ("drei", "three")),
    ]
    assert bad == []
    assert source.notes() == ["not read, beside the tables: README"]


def test_unequal_numbers_of_lines_are_refused_with_both(tmp_path):
    fill(tmp_path, a__en="one\ntwo\nthree\n", a__zh="一\n二\n")
    with pytest.raises(UserError, match=r"a\.en has 3, a\.zh has 2"):
        list(parallel_lines(tmp_path).rows(1))


def test_a_carriage_return_within_a_line_does_not_put_the_files_out_of_step(tmp_path, read_all):
    fill(tmp_path, a__en="one\rmore\u2028still\ntwo\n", a__zh="一\n二\n")
    records, _ = read_all(parallel_lines(tmp_path))
    assert [values for _, _, values in records] == [("one\rmore\u2028still", "一"), ("two", "二")]


def test_broken_and_blank_lines_are_bad_by_number_and_the_rest_stays_in_step(tmp_path, read_all):
    fill(tmp_path, a__de="grün\n".encode() + b"zwei\xff\n\nvier\n", a__zh="一\n二\n三\n四\n")
    records, bad = read_all(parallel_lines(tmp_path))
    assert [values for _, _, values in records] == [("grün", "一"), ("vier", "四")]
    assert bad == [
        Rejected("a.de:2", "the line is not valid utf-8 (a.de)"),
        Rejected("a.de:3", "the line is blank (a.de)"),
    ]
    assert read_all(parallel_lines(tmp_path), 1) == (records, bad)


def test_each_file_has_its_own_encoding(tmp_path, read_all):
    chinese = "今天天气很好\n我们去公园玩\n" * 20
    fill(tmp_path, a__en="fine\nplay\n" * 20, a__zh=chinese.encode("gbk"))
    source = parallel_lines(tmp_path)
    assert read_all(source)[0][0][2] == ("fine", "今天天气很好")
    assert "gb18030 was guessed" in source.notes()[0]


@pytest.mark.parametrize(
    "names", [["a.txt", "a.md"], ["a.en", "b.de"], ["a.csv", "a.tsv"], ["train.txt.gz", "test.txt.gz"], []]
)
def test_a_folder_of_other_files_is_left_to_the_other_readers(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("x\n")
    assert parallel_lines(tmp_path) is None
    assert parallel_lines(tmp_path / "a.txt") is None


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.zh: the file is empty"):
        parallel_lines(fill(tmp_path, a__en="one\n", a__zh=""))


FIELDS = {"source": None, "text": None}


def test_files_of_several_years_are_one_whole(tmp_path, read_all):
    fill(tmp_path, news2014__en="one\n", news2014__zh="一\n", news2015__en="two\n", news2015__zh="二\n")
    records, _ = read_all(parallel_lines(tmp_path, fields=FIELDS))
    assert [values for _, _, values in records] == [("one", "一"), ("two", "二")]


def test_of_several_pairs_the_one_that_is_asked_for_is_read_from_all_years(tmp_path, read_all):
    fill(
        tmp_path, a__de="eins\n", a__en="one\n", b__de="zwei\n", b__en="two\n", b__fr="deux\n", c__en="x\n", c__fr="y\n"
    )
    source = parallel_lines(tmp_path, fields={"source": "de", "text": "en"})
    records, _ = read_all(source)
    assert [values for _, _, values in records] == [("eins", "one"), ("zwei", "two")]
    assert source.notes() == ["not read, beside the tables: b.fr, c.en, c.fr"]
    with pytest.raises(UserError, match="several pairs of languages") as caught:
        parallel_lines(tmp_path, fields=FIELDS)
    assert caught.value.fix == "data.fields={source: de, text: en}"
    assert "b in de, en, fr" in caught.value.found


def test_names_of_which_some_speak_of_a_split_are_refused_with_what_helps(tmp_path):
    fill(tmp_path, train__en="one\n", train__zh="一\n", news__en="one\n", news__zh="一\n")
    with pytest.raises(UserError, match="which is for what") as caught:
        parallel_lines(tmp_path, fields=FIELDS)
    assert "rename them" in caught.value.fix


def test_multi30k_is_read_whole(shared_data):
    counts = {}
    for rows in parallel_lines(shared_data / "multi30k").rows():
        assert not rows.bad
        counts[rows.split] = counts.get(rows.split, 0) + len(rows)
    assert counts == {"train": 29_000, "validation": 1_014, "test": 1_000}
