"""Which script a text is written in: whether spaces stand between its words, and what counts as a word of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

# By what words a text is compared: those between spaces ("en"), or as Chinese, Japanese, Korean and Thai are.
Language = Literal["en", "zh", "ja", "ko", "th"]

_THAI = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
_KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff\uffa0-\uffdc"
_MARKS = "\u2e80-\u303f\u3100-\u312f\u3190-\u33ff\ufe30-\ufe4f\uff00-\uff65\uffe0-\uffef"  # full-width, radicals, ...
_UNSPACED = re.compile(f"[{_THAI}{_KANA}{_HAN}{_MARKS}]")  # and not Hangul: Korean writes spaces
_LETTERS = re.compile(f"(?P<th>[{_THAI}])|(?P<ja>[{_KANA}])|(?P<zh>[{_HAN}])|(?P<ko>[{_HANGUL}])|(?P<en>[^\\W\\d_])")

LOOK_AT = 10_000  # texts by which a language is told
CHARACTERS = 200  # of each
LEAST_SHARE = 0.3  # of all letters: a sign of these scripts says more than a letter of the others
LEAST_KANA = 0.1  # of the letters of a Japanese text; a Chinese one has hardly any


def is_unspaced(character: str) -> bool:
    """Say whether a character is of a script that has no spaces between words: Chinese, Japanese, Thai, ..."""
    return _UNSPACED.match(character) is not None


def language_of(texts: Iterable[str]) -> Language:
    """Return by which words texts are compared, from the scripts of their letters."""
    counts = dict.fromkeys(("en", "zh", "ja", "ko", "th"), 0)
    for number, text in enumerate(texts):
        if number == LOOK_AT:
            break
        for found in _LETTERS.finditer(text[:CHARACTERS]):
            counts[found.lastgroup or "en"] += 1
    least = max(1.0, LEAST_SHARE * sum(counts.values()))
    if (signs := counts["zh"] + counts["ja"]) >= least:
        return "ja" if counts["ja"] >= LEAST_KANA * signs else "zh"
    return "ko" if counts["ko"] >= least else "th" if counts["th"] >= least else "en"
