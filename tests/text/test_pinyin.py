import pytest

from noria.text.pinyin import syllables_of_han, syllables_of_pinyin, units_of


def units(word):
    return " ".join(units_of(syllables_of_pinyin(word)))


@pytest.mark.parametrize(
    "word", ["ni3hao3", "nǐhǎo", "NI3HAO3", "ni\u030chǎo"], ids=["digits", "marks", "capitals", "loose marks"]
)
def test_tones_are_read_from_digits_and_from_marks(word):
    assert units(word) == "n i3 h ao3"


def test_finals_are_those_that_are_heard():
    assert units("yuan2") == "üan2"
    assert units("wei4 ".strip()) == "uei4"
    assert units("liu2") == "l iou2"
    assert units("xue2") == "x üe2"
    assert units("lv4") == units("lü4") == "l ü4"
    assert [units(word) for word in ("si4", "shi4", "xi4")] == ["s iz4", "sh ih4", "x i4"]
    assert units("wang2") == "uang2"
    assert units("yong3") == "iong3"


def test_joined_syllables_are_divided_and_lose_no_tone():
    assert units("yuányīn") == "üan2 in1"
    assert units("zhuangshi") == "zh uang5 sh ih5"


@pytest.mark.parametrize("word", ["hello", "xyz", "sih4", "qq"])
def test_what_is_no_pinyin_is_refused_by_its_name(word):
    with pytest.raises(ValueError, match=word.rstrip("4")):
        syllables_of_pinyin(word)


def test_characters_are_read_in_their_words_with_the_tones_that_are_spoken():
    pytest.importorskip("pypinyin")
    assert " ".join(units_of(syllables_of_han("你好"))) == "n i2 h ao3"  # a third tone before a third
    assert " ".join(units_of(syllables_of_han("银行"))) == "in2 h ang2"
    assert " ".join(units_of(syllables_of_han("行走"))) == "x ing2 z ou3"
    assert " ".join(units_of(syllables_of_han("嗯"))) == "n2"


def test_a_sign_that_nobody_can_read_is_named():
    pytest.importorskip("pypinyin")
    with pytest.raises(ValueError, match="☃"):
        syllables_of_han("好☃")
