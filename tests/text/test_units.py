"""Texts become units and back; what has no unit is named."""

from __future__ import annotations

import json

import pytest

from noria.errors import UserError
from noria.text.units import UNKNOWN, learn_units, units_of

TEXTS = ["the cat sat", "a dog", "wörld 世界"]


@pytest.mark.parametrize("kind", ["character", "bpe"])
def test_the_pieces_of_units_are_the_text(kind: str) -> None:
    state = json.loads(json.dumps(learn_units(kind, TEXTS, 300, {})))
    units = units_of(state)
    for text in TEXTS:
        ids, foreign = units.encode(text)
        assert not foreign
        assert min(ids) > UNKNOWN
        assert max(ids) < len(units.names)
        assert "".join(units.pieces(ids)).strip() == text
        assert len(units.pieces(ids)) == len(ids)


def test_signs_that_training_has_not_shown_are_unknown_and_named() -> None:
    units = units_of(learn_units("character", ["abc"], 0, {}))
    assert units.encode("aéb!") == ([2, UNKNOWN, 3, UNKNOWN], ["é", "!"])
    assert units.separator is None
    assert units_of(learn_units("character", ["a b"], 0, {})).separator == 2


def test_bytes_that_are_no_text_are_written_as_such() -> None:
    units = units_of(learn_units("bpe", ["a"], 300, {}))
    half = [2 + byte for byte in "世".encode()[:2]]
    whole = units.encode("世")[0]
    assert "".join(units.pieces(whole)).strip() == "世"
    assert "\ufffd" in "".join(units.pieces([*whole[:-1], *units.encode("a")[0]]))
    assert len(half) == 2


def test_syllables_are_written_as_the_most_frequent_character() -> None:
    pytest.importorskip("pypinyin", reason="needs the extra pinyin")
    units = units_of(learn_units("pinyin", ["银行", "行走", "银行", "航"], 0, {}))
    ids, foreign = units.encode("银行")
    assert not foreign
    assert "".join(units.pieces(ids)) == "银行"
    assert [units.names[one] for one in ids] == ["y", "-in", "2", "h", "-ang", "2"]
    assert units.encode("妈")[1] == ["m", "-a", "1"]


def test_pinyin_texts_are_answered_in_pinyin() -> None:
    units = units_of(learn_units("pinyin", ["yin2 hang2", "lü4"], 0, {}))
    assert "".join(units.pieces(units.encode("hang2 yin2")[0])).split() == ["hang2", "yin2"]
    with pytest.raises(UserError, match="no training transcript has a syllable"):
        learn_units("pinyin", ["12"], 0, {"12": "12"})
