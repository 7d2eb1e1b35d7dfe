"""Mandarin as it is spoken: syllables of an initial, a final and a tone, from characters or from pinyin.

    你好, ni3 hao3, nǐ hǎo  ->  n i 2 · h ao 3       (the third tone before a third tone is spoken as the second)

Characters are looked up in the words of `pypinyin` (extra `pinyin`), which knows in which word 行 is háng; pinyin is
read here. Finals are those that are heard: yuan is üan, wei is uei, and the i of si, shi and xi are three.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from noria.errors import needs_extra

INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcs", "")
WRITTEN_OUT = """
    a o e ê ai ei ao ou an en ang eng ong er i ia ie iao iou ian in iang ing iong io
    u ua uo uai uei uan uen uang ueng ü üe üan ün ih iz m n ng
"""
FINALS = frozenset(WRITTEN_OUT.split())
NEUTRAL = 5  # the tone of a syllable that has none of its own
TONE_MARKS = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}
SHORTENED = {"iu": "iou", "ui": "uei", "un": "uen"}  # as they are written behind an initial
HUMMED = ("m", "n", "ng")  # syllables without a vowel
MOST_LETTERS = 6  # of a syllable: zhuang
HAN = re.compile(r"[㐀-鿿豈-﫿〇]")
LETTERS = re.compile(r"[a-zü]+[0-5]?", re.IGNORECASE)


class Syllable(NamedTuple):
    """What is heard of a syllable: `tone` is 1 to 5, the last of them neutral."""

    initial: str
    final: str
    tone: int


def is_han(text: str) -> bool:
    """Say whether a text has a Chinese character."""
    return bool(HAN.search(text))


def syllable(letters: str, tone: int = NEUTRAL) -> Syllable:
    """Return a syllable from its pinyin without tone (`xue`); raise ValueError where there is none like this."""
    letters = letters.lower().replace("v", "ü").replace("u:", "ü")
    initial = "" if letters in HUMMED else next(one for one in INITIALS if letters.startswith(one))
    written = letters[len(initial) :]
    final = _heard(initial, written)
    if final not in FINALS or written in ("ih", "iz"):
        raise ValueError(f"{letters!r} is no syllable of pinyin")
    return Syllable(initial, final, tone or NEUTRAL)


def syllables_of_pinyin(word: str) -> list[Syllable]:
    """Return the syllables of pinyin without spaces (`ni3hao3`, `nǐhǎo`); raise ValueError where it is none."""
    plain, tones = _without_marks(word)
    found: list[Syllable] = []
    for match in LETTERS.finditer(plain):
        letters, digit = (match[0][:-1], int(match[0][-1])) if match[0][-1].isdigit() else (match[0], 0)
        parts = _divided(letters.lower())
        if parts is None:
            raise ValueError(f"{word!r} is no pinyin")
        place = match.start()
        for part in parts:
            is_last = part is parts[-1]
            marked = next((tones[i] for i in range(place, place + len(part)) if i in tones), 0)
            found.append(syllable(part, marked or (digit if is_last else 0)))
            place += len(part)
    return found


def syllables_of_han(text: str) -> list[Syllable]:
    """Return how Chinese characters are read, one syllable each, with tones as they are spoken one after another.

    Raise ValueError that names the first character of which nobody knows how it is read.
    """
    pypinyin = _pypinyin()
    read = pypinyin.lazy_pinyin(
        text, style=pypinyin.Style.TONE3, neutral_tone_with_five=True, v_to_u=True, tone_sandhi=True,
        errors=lambda chars: [f"?{char}" for char in chars],
    )  # fmt: skip
    found = []
    for one in read:
        if one.startswith("?"):
            raise ValueError(f"nobody knows how {one[1:]!r} is read")
        letters, tone = (one[:-1], int(one[-1])) if one[-1].isdigit() else (one, NEUTRAL)
        found.append(syllable(letters, tone))
    return found


def _pypinyin():  # type: ignore[no-untyped-def]
    try:
        import pypinyin
    except ImportError as error:
        raise needs_extra("pypinyin", "pinyin", "reading Chinese characters") from error
    return pypinyin


def _heard(initial: str, final: str) -> str:
    """Return a final as it is heard, from how it is written behind its initial."""
    if initial:
        if final == "i" and initial in ("zh", "ch", "sh", "r"):
            return "ih"
        if final == "i" and initial in ("z", "c", "s"):
            return "iz"
        if initial in ("j", "q", "x") and final.startswith("u"):
            final = f"ü{final[1:]}"
        return SHORTENED.get(final, final)
    if final.startswith(("yu", "yü")):
        return f"ü{final[2:]}"
    if final.startswith(("yi", "wu")):
        return final[1:]
    return re.sub("^w", "u", re.sub("^y", "i", final))


def _without_marks(word: str) -> tuple[str, dict[int, int]]:
    """Return pinyin without its tone marks, and the tone of each letter that had one, by its place."""
    plain: list[str] = []
    tones: dict[int, int] = {}
    for char in unicodedata.normalize("NFD", word):
        if char in TONE_MARKS and plain:
            tones[len(plain) - 1] = TONE_MARKS[char]
        elif char == "\u0308" and plain:
            plain[-1] = "ü"
        else:
            plain.append(char)
    return "".join(plain), tones


@functools.lru_cache(maxsize=4096)
def _divided(letters: str) -> tuple[str, ...] | None:
    """Return letters divided into syllables, the longest first; None where they cannot be."""
    if not letters:
        return ()
    for end in range(min(MOST_LETTERS, len(letters)), 0, -1):
        if _is_syllable(letters[:end]):
            rest = _divided(letters[end:])
            if rest is not None:
                return (letters[:end], *rest)
    return None


def _is_syllable(letters: str) -> bool:
    try:
        syllable(letters)
    except ValueError:
        return False
    return letters not in HUMMED


def units_of(syllables: list[Syllable]) -> Iterator[str]:
    """Yield the units of syllables: the initial where there is one, and the final with its tone (h, ao3)."""
    for one in syllables:
        if one.initial:
            yield one.initial
        yield f"{one.final}{one.tone}"
