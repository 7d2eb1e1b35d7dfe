"""Syllables become their parts and back; text that is pinyin is read without any package."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from noria.errors import UserError
from noria.text.pinyin import Syllable, pinyin_of, read_syllables, syllables_of_units

SYLLABLES = [
    "yin2",
    "hang2",
    "zhuang1",
    "lü4",
    "ju2",
    "yuan3",
    "quan2",
    "nüe4",
    "er2",
    "a5",
    "shi4",
    "wu3",
    "xue2",
    "n2",
]


@pytest.mark.parametrize("written", SYLLABLES)
def test_a_syllable_is_its_parts(written: str) -> None:
    assert Syllable.of(written).written() == written
    assert syllables_of_units(Syllable.of(written).units())[0][2] == written


def test_one_sound_has_one_name() -> None:
    assert Syllable.of("ju2").final == Syllable.of("lü4").final == "-ü"
    assert Syllable.of("quan2").final == Syllable.of("yuan2").final == "-üan" != Syllable.of("guan1").final


def test_syllables_in_a_row_are_told_apart() -> None:
    units = [unit for one in SYLLABLES for unit in Syllable.of(one).units()]
    found = syllables_of_units(units)
    assert [written for *_, written in found] == SYLLABLES
    assert [first for first, _, _ in found] == [0, *(end for _, end, _ in found[:-1])]


def test_units_that_are_no_whole_syllable_are_still_written() -> None:
    assert [one for *_, one in syllables_of_units(["zh", "-ang", "b", "3", "-a", "-o", "2"])] == [
        "zhang",
        "b3",
        "a",
        "o2",
    ]


def test_pinyin_is_read_as_it_stands_with_digits_or_marks() -> None:
    assert pinyin_of("yín háng lǜ ma") == ["yin2", "hang2", "lü4", "ma5"]
    assert pinyin_of("nv3 er2") == ["nü3", "er2"]
    assert pinyin_of("hello world") is None
    assert pinyin_of("银行") is None
    assert pinyin_of("") is None


def test_words_decide_how_characters_are_read() -> None:
    pytest.importorskip("pypinyin", reason="needs the extra pinyin")
    assert read_syllables("银行") == (["yin2", "hang2"], [])
    assert read_syllables("行走") == (["xing2", "zou3"], [])
    assert read_syllables("T恤，3件") == (["xu4", "jian4"], ["T", "3"])


def test_readings_come_before_the_package() -> None:
    assert read_syllables("银行", {"银行": "yin2 xing2"}) == (["yin2", "xing2"], [])


def test_without_the_package_an_error_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pypinyin":
            raise ImportError(name)
        return plain(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match="pinyin"):
        read_syllables("银行")
    assert read_syllables("yin2 hang2") == (["yin2", "hang2"], [])
