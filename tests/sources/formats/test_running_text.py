"""One long text in pieces: nothing lost, nothing moved, broken bytes named by their line."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import UserError
from noria.sources.formats.opening import open_source
from noria.sources.formats.running_text import LEAST_CHARACTERS, MOST_CHARACTERS, RunningText, num_pieces
from noria.sources.formats.text_pieces import text_pieces

CHINESE = "秦川雄帝宅，函谷壯皇居。\r\n綺殿千尋起，離宮百雉餘。\n"
SIMPLIFIED = "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n" * 30


def pieces(source, chunk_size=4096):
    return [piece for rows in source.rows(chunk_size) for piece in rows.columns["text"]]


@pytest.mark.parametrize(
    ("num_characters", "count"),
    [(1, 1), (399, 1), (400, 2), (199_999, 999), (200_000, 1000), (100_000_000, 1000), (100_000_001, 1001)],
)
def test_there_are_a_thousand_pieces_but_none_too_short_or_too_long(num_characters, count):
    assert num_pieces(num_characters) == count
    assert count == 1 or num_characters // count >= LEAST_CHARACTERS
    assert -(-num_characters // count) <= MOST_CHARACTERS


def test_piece_i_is_cut_at_whole_characters_where_the_share_of_the_text_ends(tmp_path):
    text = CHINESE * 9_000
    (tmp_path / "a.txt").write_bytes(text.encode())
    n = len(text)
    expected = [text[i * n // 1000 : (i + 1) * n // 1000] for i in range(1000)]
    assert pieces(open_source(tmp_path / "a.txt")) == expected
    assert pieces(open_source(tmp_path / "a.txt"), 7) == expected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), min_size=1, max_size=1500))
def test_the_pieces_joined_are_the_file_whatever_is_in_it(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "a.txt"
    path.write_bytes(text.encode())
    assert "".join(pieces(RunningText(path))) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_chinese_text_in_any_encoding_gives_the_same_pieces_without_being_told(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes(SIMPLIFIED.encode(encoding))
    assert "".join(pieces(open_source(tmp_path / "a.txt"))) == SIMPLIFIED


def test_a_declared_encoding_is_taken_and_a_guessed_one_is_said(tmp_path):
    text = "\u3053\u308c\u306f\u672c\u3067\u3059\u3002\n" * 100
    (tmp_path / "a.txt").write_bytes(text.encode("shift_jis"))
    assert "".join(pieces(open_source(tmp_path / "a.txt", encoding="shift_jis"))) == text
    (tmp_path / "b.txt").write_bytes(SIMPLIFIED.encode("gbk"))
    assert "gb18030 was guessed" in open_source(tmp_path / "b.txt").notes()[0]


def test_gzip_gives_the_same_pieces_and_a_cut_one_is_an_error(tmp_path):
    packed = gzip.compress(SIMPLIFIED.encode())
    (tmp_path / "a.txt.gz").write_bytes(packed)
    assert "".join(pieces(open_source(tmp_path / "a.txt.gz"))) == SIMPLIFIED
    (tmp_path / "cut.txt.gz").write_bytes(packed[:-9])
    with pytest.raises(UserError, match=r"cut\.txt\.gz"):
        pieces(open_source(tmp_path / "cut.txt.gz"))


def test_broken_bytes_and_nuls_in_the_middle_cost_their_pieces_alone_and_are_named_by_line(tmp_path, read_all):
    lines = [f"line {i} 床前明月光，疑是地上霜。举头望明月，低头思故乡。".encode() for i in range(1, 401)]
    lines[150] += b"\xff\xfe"
    lines[300] += b"\0"
    (tmp_path / "a.txt").write_bytes(b"\n".join(lines))
    records, bad = read_all(open_source(tmp_path / "a.txt"))
    assert [flaw.reason for flaw in bad] == ["the text is not valid utf-8", "the text holds a NUL byte"]
    starts = [int(flaw.where.removeprefix("a.txt:")) for flaw in bad]
    assert all(line - 7 < start <= line for start, line in zip(starts, (151, 301), strict=True))
    assert (
        len(records) + len(bad) == sum(len(line.decode("utf-8", "replace")) + 1 for line in lines) // LEAST_CHARACTERS
    )


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UserError, match="the file is empty"):
        pieces(open_source(tmp_path / "a.txt"))


def test_binary_junk_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(128, 256)) * 50)
    with pytest.raises(UserError, match="neither UTF-8 nor anything"):
        open_source(tmp_path / "a.txt")


def test_a_text_with_the_same_tabs_in_every_line_is_told_to_name_its_columns(tmp_path):
    (tmp_path / "a.txt").write_text("good\t1\nbad\t0\nfine\t1\n")
    with pytest.raises(UserError, match=r"data\.columns=\[text, label\]"):
        open_source(tmp_path / "a.txt")
    assert pieces(text_pieces(tmp_path / "a.txt")) == ["good\t1\nbad\t0\nfine\t1\n"]


def test_a_folder_with_one_text_is_that_text_and_with_split_names_each_is_its_split(tmp_path, read_all):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "input.txt").write_text("x" * 450)
    assert len(read_all(open_source(tmp_path / "one"))[0]) == 2
    (tmp_path / "more").mkdir()
    for name in ("wiki.train.txt", "wiki.valid.txt", "wiki.test.txt"):
        (tmp_path / "more" / name).write_text("x" * 450)
    splits = [split for _, split, _ in read_all(open_source(tmp_path / "more"))[0]]
    assert splits == ["train", "train", "validation", "validation", "test", "test"]


def test_shakespeare_comes_back_from_its_pieces(shared_data):
    path = shared_data / "shakespeare" / "input.txt"
    found = pieces(text_pieces(path))
    assert len(found) == 1000
    assert "".join(found) == path.read_text("utf-8")
