"""BLEU and chrF are sacreBLEU's, ROUGE is what one counts by hand, and weights are repetitions."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.contract import Metric
from noria.errors import UserError
from noria.metrics.overlap import Language, _common, bleu_tokeniser, overlap_metrics, rouge
from noria.types import Arrays, Ragged

ENGLISH = [
    ("The river turns the wheel, day and night.", "The river turns the wheel day and night."),
    ("A wheel lifts water.", "The wheel lifts the water."),
    ("", "Nothing was said here at all."),
    ("It asks for nothing, it asks for nothing.", "It asks for nothing."),
    ("completely different words", "no overlap whatsoever between these"),
]
CHINESE = [
    ("水车日夜转动。", "水车日夜不停地转动。"),
    ("河水推动水车", "河水推动着水车。"),
    ("今天 GPT-4 很好", "今天GPT-4非常好！"),
    ("", "没有"),
]
PAIRS: dict[Language, list[tuple[str, str]]] = {"en": ENGLISH, "zh": CHINESE}


def arrays(pairs: list[tuple[str, str]]) -> tuple[Arrays, Arrays]:
    return {"_text": Ragged.of_texts([one for one, _ in pairs])}, {"_text": Ragged.of_texts([two for _, two in pairs])}


def score(metric: Metric, pairs: list[tuple[str, str]], weights: np.ndarray | None = None) -> np.ndarray:
    return metric.value(*arrays(pairs), np.ones((1, len(pairs)), np.float32) if weights is None else weights)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_bleu_and_chrf_are_those_of_sacrebleu(language: Language) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    given_, true = map(list, zip(*PAIRS[language], strict=True))
    bleu, chrf, *_ = overlap_metrics("bleu", language, text="_text")
    assert (bleu.name, chrf.name) == ("bleu", "chrf")
    tokenize = "zh" if language == "zh" else "13a"
    own = sacrebleu.corpus_bleu(given_, [true], tokenize=tokenize).score
    assert 0 < own < 100
    assert score(bleu, PAIRS[language])[0] == pytest.approx(own, abs=1e-9)
    assert score(chrf, PAIRS[language])[0] == pytest.approx(sacrebleu.corpus_chrf(given_, [true]).score, abs=1e-9)
    assert f"tok:{tokenize}" in bleu.unit
    assert "nrefs:1" in chrf.unit


def test_bleu_without_cases_stands_beside_that_of_cased_letters() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    pairs = [(given.upper(), true) for given, true in ENGLISH]
    bleu, _, lowercase = overlap_metrics("bleu", "en", text="_text")
    own = sacrebleu.corpus_bleu([one for one, _ in pairs], [[one for _, one in pairs]], lowercase=True).score
    assert score(lowercase, pairs)[0] == pytest.approx(own, abs=1e-9)
    assert score(bleu, pairs)[0] < own / 2
    assert "case:lc" in lowercase.unit
    assert "case:mixed" in bleu.unit
    assert [one.name for one in overlap_metrics("bleu", "zh", text="_text")] == ["bleu", "chrf"]


@pytest.mark.parametrize(
    ("language", "tokenize"), [("ja", "char"), ("ko", "char"), ("th", "char"), ("zh", "zh"), ("en", "13a")]
)
def test_bleu_is_counted_by_the_words_of_the_language(monkeypatch, language: Language, tokenize: str) -> None:
    pytest.importorskip("sacrebleu")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # as where no segmenter is installed
    assert f"tok:{tokenize}" in overlap_metrics("bleu", language, text="_text")[0].unit
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert bleu_tokeniser(language) == {"ja": "ja-mecab", "ko": "ko-mecab"}.get(language, tokenize)


def test_a_tokeniser_that_is_not_here_is_named_with_what_brings_it() -> None:
    pytest.importorskip("sacrebleu")
    if importlib.util.find_spec("MeCab"):
        pytest.skip("MeCab is installed")
    with pytest.raises(UserError, match="pip install mecab-python3 ipadic"):
        overlap_metrics("bleu", "ja", "ja-mecab", text="_text")


def test_japanese_and_thai_words_are_characters_in_rouge() -> None:
    assert rouge("犬が走る", "犬が寝る", "ja")[0] == pytest.approx(3 / 4)
    assert rouge("개가 달린다", "개가 잔다", "ko")[0] == pytest.approx(1 / 2)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["bleu", "rouge"])
@given(drawn=st.lists(st.integers(0, 3), min_size=2, max_size=8))
def test_a_weight_is_so_many_repetitions(kind: str, language: Language, drawn: list[int]) -> None:
    if kind == "bleu":
        pytest.importorskip("sacrebleu")
    pairs = PAIRS[language]
    counts = np.bincount(drawn, minlength=len(pairs)).astype(np.float32)
    for metric in overlap_metrics(kind, language, text="_text"):  # type: ignore[arg-type]
        repeated = score(metric, [pairs[i] for i in drawn])[0]
        weighted = score(metric, pairs, np.stack([counts, np.ones_like(counts)]))
        assert weighted[0] == pytest.approx(repeated, abs=1e-5)
        assert weighted[1] == pytest.approx(score(metric, pairs)[0], abs=1e-5)


@pytest.mark.parametrize("kind", ["bleu", "rouge"])
def test_the_same_text_scores_highest_and_nothing_scores_zero(kind: str) -> None:
    if kind == "bleu":
        pytest.importorskip("sacrebleu")
    for language, pairs in PAIRS.items():
        for metric in overlap_metrics(kind, language, text="_text"):  # type: ignore[arg-type]
            top = score(metric, [(true, true) for _, true in pairs if len(true) > 4])[0]
            assert top == pytest.approx(100 if kind == "bleu" else 1)
            assert score(metric, [("", true) for _, true in pairs])[0] == 0


@pytest.mark.parametrize(
    ("one", "two", "language", "expected"),
    [
        ("the cat sat", "the cat sat", "en", (1, 1, 1)),
        ("The CAT, sat!", "the cat sat", "en", (1, 1, 1)),
        ("the cat sat", "the cat ran away", "en", (4 / 7, 2 / 5, 4 / 7)),
        ("a b c d", "d c b a", "en", (1, 0, 1 / 4)),
        ("the the the", "the", "en", (1 / 2, 0, 1 / 2)),
        ("x", "y", "en", (0, 0, 0)),
        ("", "", "en", (0, 0, 0)),
        ("x", "", "en", (0, 0, 0)),
        ("水车转动", "水车不转", "zh", (3 / 4, 1 / 3, 3 / 4)),
        ("用GPT4写", "GPT4 写。", "zh", (4 / 5, 2 / 3, 4 / 5)),
        ("ＡＢ１２车", "ab12车", "zh", (1, 1, 1)),
        ("水车", "水车", "en", (1, 0, 1)),
    ],
)
def test_rouge_is_what_one_counts_by_hand(one: str, two: str, language: Language, expected: tuple[float, ...]) -> None:
    assert rouge(one, two, language) == pytest.approx(expected)
    assert rouge(two, one, language) == pytest.approx(expected)


def plain_common(one: list[int], two: list[int]) -> int:
    table = np.zeros((len(one) + 1, len(two) + 1), int)
    for i, first in enumerate(one):
        for j, second in enumerate(two):
            table[i + 1, j + 1] = table[i, j] + 1 if first == second else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


@given(one=st.lists(st.integers(0, 4), max_size=30), two=st.lists(st.integers(0, 4), max_size=30))
def test_the_longest_common_subsequence_is_that_of_the_whole_table(one: list[int], two: list[int]) -> None:
    assert _common(list(map(str, one)), list(map(str, two))) == plain_common(one, two)


@pytest.mark.parametrize("kind", ["bleu", "rouge"])
def test_where_nothing_was_written_there_is_no_score(kind: str) -> None:
    if kind == "bleu":
        pytest.importorskip("sacrebleu")
    for metric in overlap_metrics(kind, "en", text="_text"):  # type: ignore[arg-type]
        found = metric.value({"nats": np.ones(5)}, arrays(ENGLISH)[1], np.ones((2, 5), np.float32))
        assert found.shape == (2,)
        assert np.isnan(found).all()
    assert overlap_metrics("none", "en", text="_text") == ()


def test_statistics_are_counted_anew_for_other_texts() -> None:
    first = overlap_metrics("rouge", "en", text="_text")[0]
    assert score(first, [("a", "a")])[0] == 1
    assert score(first, [("a", "b")])[0] == 0
