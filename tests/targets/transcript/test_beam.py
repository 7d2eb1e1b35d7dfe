"""The search is held against the sum over all paths; a lexicon allows its words and nothing else."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from tests.targets.transcript.test_alignment import collapsed, log_probs

from noria.targets.transcript.beam import greedy, search
from noria.targets.transcript.grammar import AnyUnits, Lexicon
from noria.targets.transcript.ngram import Ngram, learn_ngram

NAMES = ["", "?", "a", "b"]


def chances(table: np.ndarray) -> dict[tuple[int, ...], float]:
    """Return the probability of every sequence of units, by all paths."""
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for path in itertools.product(range(table.shape[1]), repeat=len(table)):
        found[collapsed(path)] += math.exp(sum(table[frame, unit] for frame, unit in enumerate(path)))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_a_wide_search_finds_the_likeliest_of_all_answers(seed: int) -> None:
    table = log_probs(5, 3, seed)
    known = chances(table)
    found = search(table, AnyUnits(["", "a", "b"]), 1000)
    assert found is not None
    assert tuple(found.ids.tolist()) == max(known, key=lambda ids: known[ids])


@pytest.mark.parametrize("seed", range(20))
def test_a_lexicon_gives_the_likeliest_of_its_answers(seed: int) -> None:
    words = {"a": [2], "ab": [2, 3], "bb": [3, 3]}
    table = log_probs(5, 4, seed)
    known = chances(table)
    found = search(table, Lexicon(words, None, None, 0.0), 1000)
    said = {
        tuple(unit for word in some for unit in words[word])
        for count in range(4)
        for some in itertools.product(words, repeat=count)
    }
    assert found is not None
    assert tuple(found.ids.tolist()) == max(said, key=lambda ids: known.get(ids, 0.0))
    spelled = [unit for _, _, word in found.words or [] for unit in words[word]]
    assert spelled == found.ids.tolist()


def test_an_ngram_of_training_texts_decides_what_the_sound_leaves_open() -> None:
    even = np.log(np.array([[0.02, 0.0001, 0.49, 0.49], [0.98, 0.0001, 0.01, 0.01]]))
    for common, unit in (("a", 2), ("b", 3)):
        ngram = Ngram(learn_ngram([[common], [common]], 2), 2)
        for grammar in (AnyUnits(NAMES, ngram, 1.0), Lexicon({"a": [2], "b": [3]}, None, ngram, 1.0)):
            found = search(even, grammar, 8)
            assert found is not None
            assert found.ids.tolist() == [unit]


def test_words_said_alike_are_told_apart_by_the_words_before_them() -> None:
    sure = np.full((4, 5), -20.0)
    sure[range(4), [2, 4, 3, 0]] = 0.0
    words = {"we": [2], "two": [3], "too": [3]}
    for spelling in ("two", "too"):
        ngram = Ngram(learn_ngram([["we", spelling], ["we", spelling]], 2), 3)
        found = search(sure, Lexicon(words, 4, ngram, 0.5), 8)
        assert found is not None
        assert [word for _, _, word in found.words or []] == ["we", spelling]


def test_greedy_leaves_out_blanks_and_repeats_and_says_when() -> None:
    table = np.full((6, 3), -9.0)
    table[range(6), [0, 1, 1, 0, 1, 2]] = -0.1
    found = greedy(table)
    assert found.ids.tolist() == [1, 1, 2]
    assert found.frames.tolist() == [[1, 3], [4, 5], [5, 6]]
    assert greedy(np.zeros((0, 3))).ids.tolist() == []


def test_chances_of_an_ngram_add_up_to_one() -> None:
    ngram = Ngram(learn_ngram([["a", "b"], ["a", "a"], ["b"]], 3), 3)
    for before in (("",), ("", "a"), ("a", "b"), ("never",)):
        assert sum(math.exp(ngram.log_prob(before, word)) for word in ("a", "b", "c", "")) == pytest.approx(1)
