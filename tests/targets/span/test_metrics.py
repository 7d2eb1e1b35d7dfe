"""Exact match and F1 of answers, beside the official scripts of SQuAD 2.0 and CMRC 2018 written down once more."""

from __future__ import annotations

import collections
import json
import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.targets.span.metrics import answer_metrics, answer_scores
from noria.types import Ragged


def squad_normalize(s):
    s = "".join(ch for ch in s.lower() if ch not in set(string.punctuation))
    return " ".join(re.compile(r"\b(a|an|the)\b", re.UNICODE).sub(" ", s).split())


def squad_f1(gold, pred):
    gold_toks, pred_toks = squad_normalize(gold).split(), squad_normalize(pred).split()
    num_same = sum((collections.Counter(gold_toks) & collections.Counter(pred_toks)).values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision, recall = num_same / len(pred_toks), num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


def squad_scores(pred, answers):
    gold = [a for a in answers if squad_normalize(a)] or [""]
    return max(squad_f1(a, pred) for a in gold), max(int(squad_normalize(a) == squad_normalize(pred)) for a in gold)


CMRC_MARKS = [
    *("-", ":", "_", "*", "^", "/", "\\", "~", "`", "+", "=", "，", "。", "：", "？", "！", "“", "”", "；", "’", "《"),
    *("》", "……", "·", "、", "「", "」", "（", "）", "－", "～", "『", "』"),
]


def cmrc_segments(text):
    found, held = [], ""
    for char in text.lower().strip():
        if char in CMRC_MARKS:
            continue
        if re.search(r"[\u4e00-\u9fa5]", char):
            if held != "":
                found.extend(re.findall(r"\w+|[^\w\s]", held))  # nltk.word_tokenize in the official script
                held = ""
            found.append(char)
        else:
            held += char
    return found + re.findall(r"\w+|[^\w\s]", held)


def cmrc_f1(answer, prediction):
    one, two = cmrc_segments(answer), cmrc_segments(prediction)
    m = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    longest = 0
    for i in range(len(one)):
        for j in range(len(two)):
            if one[i] == two[j]:
                m[i + 1][j + 1] = m[i][j] + 1
                longest = max(longest, m[i + 1][j + 1])
    if longest == 0:
        return 0
    precision, recall = longest / len(two), longest / len(one)
    return (2 * precision * recall) / (precision + recall)


def cmrc_exact(answer, prediction):
    one, two = ("".join(c for c in text.lower().strip() if c not in CMRC_MARKS) for text in (answer, prediction))
    return int(one == two)


@pytest.mark.parametrize(
    ("given_", "accepted", "f1", "exact"),
    [
        ("The Cat!", ("cat",), 1.0, 1.0),
        ("the cat sat", ("cat",), 2 / 3, 0.0),
        ("Denver Broncos", ("Carolina", "the Denver  Broncos."), 1.0, 1.0),
        ("", (), 1.0, 1.0),
        ("Denver", (), 0.0, 0.0),
        ("", ("Denver",), 0.0, 0.0),
        ("a b b", ("b c b d",), 2 * 2 / 6, 0.0),
    ],
)
def test_english_answers_are_scored_as_by_hand(given_, accepted, f1, exact):
    assert answer_scores(given_, accepted, "en") == pytest.approx((f1, exact))


@pytest.mark.parametrize(
    ("given_", "accepted", "f1", "exact"),
    [
        ("《光荣》和ω-force", ("光荣和ω-force",), 1.0, 1.0),
        ("光荣公司", ("光荣和ω-force",), 0.5, 0.0),  # 光荣 of 4 and of 光 荣 和 ωforce
        ("1973年", ("1973年3月", "1973 年"), 1.0, 0.0),  # the space counts in exact match
        ("北京市", ("上海",), 0.0, 0.0),
        ("京北", ("北京",), 0.5, 0.0),  # a stretch, not a bag
        ("", (), 1.0, 1.0),
    ],
)
def test_chinese_answers_are_scored_as_by_hand(given_, accepted, f1, exact):
    assert answer_scores(given_, accepted, "zh") == pytest.approx((f1, exact))


PIECES = st.lists(st.sampled_from(["the", "a", "cat", "Sat", "u.s.", "-", "!", " ", "1,000"]), max_size=6).map(" ".join)
CHINESE = st.lists(st.sampled_from([*"光荣和公司，《》·……-", "ab", " ", "1973", "x.y"]), max_size=8).map("".join)


@given(PIECES, st.lists(PIECES, max_size=3))
def test_english_answers_are_scored_as_by_the_official_script(prediction, answers):
    assert answer_scores(prediction, tuple(answers), "en") == pytest.approx(squad_scores(prediction, answers))


@given(CHINESE.filter(cmrc_segments), st.lists(CHINESE.filter(cmrc_segments), min_size=1, max_size=3))
def test_chinese_answers_are_scored_as_by_the_official_script(prediction, answers):
    f1, exact = answer_scores(prediction, tuple(answers), "zh")
    assert f1 == pytest.approx(max(cmrc_f1(one, prediction) for one in answers))
    assert exact == max(cmrc_exact(one, prediction) for one in answers)


def test_the_metrics_are_the_means_over_records():
    output = {"_text": Ragged.of_texts(["the cat sat", "dog", ""])}
    truth = {"_answers": Ragged.of_texts([json.dumps(one) for one in (["cat"], ["dog", "cat"], [])])}
    f1, exact = answer_metrics("en")
    assert (f1.name, exact.name) == ("f1", "exact_match")
    assert f1.value(output, truth, np.ones((1, 3)))[0] == pytest.approx((2 / 3 + 2) / 3)
    assert exact.value(output, truth, np.array([[3.0, 1.0, 0.0]]))[0] == pytest.approx(1 / 4)
