"""What of two writings of the same speech is no difference: the normaliser that learning and scores use alike."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Normaliser = Literal["plain", "none"]
MEANINGS: dict[str, str] = {"plain": "lower case, no punctuation", "none": "as written"}
_SPACES = re.compile(r"\s+")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'"})


def normalised(text: str, kind: Normaliser) -> str:
    """Return a text as it is learnt and compared.

    `none` composes accents and makes runs of spaces one. `plain` also makes letters lower case and wide ones narrow,
    and leaves out signs that are not said; the apostrophe within a word stays.
    """
    if kind == "plain":
        text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).lower()
        text = "".join(one if _is_said(text, place) else " " for place, one in enumerate(text))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def _is_said(text: str, place: int) -> bool:
    one = text[place]
    if one == "'":
        return text[place - 1 : place].isalnum() and text[place + 1 : place + 2].isalnum()
    return unicodedata.category(one)[0] not in "PSC"
