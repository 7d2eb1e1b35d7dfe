"""Mandarin as it is said: characters to toned syllables, and a syllable to its initial, final and tone, and back.

    银行  ->  yin2 hang2  ->  y -in 2 h -ang 2

Tone 5 is the neutral one. A final is written with a dash before it, so that no initial is taken for one; after j, q, x
and y it is -ü where pinyin writes u for it (ju, yuan): one sound, one name. Characters are read by the package
pypinyin, which knows words (银行 is yin2 hang2, 行走 xing2 zou3); text that is pinyin already needs no package.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from noria.errors import needs_extra
from noria.text.scripts import is_unspaced

INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")
TONES = ("1", "2", "3", "4", "5")
NEUTRAL = "5"
_UMLAUT_INITIALS = ("j", "q", "x", "y")
_SYLLABLE = re.compile("(?:[bpmfdtnlgkhjqxrzcsyw]|zh|ch|sh)?(?:[aeiouü]+(?:ng|n|r)?|m|n|ng|r)[1-5]?")
_MARKS = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0300": "4"}


class Syllable(NamedTuple):
    """The parts of a syllable: initial ("" where there is none), final with its dash, tone."""

    initial: str
    final: str
    tone: str

    @classmethod
    def of(cls, written: str) -> Syllable:
        """Return the parts of a syllable like `zhuang1`; one without a tone has the neutral one."""
        tone = written[-1] if written[-1] in TONES else NEUTRAL
        plain = written.rstrip("12345")
        initial = next((one for one in INITIALS if plain.startswith(one) and len(plain) > len(one)), "")
        final = plain[len(initial) :]
        if initial in _UMLAUT_INITIALS and final.startswith("u"):
            final = "ü" + final[1:]
        return cls(initial, f"-{final}", tone)

    def written(self) -> str:
        """Return the syllable as pinyin writes it, `zhuang1`."""
        final = self.final[1:]
        if self.initial in _UMLAUT_INITIALS and final.startswith("ü"):
            final = "u" + final[1:]
        return f"{self.initial}{final}{self.tone}"

    def units(self) -> list[str]:
        """Return the parts that are said, two or three."""
        return [part for part in self if part]


def syllables_of_units(units: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return first, end and writing of the syllables that units make up; one that lacks a part is written without."""
    found: list[tuple[int, int, str]] = []
    first, parts = 0, ["", "", ""]  # initial, final, tone
    for index, unit in enumerate([*units, "end"]):
        kind = 2 if unit in TONES else 1 if unit.startswith("-") else 0
        if index > first and (unit == "end" or kind == 0 or parts[kind] or (kind == 1 and parts[2])):
            found.append((first, index, _written(parts)))
            first, parts = index, ["", "", ""]
        parts[kind] = unit
    return found


def _written(parts: Sequence[str]) -> str:
    initial, final, tone = parts
    return Syllable(initial, final or "-", tone).written()


def read_syllables(text: str, readings: Mapping[str, str] | None = None) -> tuple[list[str], list[str]]:
    """Return the toned syllables of a text, and the letters and digits in it that have none: of a foreign word.

    A text of pinyin is read as it stands, with tones as digits or as marks. `readings` says how whole texts are read.
    """
    if readings and text in readings:
        text = readings[text]
    if (plain := pinyin_of(text)) is not None:
        return plain, []
    try:
        from pypinyin import Style, lazy_pinyin
    except ImportError as error:
        raise needs_extra("pypinyin", "pinyin", "reading characters as pinyin") from error
    foreign: list[str] = []

    def kept(run: str) -> str:
        foreign.extend(one for one in run if one.isalnum())
        return ""

    said = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=True, errors=kept)
    return [str(one) for one in said if one], foreign


def pinyin_of(text: str) -> list[str] | None:
    """Return the syllables of a text that is pinyin, with tones as digits; None for any other text."""
    if any(map(is_unspaced, text)):
        return None
    found = [_with_digit(one) for one in text.lower().replace("v", "ü").replace("'", " ").split()]
    return found if found and all(map(_SYLLABLE.fullmatch, found)) else None


def _with_digit(syllable: str) -> str:
    """Return `yin2` of `yín`."""
    letters = unicodedata.normalize("NFD", syllable)
    tone = next((_MARKS[one] for one in letters if one in _MARKS), "")
    plain = unicodedata.normalize("NFC", "".join(one for one in letters if one not in _MARKS))
    return plain if plain[-1:] in TONES else f"{plain}{tone or NEUTRAL}"
