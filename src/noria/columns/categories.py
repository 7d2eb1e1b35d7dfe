"""Categories and truths: which cells are the same value. Numbers equal numbers, truth equals truth, codes stay codes.

Knows nothing of the other cells of a column: reading.py decides on the form. Read next: reading.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from noria.columns.cells import NOTHING, NOTHING_BESIDE_VALUES, is_absent, text_of
from noria.columns.numbers import is_plain_number

TRUE = {"true", "t", "yes", "y", "on", "1", "是", "真"}
FALSE = {"false", "f", "no", "n", "off", "0", "否", "假"}
Sameness = Literal["text", "number", "truth"]


@dataclass(frozen=True)
class CategoryForm:
    """When two cells of a column are the same value: they look the same, are the same number, or the same truth.

    `names` are what truths are called in the training data.
    """

    kind: ClassVar[str] = "category"

    same: Sameness = "text"
    names: tuple[str, str] = ("false", "true")

    def read(self, cell: Any) -> str | None:
        """Return the name of a cell's value; None where it says nothing. What is no truth or number is its text."""
        if self.is_absent(cell):
            return None
        text = text_of(cell)
        if self.same == "truth" and (is_true := truth_of(text)) is not None:
            return self.names[is_true]
        return number_text(text) if self.same == "number" else text

    def is_absent(self, cell: Any) -> bool:
        return is_absent(cell, NOTHING if self.same == "text" else NOTHING_BESIDE_VALUES)

    @property
    def content(self) -> dict[str, Any]:
        return {"kind": self.kind, "same": self.same, "names": list(self.names)}

    def __str__(self) -> str:
        return {"text": "text", "number": "codes that are numbers", "truth": " or ".join(self.names)}[self.same]


def truth_of(text: str) -> bool | None:
    """Return the truth that a text is; None where it is none."""
    word = text.lower().removesuffix(".0")
    return True if word in TRUE else False if word in FALSE else None


def number_text(text: str) -> str:
    """Return the same text for the same number: 2, 2.0 and 2.00; any other text as it is."""
    if text.isdecimal() and text.isascii() and (text[0] != "0" or text == "0"):
        return text
    if not is_plain_number(text):
        return text
    number = float(text)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def truth_names(counts: Mapping[str, int]) -> tuple[str, str] | None:
    """Return the commonest spelling of false and of true among texts; None where they are not all truths, or one."""
    if len(counts) > 2 * len(TRUE):
        return None
    truths = {text: truth_of(text) for text in counts}
    if None in truths.values() or set(truths.values()) != {False, True}:
        return None
    false, true = (max((t for t in truths if truths[t] is one), key=counts.__getitem__) for one in (False, True))
    return false, true
