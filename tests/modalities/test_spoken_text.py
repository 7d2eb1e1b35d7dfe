"""Texts that are read out: what is spoken of them, and what becomes of the rest."""

from __future__ import annotations

import numpy as np
import pytest

from noria.errors import UserError
from noria.modalities.spoken_text import SpokenText

ENGLISH = ["we have two cats, one dog.", "abcdefghijklmnopqrstuvwxyz '!?"]
PINYIN = ["ni3 hao3", "nǐ hǎo", "zai4 jian4", "er4 shi2 wu3", "bai3 fen1 zhi1"]


def shown(modality, values, text):
    state = modality.fit(values)
    encoded = modality.encode([text], state)
    assert not encoded.bad
    return modality.display({name: array[0] for name, array in encoded.arrays.items()}, state)


def test_digits_and_units_are_read_out():
    assert shown(SpokenText(), ENGLISH, "2 kg") == "two kilograms"
    assert shown(SpokenText(), ENGLISH, "We have 25% & $1.50!") == ("we have twenty five percent and one dollar fifty!")


def test_the_language_of_figures_is_that_of_the_training_texts():
    assert SpokenText().fit(ENGLISH)["language"] == "en"
    assert SpokenText().fit(["我有两只猫", "十二点 ok"])["language"] == "zh"
    assert shown(SpokenText(), ["我有二十只猫", "五百"], "我有25只猫") == "我有二十五只猫"


def test_pinyin_with_digits_and_with_marks_is_the_same():
    modality = SpokenText(units="pinyin")
    assert shown(modality, PINYIN, "nǐ hǎo") == shown(modality, PINYIN, "ni3 hao3") == "n -i3 h -ao3"


def test_characters_are_read_as_they_are_pronounced_in_their_words():
    pytest.importorskip("pypinyin")
    modality = SpokenText(units="pinyin")
    assert shown(modality, ["银行", "再见", "百分之二十五"], "银行") == "y -in2 h -ang2"
    assert shown(modality, ["银行", "再见", "百分之二十五"], "25%") == "b -ai3 f -en1 zh -i1 -er4 sh -i2 w -u3"


def test_signs_that_cannot_be_spoken_are_refused_by_name_and_count():
    modality = SpokenText()
    bad = modality.encode(["one ☃ two ☃ é #"], modality.fit(ENGLISH)).bad
    assert "'☃' (2)" in bad[0]
    assert "'#'" in bad[0]
    assert "'é'" in bad[0]
    assert "inputs.text.unspoken=skip" in bad[0]


def test_a_letter_that_training_has_not_shown_is_told_apart_from_a_sign_that_nobody_speaks():
    modality = SpokenText()
    bad = modality.encode(["zero", "one #", "zero #"], modality.fit(["one", "three"])).bad
    assert "no training text has" in bad[0]
    assert "stand in one split" in bad[0]
    assert "write them as words" not in bad[0]
    assert "no training text has" not in bad[1]
    assert "cannot speak: '#'; write them as words; holds what no training text has" in bad[2]


def test_what_the_refusal_advises_works_and_the_signs_are_still_named():
    modality = SpokenText(unspoken="skip")
    state = modality.fit(ENGLISH)
    encoded = modality.encode(["one ☃ two ☃"], state)
    assert not encoded.bad
    assert encoded.arrays["_left_out"].texts() == ["'☃' (2)"]


def test_a_foreign_word_is_no_pinyin_and_is_named():
    pytest.importorskip("pypinyin")
    modality = SpokenText(units="pinyin")
    bad = modality.encode(["你好 iPhone"], modality.fit(["你好", "再见"])).bad
    assert "cannot speak" in bad[0]


@pytest.mark.parametrize("value", ["", "  ", None, 7, "...", "☃"])
def test_a_text_of_which_nothing_can_be_spoken_is_refused(value):
    modality = SpokenText(unspoken="skip")
    assert 0 in modality.encode([value], modality.fit(ENGLISH)).bad


def test_a_tone_that_training_has_not_shown_with_a_final_can_be_spoken():
    modality = SpokenText(units="pinyin")
    encoded = modality.encode(["ni1 hao4"], modality.fit(PINYIN))
    assert not encoded.bad
    assert np.array_equal(encoded.arrays["tones"][0], [0, 1, 0, 4])


def test_a_long_text_is_cut_and_that_is_said():
    modality = SpokenText(max_tokens=5)
    encoded = modality.encode(["abcdefgh"], modality.fit(ENGLISH))
    assert encoded.cut == {0: (5, 8)}
    assert len(encoded.arrays["ids"][0]) == 5


def test_training_texts_without_a_letter_are_an_error():
    with pytest.raises(UserError, match="no training text can be read out"):
        SpokenText().fit(["...", "☃"])
