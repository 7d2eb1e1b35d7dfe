"""Which raw values are texts, and what is learnt from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.modalities.text import Text
from noria.text.learning import automatic_vocabulary, is_missing, learn_text, text_of, usable_texts
from noria.text.tokenizer import KINDS, Tokenizer

NO_TEXTS: list[Any] = [None, "", b"", float("nan"), float("inf"), True, [], {}, ["a"], object, b"\xff\xfe", "\ud800"]


@pytest.mark.parametrize("value", NO_TEXTS, ids=repr)
def test_what_is_no_text_is_none(value: Any) -> None:
    assert text_of(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [("水", "水"), ("水".encode(), "水"), (3, "3"), (2.5, "2.5"), (np.int64(7), "7"), ("\x00", "\x00"), (" ", " ")],
)
def test_texts_and_numbers_are_texts(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_every_value_has_a_text_and_every_bad_one_its_reason() -> None:
    texts, bad = usable_texts(["a", *NO_TEXTS, "b"])
    assert texts == ["a", *[""] * len(NO_TEXTS), "b"]
    assert set(bad) == set(range(1, len(NO_TEXTS) + 1))
    assert {bad[1 + NO_TEXTS.index(one)] for one in (None, "", b"")} == {"the text is missing"}
    assert "list" in bad[1 + NO_TEXTS.index(["a"])]


def test_an_optional_text_may_be_missing_but_not_be_something_else() -> None:
    texts, bad = usable_texts([None, "", float("nan"), ["a"], "\ud800"], is_optional=True)
    assert texts == [""] * 5
    assert set(bad) == {3, 4}


def test_an_empty_array_is_not_missing() -> None:
    assert not is_missing(np.zeros(0))
    assert is_missing(())


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_values_teach_the_same_and_bad_ones_teach_nothing(kind: str) -> None:
    texts = ["the river turns the wheel", "水车日夜转动", "and the wheel lifts the water"] * 3
    state = learn_text(texts, kind, 300, False)
    assert state == learn_text([*texts, *NO_TEXTS], kind, 300, False)
    assert state["kind"] == kind
    assert state["vocabulary"] == Tokenizer.from_json(state["tokenizer"]).size


def test_no_text_at_all_is_refused_where_something_is_learnt() -> None:
    for kind in ("bpe", "unigram", "character"):
        with pytest.raises(UserError, match="no training record has a text"):
            learn_text(NO_TEXTS, kind, 300, False)
    assert learn_text(NO_TEXTS, "byte", 300, False)["vocabulary"] == 259


def test_an_unknown_tokenizer_is_refused_and_a_folder_is_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown tokenizer") as caught:
        learn_text(["a"], "bpee", 300, False)
    assert "bpe" in caught.value.expected
    with pytest.raises(UserError, match=r"no tokenizer here"):
        learn_text(["a"], str(tmp_path), 300, False)


@pytest.mark.parametrize(("count", "expected"), [(3, 2048), (4095, 2048), (5000, 4096), (8192, 8192), (20_000, 8192)])
def test_a_vocabulary_that_is_not_said_follows_the_number_of_texts(count: int, expected: int) -> None:
    assert automatic_vocabulary(["a text"] * count) == expected


def test_a_vocabulary_that_is_not_said_has_room_for_all_signs() -> None:
    signs = "".join(chr(0x4E00 + i) for i in range(3000))
    assert automatic_vocabulary([signs]) == 3600
    assert learn_text([signs, "天地玄黄"], "unigram", None, False)["vocabulary"] > 3000


def test_a_text_of_no_said_vocabulary_keeps_in_its_state_what_was_decided() -> None:
    texts = [f"word{i} and word{i * 7 % 13} of text {i}" for i in range(300)]
    text = Text(vocabulary=None)
    state = text.fit(texts)
    assert state == Text(vocabulary=2048).fit(texts)
    assert text.encode(texts, state).arrays["ids"].lengths.min() > 0
