"""What a transcript is learnt in: characters, pieces of words (BPE), or the parts of Mandarin syllables.

Ids: BLANK, between units; UNKNOWN, a sign that training has not shown or that has no unit; then the units by name. A
unit stands for a piece of the text, which may be empty: the pieces of all units, one after another, are the text.
Read next: pinyin.py; targets/transcript/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from noria.errors import UserError
from noria.text.pinyin import Syllable, pinyin_of, read_syllables, syllables_of_units
from noria.text.scripts import is_unspaced
from noria.text.tokenizer import Tokenizer
from noria.types import State

BLANK, UNKNOWN = 0, 1
RESERVED = ("", "\ufffd")  # how these two are written
UnitKind = Literal["character", "bpe", "pinyin"]


class Units(Protocol):
    """The units of a state."""

    @property
    def names(self) -> Sequence[str]:
        """What each id is called, RESERVED first."""

    def encode(self, text: str) -> tuple[list[int], list[str]]:
        """Return the ids of a text, and the signs in it that became UNKNOWN."""

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the text that each id stands for among the others."""

    @property
    def separator(self) -> int | None:
        """The id that stands between words; None where nothing does."""


def learn_units(kind: UnitKind, texts: Sequence[str], vocabulary: int, readings: Mapping[str, str]) -> State:
    """Return the state of the units of training texts, JSON: `units_of` reads it.

    readings: how texts are said, in pinyin, where that is known already.
    """
    if kind == "bpe":
        learnt = Tokenizer.train([f" {text}" for text in texts], "bpe", vocabulary)
        return {"kind": kind, "tokenizer": learnt.to_json()}
    if kind == "character":
        return {"kind": kind, "names": sorted(set().union(*texts))}
    if kind != "pinyin":
        raise UserError("unknown units", where="target.units", expected="character, bpe or pinyin", found=str(kind))
    said = [read_syllables(text, readings)[0] for text in texts]
    names = sorted({unit for one in said for syllable in one for unit in Syllable.of(syllable).units()})
    if not names:
        raise UserError("no training transcript has a syllable", where="target.units", fix="target.units=character")
    return {"kind": kind, "names": names, "spellings": _spellings(texts, said), "readings": dict(readings)}


def units_of(state: State) -> Units:
    """Return the units of a state."""
    if state["kind"] == "bpe":
        return BpeUnits(Tokenizer.from_json(state["tokenizer"]))
    if state["kind"] == "character":
        return CharacterUnits(state["names"])
    return PinyinUnits(state["names"], state["spellings"], state["readings"])


class CharacterUnits:
    """A unit for each character of the training texts."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = [*RESERVED, *names]
        self._ids = {name: index for index, name in enumerate(self.names) if index > UNKNOWN}

    @property
    def separator(self) -> int | None:
        return self._ids.get(" ")

    def encode(self, text: str) -> tuple[list[int], list[str]]:
        return [self._ids.get(one, UNKNOWN) for one in text], [one for one in text if one not in self._ids]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self.names[one] for one in ids]


class BpeUnits:
    """A unit for each token of a byte-level vocabulary; every word begins with a space. Nothing is unknown."""

    separator = None

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        assert tokenizer.pieces is not None
        self._bytes = [b"", RESERVED[UNKNOWN].encode(), *tokenizer.pieces]
        self.names = [*RESERVED, *(piece.decode("utf-8", "replace") for piece in tokenizer.pieces)]

    def encode(self, text: str) -> tuple[list[int], list[str]]:
        return [int(one) + len(RESERVED) for one in self._tokenizer.encode([f" {text}"])[0]], []

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """A character that several tokens make up is of the last of them."""
        found, rest = [], b""
        for one in ids:
            rest += self._bytes[one]
            text = rest.decode("utf-8", "ignore")
            is_whole = text.encode() == rest or len(rest) > 4  # and not the first bytes of a character
            found.append(rest.decode("utf-8", "replace") if is_whole else "")
            rest = b"" if is_whole else rest
        return [*found[:-1], found[-1] + rest.decode("utf-8", "replace")] if found else []


class PinyinUnits:
    """Initials, finals and tones. A syllable is written as the character that training texts write most for it.

    One that they do not have is written in pinyin, and so is every one where the training texts are pinyin.
    """

    separator = None

    def __init__(self, names: Sequence[str], spellings: Mapping[str, str], readings: Mapping[str, str]) -> None:
        self.names = [*RESERVED, *names]
        self._ids = {name: index for index, name in enumerate(self.names) if index > UNKNOWN}
        self._spellings, self._readings = spellings, readings

    def encode(self, text: str) -> tuple[list[int], list[str]]:
        said, foreign = read_syllables(text, self._readings)
        units = [unit for syllable in said for unit in Syllable.of(syllable).units()]
        unheard = [unit for unit in units if unit not in self._ids]
        return [self._ids.get(unit, UNKNOWN) for unit in units] + [UNKNOWN] * len(foreign), [*unheard, *foreign]

    def syllables(self, ids: Sequence[int]) -> list[str]:
        """Return the toned syllables that ids make up."""
        return [written for _, _, written in syllables_of_units([self.names[one] for one in ids])]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of a syllable is of its first unit."""
        found = [""] * len(ids)
        for first, _, written in syllables_of_units([self.names[one] for one in ids]):
            sign = self._spellings.get(written)
            found[first] = f" {written} " if sign is None else sign
        return found


def _spellings(texts: Sequence[str], said: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the character that texts write most often for each syllable, of texts with a character a syllable."""
    counts: dict[str, Counter[str]] = {}
    for text, syllables in zip(texts, said, strict=True):
        signs = [one for one in text if is_unspaced(one)]
        if pinyin_of(text) is None and len(signs) == len(syllables):
            for sign, syllable in zip(signs, syllables, strict=True):
                counts.setdefault(Syllable.of(syllable).written(), Counter())[sign] += 1
    return {one: min(found.items(), key=lambda item: (-item[1], item[0]))[0] for one, found in sorted(counts.items())}
