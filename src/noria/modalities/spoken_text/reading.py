"""From a text to what a voice speaks: figures as words, then characters, or initials and finals with tones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

from noria.text.pinyin import Syllable, read_syllables
from noria.text.read_out import Language, read_out

UnitKind = Literal["character", "pinyin"]
NO_TONE = 0
NUM_TONES = 6  # no tone, 1 to 4, neutral
PAUSES = {"，": ",", "、": ",", "；": ",", ";": ",", "：": ",", ":": ",", "。": ".", "！": "!", "？": "?", "…": "."}
KEPT_PAUSES = frozenset(",.!?")
SILENT = frozenset("'\"()[]{}‘’“”《》〈〉「」『』（）【】-–—·_*")  # that a reader passes over without a word
HAN = re.compile(r"[㐀-鿿豈-﫿〇]")
TONED = re.compile(r"((?:[a-zü]{1,6}[1-5])+)(?![0-9])", re.IGNORECASE)  # pinyin, whose digits are no figures
SPACES = re.compile(r"\s+")


class Unit(NamedTuple):
    """A sound that is spoken, and its tone, NO_TONE where it has none."""

    name: str
    tone: int = NO_TONE


def language_of(texts: Sequence[str]) -> Language:
    """Return in which language the figures of texts are read out: Chinese where characters are common."""
    joined = "".join(texts)
    num_letters = sum("a" <= one <= "z" for one in joined.lower())
    return "zh" if 2 * len(HAN.findall(joined)) > num_letters else "en"


def read_units(text: str, kind: UnitKind, language: Language) -> tuple[list[Unit], list[str]]:
    """Return the units of a text, and the signs in it that have none, each as often as it stands there."""
    parts = TONED.split(text) if kind == "pinyin" else [text]
    text = "".join(part if place % 2 else read_out(part, language) for place, part in enumerate(parts))
    text = unicodedata.normalize("NFKC", "".join(PAUSES.get(one, one) for one in text))
    text = SPACES.sub(" ", "".join(PAUSES.get(one, one) for one in text)).strip().lower()
    if kind == "character":
        return _characters(text)
    units: list[Unit] = []
    unspoken: list[str] = []
    for part in re.split(f"([{re.escape(''.join(sorted(KEPT_PAUSES)))}])", text):
        if part in KEPT_PAUSES:
            units.append(Unit(part))
            continue
        said = "".join(one for one in part if one.isalnum() or one in " '" or unicodedata.combining(one))
        unspoken += [one for one in part if one not in said and one not in SILENT]
        if said.strip():
            syllables, foreign = read_syllables(said)
            unspoken += foreign
            units += [unit for syllable in syllables for unit in _toned(Syllable.of(syllable))]
    return units, unspoken


def _characters(text: str) -> tuple[list[Unit], list[str]]:
    is_spoken = [one.isalpha() or one in KEPT_PAUSES or one in " '" or unicodedata.combining(one) for one in text]
    units = [Unit(one) for one, good in zip(text, is_spoken, strict=True) if good]
    return units, [one for one, good in zip(text, is_spoken, strict=True) if not good and one not in SILENT]


def _toned(syllable: Syllable) -> list[Unit]:
    """Return the units of a syllable: the final carries the tone."""
    initial = [Unit(syllable.initial)] if syllable.initial else []
    return [*initial, Unit(syllable.final, int(syllable.tone))]
