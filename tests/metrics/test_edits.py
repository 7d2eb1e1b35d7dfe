"""Error rates are those of jiwer; empty texts, which it refuses, are counted too."""

from __future__ import annotations

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.metrics.edits import aligned, num_edits, text_error_rates
from noria.metrics.intervals import measure
from noria.types import Arrays, Ragged

WORDS = st.lists(st.sampled_from(["a", "b", "cat", "dog", "the"]), max_size=12)


def arrays(*texts: str) -> Arrays:
    return {"_text": Ragged.of_texts(texts)}


def rates(given: list[str], true: list[str]) -> tuple[float, ...]:
    ones = np.ones((1, len(given)), np.float32)
    metrics = text_error_rates("plain", "_text")
    return tuple(float(one.value(arrays(*given), arrays(*true), ones)[0]) for one in metrics)


def by_table(one: list[str], other: list[str]) -> int:
    return sum(a is None or b is None or one[a] != other[b] for a, b in aligned(one, other))


@given(one=WORDS, other=WORDS)
def test_the_fast_distance_is_that_of_the_table(one: list[str], other: list[str]) -> None:
    assert num_edits(one, other) == by_table(one, other)
    assert [a for a, _ in aligned(one, other) if a is not None] == list(range(len(one)))
    assert [b for _, b in aligned(one, other) if b is not None] == list(range(len(other)))


@given(pairs=st.lists(st.tuples(WORDS, WORDS.filter(bool)), min_size=1, max_size=5))
def test_rates_are_those_of_jiwer(pairs: list[tuple[list[str], list[str]]]) -> None:
    given_, true = [" ".join(one) for one, _ in pairs], [" ".join(other) for _, other in pairs]
    wer, cer = rates(given_, true)
    assert wer == pytest.approx(jiwer.wer(true, given_))
    without = [[text.replace(" ", "") for text in some] for some in (true, given_)]
    assert cer == pytest.approx(jiwer.cer(*without))


def test_an_empty_truth_counts_what_was_put_in_and_all_empty_has_no_rate() -> None:
    assert rates(["b", "a cat"], ["", "a cat"]) == (0.5, 0.25)
    assert np.isnan(rates([""], [""])).all()


def test_signs_of_a_script_without_spaces_are_words_and_punctuation_is_none() -> None:
    assert rates(["我们去。"], ["我们 来"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert rates(["It's, a CAT!"], ["it’s a cat"]) == (0, 0)


def test_the_normaliser_is_named_and_the_interval_holds_the_rate() -> None:
    generator = np.random.default_rng(0)
    true = [" ".join(generator.choice(["a", "b", "c"], 5)) for _ in range(60)]
    given_ = [text if index % 4 else f"d {text[2:]}" for index, text in enumerate(true)]
    found = measure(text_error_rates("plain", "_text"), arrays(*given_), arrays(*true))
    assert found["wer"]["unit"] == "errors per word, lower case, no punctuation"
    assert found["wer"]["value"] == pytest.approx(0.05)
    assert 0.02 < found["wer"]["low"] < 0.05 < found["wer"]["high"] < 0.08


def test_what_was_not_written_has_no_rate() -> None:
    (wer, _) = text_error_rates("plain", "_text")
    assert np.isnan(wer.value({"nats": np.zeros(1)}, arrays("a"), np.ones((2, 1)))).all()
