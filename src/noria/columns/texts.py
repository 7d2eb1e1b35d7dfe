"""Cells of running text: reviews, descriptions, titles.

Knows nothing of the other cells of a column: reading.py decides on the form. Read next: reading.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from noria.columns.cells import NOTHING, is_absent, text_of

LOOKED_AT = 200  # cells
SENTENCE_WORDS, SENTENCE_SIGNS = 4, 10  # a text has more words a cell than this, or more Chinese characters


@dataclass(frozen=True)
class TextForm:
    """What a cell says in words."""

    kind: ClassVar[str] = "text"

    def read(self, cell: Any) -> str | None:
        """Return the text of a cell; None where it says nothing."""
        return None if self.is_absent(cell) else text_of(cell)

    def is_absent(self, cell: Any) -> bool:
        return is_absent(cell, NOTHING)

    @property
    def content(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def __str__(self) -> str:
        return "words and runs of characters"


def are_sentences(texts: Iterable[str]) -> bool:
    """Whether most cells are running text, not names or codes."""
    found = [text for text, _ in zip(texts, range(LOOKED_AT), strict=False)]
    long = [
        text
        for text in found
        if len(text.split()) > SENTENCE_WORDS or sum(sign >= "\u3040" for sign in text) > SENTENCE_SIGNS
    ]
    return len(long) > len(found) / 2
