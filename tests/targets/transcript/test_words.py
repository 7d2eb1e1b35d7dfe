"""Words have a place in the text, frames and log-probabilities, whoever says what a word is."""

from __future__ import annotations

import numpy as np

from noria.targets.transcript.beam import Found
from noria.targets.transcript.words import spoken
from noria.text.units import Units, learn_units, units_of


def found(ids: list[int], words: list[tuple[int, int, str]] | None = None) -> Found:
    frames = np.array([[2 * index, 2 * index + 1] for index in range(len(ids))], np.int64).reshape(-1, 2)
    return Found(np.array(ids, np.int64), frames, -np.arange(len(ids), dtype=float), words)


def shown(one: Found, units: Units) -> list[tuple[str, int, int]]:
    said = spoken(one, units)
    return [(said.text[start:end], first, last) for first, last, start, end in said.places.tolist()]


def test_words_stand_between_spaces() -> None:
    units = units_of(learn_units("character", ["ab c"], 0, {}))
    one = found(units.encode(" ab  c ")[0])
    assert spoken(one, units).text == "ab c"
    assert shown(one, units) == [("ab", 2, 5), ("c", 10, 11)]
    assert spoken(one, units).sure.tolist() == [[-1.5, -2.0], [-5.0, -5.0]]


def test_signs_without_spaces_are_words() -> None:
    units = units_of(learn_units("character", ["世界a"], 0, {}))
    assert shown(found(units.encode("世界aa")[0]), units) == [("世", 0, 1), ("界", 2, 3), ("aa", 4, 7)]


def test_a_syllable_has_all_of_its_units() -> None:
    units = units_of(learn_units("pinyin", ["yin2 hang2"], 0, {}))
    assert shown(found(units.encode("yin2 hang2")[0]), units) == [("yin2", 0, 5), ("hang2", 6, 11)]


def test_words_of_a_lexicon_are_joined_as_their_script_wants() -> None:
    units = units_of(learn_units("pinyin", ["yin2 hang2"], 0, {}))
    one = found(units.encode("yin2 hang2 yin2")[0], [(0, 6, "银行"), (6, 9, "音")])
    assert spoken(one, units).text == "银行音"
    assert shown(one, units) == [("银行", 0, 11), ("音", 12, 17)]
    plain = units_of(learn_units("character", ["a b"], 0, {}))
    spaced = found(plain.encode("a b")[0], [(0, 1, "a"), (1, 3, "b")])
    assert shown(spaced, plain) == [("a", 0, 1), ("b", 4, 5)]


def test_nothing_said_has_no_words() -> None:
    units = units_of(learn_units("character", ["a b"], 0, {}))
    assert spoken(found([]), units).text == ""
    assert spoken(found(units.encode("   ")[0]), units).places.shape == (0, 4)
