"""How well an answer taken from a text is that which was asked for: exact match and F1, the best over all accepted.

English as the official script of SQuAD 2.0 has it (Rajpurkar et al. 2018), Chinese as that of CMRC 2018 (Cui et al.
2019), which cuts Chinese into characters and compares the longest common stretch; its words of other languages are cut
at spaces and punctuation here, not by NLTK. Where nothing is the right answer, only nothing is right.
"""

from __future__ import annotations

import functools
import json
import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from noria.contract import Metric, mean_metric
from noria.types import Arrays

Language = Literal["en", "zh"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
# The two characters of "……" are one entry in the official script, so that they are never met.
_CHINESE_MARKS = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_WORDS = re.compile(r"\w+|[^\w\s]")


def answer_metrics(language: Language) -> tuple[Metric, ...]:
    """Return F1 and exact match of `_text` of the output beside `_answers` of the truth: a JSON list of texts each."""
    return tuple(
        mean_metric(name, "fraction", "higher", lambda output, truth, i=i: _scores(output, truth, language)[:, i])  # type: ignore[misc]
        for i, name in enumerate(("f1", "exact_match"))
    )


@functools.lru_cache(maxsize=2**17)
def answer_scores(given: str, accepted: tuple[str, ...], language: Language = "en") -> tuple[float, float]:
    """Return F1 and exact match, 0 to 1, the best over the accepted answers; none accepted: the answer is nothing."""
    if language == "zh":
        pairs = [(_chinese_f1(given, one), float(_bare(given) == _bare(one))) for one in accepted or ("",)]
    else:
        known = [one for one in accepted if normalised(one)] or [""]
        pairs = [(_f1(given, one), float(normalised(given) == normalised(one))) for one in known]
    return max(f1 for f1, _ in pairs), max(exact for _, exact in pairs)


def normalised(text: str) -> str:
    """Return a text in lower case without punctuation, articles and more than one space in a row."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def chinese_pieces(text: str) -> list[str]:
    """Return the characters of Chinese and the words of other languages, without the marks."""
    pieces, other = [], ""
    for character in text.lower().strip():
        if character in _CHINESE_MARKS:
            continue
        if "\u4e00" <= character <= "\u9fa5":
            pieces += [*_WORDS.findall(other), character]
            other = ""
        else:
            other += character
    return [*pieces, *_WORDS.findall(other)]


def _f1(given: str, true: str) -> float:
    one, two = normalised(given).split(), normalised(true).split()
    if not one or not two:
        return float(one == two)
    common = (Counter(one) & Counter(two)).total()
    return 2 * common / (len(one) + len(two))


def _chinese_f1(given: str, true: str) -> float:
    one, two = chinese_pieces(given), chinese_pieces(true)
    if not one or not two:
        return float(one == two)
    return 2 * _common_stretch(one, two) / (len(one) + len(two))


def _bare(text: str) -> str:
    return "".join(one for one in text.lower().strip() if one not in _CHINESE_MARKS)


def _common_stretch(one: Sequence[str], two: Sequence[str]) -> int:
    """Return the length of the longest run that stands in both."""
    longest, row = 0, [0] * (len(two) + 1)
    for piece in one:
        row = [0, *(row[j] + 1 if piece == other else 0 for j, other in enumerate(two))]
        longest = max(longest, *row)
    return longest


def _scores(output: Arrays, truth: Arrays, language: Language) -> np.ndarray:
    given, accepted = output["_text"].texts(), truth["_answers"].texts()
    pairs = [answer_scores(a, tuple(json.loads(b)), language) for a, b in zip(given, accepted, strict=True)]
    return np.array(pairs, np.float64).reshape(-1, 2)
