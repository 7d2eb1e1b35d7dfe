"""A text as tokens: cut, framed, masked, and each token's place in the raw text."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noria.checks import check_modality
from noria.errors import UserError
from noria.modalities.text.modality import NOWHERE, Text
from noria.text.tokenizer import Tokenizer
from noria.types import PAD

TEXTS = [
    "The river turns the wheel.",
    "水车日夜转动，提水不停。",
    "cafe\u0301 \U0001f468\u200d\U0001f469 <mask> [SEP]",
] * 3
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@functools.cache
def learnt(kind: str = "bpe") -> dict[str, Any]:
    return Text(tokenizer=kind, vocabulary=300).fit(TEXTS)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "character", "byte"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"begin": True, "end": True, "keep": True}, {"mask_word": "<mask>"}, {"characters": 3, "ngrams": 2}],
)
def test_it_keeps_the_contract(kind: str, settings: dict[str, Any]) -> None:
    masks = " <mask>" if "mask_word" in settings else ""
    check_modality(Text(tokenizer=kind, vocabulary=300, **settings), [text + masks for text in TEXTS])


@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_what_is_encoded_is_shown_again(texts: list[str]) -> None:
    text = Text(begin=True, end=True, tokenizer="byte")
    state = learnt("byte")
    ids = text.encode(texts, state).arrays["ids"]
    assert [text.display({"ids": ids[i]}, state) for i in range(len(texts))] == texts


@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4), most=st.integers(2, 9))
def test_a_long_text_is_cut_between_its_first_and_last_special_token(texts: list[str], most: int) -> None:
    framed = Text(begin=True, end=True, max_tokens=most)
    state = learnt()
    tokenizer = Tokenizer.from_json(state["tokenizer"])
    ids, whole = framed.encode(texts, state).arrays["ids"], tokenizer.encode(texts)
    for row in range(len(texts)):
        assert ids[row][0] == tokenizer.begin
        assert ids[row][-1] == tokenizer.end
        assert ids[row][1:-1].tolist() == whole[row][: most - 2].tolist()


@given(
    texts=st.lists(ANY_TEXT | st.sampled_from(["<mask>", "a<mask>", "<mask><mask> water <mask>"]), max_size=4),
    begin=st.booleans(),
    mask_word=st.sampled_from([None, "<mask>"]),
)
def test_the_places_kept_are_those_that_spans_tells(texts: list[str], begin: bool, mask_word: str | None) -> None:
    kept = Text(begin=begin, end=True, keep=True, mask_word=mask_word, max_tokens=12)
    state = learnt()
    arrays = kept.encode(texts, state).arrays
    plain = Text(begin=begin, end=True, mask_word=mask_word, max_tokens=12).encode(texts, state).arrays
    assert np.array_equal(arrays["ids"].values, plain["ids"].values)
    assert arrays["_text"].texts() == texts
    for row, raw in enumerate(texts):
        spans = kept.spans(raw, state)
        assert len(spans) == len(arrays["ids"][row])
        for span, start, end in zip(spans, arrays["starts"][row], arrays["ends"][row], strict=True):
            assert (start, end) == (NOWHERE, NOWHERE) if span.name else (span.start, span.end) == (start, end)


def test_the_mask_word_is_one_token_and_stands_where_it_stood() -> None:
    text = Text(mask_word="<mask>")
    state = learnt()
    tokenizer = Tokenizer.from_json(state["tokenizer"])
    raw = "The <mask> turns<mask>"
    ids = text.encode([raw], state).arrays["ids"][0].tolist()
    assert ids.count(tokenizer.mask) == 2
    assert tokenizer.decode(ids) == "The turns"  # the space before it belongs to the word that is sought
    masked = [
        raw[one.start : one.end]
        for one, number in zip(text.spans(raw, state), ids, strict=True)
        if number == tokenizer.mask
    ]
    assert masked == ["<mask>", "<mask>"]
    assert "".join(raw[one.start : one.end] for one in text.spans(raw, state)) == "The<mask> turns<mask>"
    assert tokenizer.mask not in Text().encode([raw], state).arrays["ids"].values  # only where it is asked for


def test_a_vocabulary_without_a_mask_cannot_fill_in() -> None:
    state = learnt()
    parts = Tokenizer.from_json(state["tokenizer"])._parts
    without = {**state, "tokenizer": Tokenizer({**parts, "mask": None}).to_json()}
    with pytest.raises(UserError, match="no mask token"):
        Text(mask_word="<mask>").encode(["a <mask>"], without)


def test_a_text_without_anything_to_fill_in_is_told_so() -> None:
    encoded = Text(mask_word="<mask>").encode(["a <mask>", "a"], learnt())
    assert set(encoded.bad) == {1}
    assert "no <mask>" in encoded.bad[1]


def test_an_optional_text_may_be_missing() -> None:
    encoded = Text(begin=True, is_optional=True).encode([None, "a", ""], learnt())
    assert encoded.bad == {}
    assert encoded.arrays["ids"].lengths.tolist() == [1, 2, 1]
    assert set(Text().encode([None, "a", ""], learnt()).bad) == {0, 2}


def test_short_texts_are_padded_and_padding_is_not_real() -> None:
    text, state = Text(), learnt()
    ids = torch.from_numpy(text.encode(TEXTS[:2], state).arrays["ids"].padded())
    tokens = text.embedder(state, 8)({"ids": ids})
    assert tokens.features.shape == (*ids.shape, 8)
    assert tokens.is_real is not None
    assert torch.equal(tokens.is_real, ids >= 0)


def test_dropped_tokens_are_padding_and_the_first_one_stays() -> None:
    torch = pytest.importorskip("torch")
    ids = torch.arange(4000).view(4, 1000)
    torch.manual_seed(0)
    varied = Text(token_dropout=0.25).augment({"ids": ids})["ids"]
    is_dropped = varied == PAD
    assert not bool(is_dropped[:, 0].any())
    assert 0.2 < float(is_dropped.float().mean()) < 0.3
    assert torch.equal(varied[~is_dropped], ids[~is_dropped])
    assert Text().augment({"ids": ids})["ids"] is ids


def test_a_second_reading_holds_the_characters_between_two_spaces() -> None:
    text = Text(characters=3, lowercase=True, max_tokens=3)
    state = text.fit(TEXTS)
    rows = text.encode(["The wheel turns", "Te", ""], state).arrays["characters"]
    spelled = [Tokenizer.from_json(state["characters"]).decode(rows[i]) for i in range(3)]
    assert spelled == [" the wheel t", " te ", ""]  # four a token


def test_the_longest_runs_of_both_readings_stay_whole_as_often() -> None:
    text = Text(ngrams=2, characters=6, token_dropout=0.5)
    rows = torch.ones(200, 1000, dtype=torch.int64)
    torch.manual_seed(0)
    varied = text.augment({"ids": rows, "characters": rows})
    for name, longest in (("ids", 2), ("characters", 6)):
        runs = (varied[name] != PAD).unfold(1, longest, longest).all(2)
        assert abs(float(runs[:, 1:].float().mean()) - 0.25) < 0.01


def test_a_state_without_characters_cannot_be_read_by_them() -> None:
    with pytest.raises(UserError, match="tokens alone"):
        Text(characters=3).encode(["water"], learnt())


@pytest.mark.parametrize(
    "settings", [{"token_dropout": 1.0}, {"token_dropout": -0.1}, {"ngrams": 0}, {"characters": -1}]
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="token_dropout at least"):
        Text(**settings)


def test_a_text_that_is_kept_is_shown_as_it_was_given() -> None:
    text, modality = "In 1901, Warsaw's 711,988.  囍", Text(tokenizer="bpe", vocabulary=300, lowercase=True, keep=True)
    state = modality.fit([text])
    arrays = {name: one[0] for name, one in modality.encode([text], state).arrays.items()}
    assert modality.display(arrays, state) == text
    assert modality.display({"ids": arrays["ids"]}, state) == text.lower()
