import pytest

from noria.errors import UserError
from noria.sources.core.encoding import find_encoding

SIMPLIFIED = "这家酒店的位置很好，交通方便，房间干净，服务员的态度也不错，下次还会再来。\n" * 3
TRADITIONAL = "這家酒店的位置很好，交通方便，房間乾淨，服務員的態度也不錯，下次還會再來。\n" * 3
WESTERN = "Un café très agréable à côté de la gare, où l’on mange bien – naïveté comprise.\n" * 3


@pytest.mark.parametrize(
    ("text", "codec"),
    [(SIMPLIFIED, "gb18030"), (TRADITIONAL, "big5"), (WESTERN, "cp1252"), (SIMPLIFIED, "utf-16-le")],
)
def test_an_encoding_is_guessed_right_and_said(text, codec):
    found = find_encoding([text.encode(codec)], None, "a.csv")
    assert found.name == codec
    assert f"{codec} was guessed" in found.note


@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL, WESTERN, "plain\n", "Ünï\n"])
def test_utf_8_is_never_mistaken_and_needs_no_note(text):
    assert find_encoding([text.encode()], None, "a.csv") == find_encoding([text.encode()], "gbk" * 0 or None, "a.csv")
    assert (find_encoding([text.encode()], None, "a.csv").name, find_encoding([text.encode()], None, "").note) == (
        "utf-8",
        "",
    )


def test_utf_8_goes_before_what_the_user_says():
    assert find_encoding([SIMPLIFIED.encode()], "gb18030", "a.csv").name == "utf-8"
    assert find_encoding([WESTERN.encode()], "cp1252", "a.csv").name == "utf-8"


def test_gbk_that_is_utf_8_by_accident_is_read_as_the_user_says():
    accident = "模,1\n".encode("gbk")
    assert accident.decode() == "ģ,1\n"
    assert find_encoding([accident], "gbk", "a.csv").name == "gbk"


def test_one_broken_line_does_not_change_the_encoding_of_the_rest():
    assert find_encoding([SIMPLIFIED.encode() + b"caf\xe9\n"], None, "a.csv").name == "utf-8"


def test_accents_at_the_end_of_lines_are_not_taken_for_utf_8():
    assert find_encoding([b"caf\xe9\nth\xe9\ncaf\xe9"], None, "a.csv").name == "cp1252"


def test_an_unknown_encoding_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="gb18030"):
        find_encoding([b"a"], "gb18031", "a.csv")
    with pytest.raises(UserError, match="no text encoding"):
        find_encoding([b"a"], "rot13", "a.csv")


def test_bytes_that_nothing_fits_are_refused_and_not_guessed():
    with pytest.raises(UserError, match=r"data\.encoding="):
        find_encoding([bytes(range(128, 256)) * 20], None, "a.csv")
