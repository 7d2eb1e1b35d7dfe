"""What the places of a stretch count: characters, as here, or UTF-16 units or bytes, as other programs do.

    "😀 Anna"   Anna stands at 2 to 6 in characters, at 3 to 7 in UTF-16 (browsers), at 5 to 9 in bytes (Rust)

Where a stretch names its own text, that tells which is meant; one file counts in one way. Knows no format.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Unit = Literal["characters", "UTF-16 units", "bytes"]
UNITS: tuple[Unit, ...] = ("characters", "UTF-16 units", "bytes")
EVIDENCE = 1_000  # stretches whose text tells one way of counting from the others: enough for a whole file


@dataclass(frozen=True)
class Counting:
    """How places are counted; `is_inclusive`: the end is the last character of a stretch, not the one after it."""

    unit: Unit = "characters"
    is_inclusive: bool = False

    def __str__(self) -> str:
        return f"{self.unit}, the last one included" if self.is_inclusive else self.unit

    def place(self, text: str, start: int, end: int) -> tuple[int, int] | None:
        """Return start and end in characters; None where no stretch of the text stands there."""
        first, last = _character(text, start, self.unit), _character(text, end + self.is_inclusive, self.unit)
        return (first, last) if first is not None and last is not None and first < last else None

    def start(self, text: str, start: int) -> int | None:
        """Return the character that a place counts."""
        return _character(text, start, self.unit)


PLAIN = Counting()
WAYS = tuple(Counting(unit, is_inclusive) for is_inclusive in (False, True) for unit in UNITS)


def says(text: str, place: tuple[int, int] | None, own: str) -> bool:
    """Say whether a stretch of a text is the text that it names, but for space around it and composed accents."""
    return place is not None and _plain(text[slice(*place)]) == _plain(own)


class Decision:
    """Collect what stretches say of themselves, then say how their file counts."""

    def __init__(self, ways: Iterable[Counting] = WAYS) -> None:
        self._ways = tuple(ways)
        self._fitting: Counter[Counting] = Counter()
        self._telling = 0

    @property
    def has_seen(self) -> bool:
        """Say whether any stretch was what it says by one of the ways."""
        return bool(self._fitting)

    @property
    def is_sure(self) -> bool:
        """Say whether enough was seen."""
        return self._telling >= EVIDENCE

    def see(self, text: str, start: int, end: int, own: str) -> None:
        """Take a stretch that names its own text."""
        self.see_fitting([way for way in self._ways if says(text, way.place(text, start, end), own)])

    def see_fitting(self, fitting: list[Counting]) -> None:
        """Take the ways of counting by which one stretch is what it says."""
        self._fitting.update(fitting)
        self._telling += 0 < len(fitting) < len(self._ways)

    def counting(self) -> Counting:
        """Return the way by which most stretches are what they say; characters where nothing tells."""
        return max(self._ways, key=lambda way: self._fitting[way])  # the first of equal ones

    def note(self) -> str:
        """Return a sentence where places do not count characters as here; else ""."""
        way = self.counting()
        return "" if way == PLAIN else f"places count {way}: by that {self._fitting[way]:,} stretches are what they say"


def _character(text: str, place: int, unit: Unit) -> int | None:
    """Return the character that begins at a place, or the length of the text; None within or beyond one."""
    if place < 0:
        return None
    if unit == "characters" or text.isascii():
        return place if place <= len(text) else None
    encoding, size = ("utf-16-le", 2) if unit == "UTF-16 units" else ("utf-8", 1)
    encoded = text.encode(encoding, "surrogatepass")
    if place * size > len(encoded):
        return None
    try:
        return len(encoded[: place * size].decode(encoding))
    except UnicodeDecodeError:  # in the middle of a character
        return None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
