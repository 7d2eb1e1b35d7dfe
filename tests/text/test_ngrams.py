"""Runs of words and characters: found in any script, counted once a text, the same whatever stands beside them."""

from __future__ import annotations

import numpy as np
import pytest

from noria.text import ngrams
from noria.text.ngrams import PAIR, RUN, WORD, Ngrams, keys_of

HOSTILE = [
    "",
    " ",
    "\ud800",
    "!!!",
    "a",
    "é",
    "́",
    "ﬁne",
    "İ",
    "👩‍👩‍👧",
    "ภาษาไทย",
    "नमस्ते",
    "x" * 5000,
    "a\nb\tc",
    "\x00",
]


def counts(text: str) -> list[int]:
    """Return how many words, pairs of them and runs of characters a text has."""
    kinds = keys_of([text]).values & np.uint64(3)
    return [int((kinds == kind).sum()) for kind in (WORD, PAIR, RUN)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [0, 0, 0]),
        ("a", [1, 0, 1]),  # " a "
        ("to be", [2, 1, 6]),  # " to", "to ", " to ", and those of be
        ("to to to", [1, 1, 3]),  # each once
        ("good!", [2, 1, 7]),  # the mark is a word, and ends one
        ("很干净", [3, 2, 5]),  # each sign is a word; 3 runs of three with the ends, 2 of four
        ("房间很干净 wifi", [6, 5, 16]),
        ("नमस्ते", [1, 0, 11]),  # a vowel sign does not end a word
    ],
)
def test_a_text_has_words_pairs_of_them_and_runs_within_words(text, expected):
    assert counts(text) == expected


@pytest.mark.parametrize(
    ("one", "other"), [("Good Room", "good  room\n"), ("ＷｉＦｉ", "wifi"), ("e\u0301té", "été"), ("ﬁne", "fine")]
)
def test_what_reads_the_same_has_the_same_runs(one, other):
    np.testing.assert_array_equal(keys_of([one]).values, keys_of([other]).values)


def test_pairs_know_their_order():
    assert set(keys_of(["bad not"]).values) ^ set(keys_of(["not bad"]).values)


def test_no_run_reaches_into_the_next_text():
    texts = ["good room", "不好", "!", "", *HOSTILE]
    together = keys_of(texts)
    for index, text in enumerate(texts):
        np.testing.assert_array_equal(together[index], keys_of([text]).values)


def test_different_runs_have_different_keys():
    words = [f"{a}{b}" for a in "abcdefghijklmnop" for b in range(2000)]
    kinds = keys_of([" ".join(words)]).values & np.uint64(3)
    assert int((kinds == WORD).sum()) == len(words)


@pytest.mark.parametrize("chunk", [1, 20, 2**20])
def test_what_is_learnt_does_not_depend_on_the_chunks(monkeypatch, chunk):
    texts = [
        *(f"the room number {i % 7} was {'lovely' if i % 2 else 'dirty'}" for i in range(60)),
        "",
        "房间很干净",
        "房间",
    ]
    whole = Ngrams.learn(texts, 10**6)
    rows = whole.encode(texts)
    monkeypatch.setattr(ngrams, "CHUNK", chunk)
    parts = Ngrams.learn(texts, 10**6)
    np.testing.assert_array_equal(whole.keys, parts.keys)
    np.testing.assert_array_equal(whole.counts, parts.counts)
    np.testing.assert_array_equal(rows.values, parts.encode(texts).values)
    assert np.bincount(rows.values).tolist() == whole.counts.tolist()


def test_only_runs_that_texts_share_are_learnt_the_commonest_first():
    texts = ["alpha beta", "alpha beta", "alpha gamma", "delta"]
    learnt = Ngrams.learn(texts, 10**6)
    assert learnt.num_words == 2  # alpha, beta
    assert set(learnt.counts.tolist()) == {2, 3}
    assert Ngrams.learn(texts, 3).counts.tolist() == [3, 3, 3]
    assert learnt.encode(["zzz", "alpha"]).lengths.tolist() == [0, 10]  # a word, 5 runs of three and 4 of four
