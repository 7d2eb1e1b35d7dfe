"""Numbers as people write them: 1,234.56 and 1.234,56, money, percent, units, multipliers.

Knows nothing of the other cells of a column: reading.py decides on the form. Read next: dates.py.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np

from noria.columns.cells import NOTHING_BESIDE_VALUES, NumberCell, is_absent
from noria.errors import UserError

MONEY = "[$€£¥₩₹₽₺₫฿元円]|R\\$|(?:US|CA|A|HK|NT)\\$|USD|EUR|GBP|CNY|RMB|JPY|CHF|INR|AUD|CAD|SEK|NOK|DKK|PLN|BRL|kr|zł"
UNITS = (
    "%|‰|°C|°F|°|kg|mg|µg|g|t|km|cm|mm|m|mi|ft|in|ml|cl|l|kWh|kW|W|V|A|hp|h|hrs?|min|s|ms|px|MB|GB|TB|KB"
    "|岁|米|公里|公斤"
)
MULTIPLIERS = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9, "万": 1e4, "亿": 1e8}
SPACES = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "−": "-", "’": "'"})
PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
CODE = re.compile(r"[+-]?0\d+")  # 007, 02134: what counts is how it is written


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    `unit` is what stands before or behind each of them, `absent` are words of this column alone that say nothing.
    """

    kind: ClassVar[str] = "number"

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    absent: tuple[str, ...] = ()

    @classmethod
    def like(cls, example: str) -> NumberForm:
        """Return the form of an example in which both marks are seen: 1.234,56 or 1,234.56 or 1234,5."""
        marks = [mark for mark in example if not mark.isdigit()]
        if not re.fullmatch(r"\d{1,3}(?:[., ']\d{3})*[.,]\d+|\d+[.,]\d+", example) or len(marks) > 2:
            raise UserError(
                "no form of a number", found=repr(example), expected="an example with its decimal mark, as 1.234,56"
            )
        return cls(marks[-1], marks[0] if len(marks) == 2 else "")

    def read(self, cell: Any) -> float | None:
        """Return the number; None where the cell is none of this form. Infinite where it is too large for a float."""
        found = self._parsed(cell)
        if found is not None and found[1] in ("", self.unit):
            return found[0]
        is_plain = isinstance(cell, str) and PLAIN.fullmatch(cell.strip())
        return float(cell) if is_plain else None  # as programs write it, and nothing that the form could mean

    def fits(self, cell: Any) -> bool:
        """Whether a cell is a number of this form, in whatever unit."""
        return self._parsed(cell) is not None

    def unit_of(self, cell: Any) -> str:
        """Return the currency or unit that stands beside the number."""
        found = self._parsed(cell)
        return found[1] if found else ""

    def _parsed(self, cell: Any) -> tuple[float, str] | None:
        """Return the number and the unit of a cell that is written in this form, or kept as a number by its file."""
        if isinstance(cell, NumberCell):
            return float(cell), ""
        if not isinstance(cell, str):
            number = _float(cell)
            return None if number is None else (number, "")
        text = cell.strip()
        if not text.isascii():  # full-width digits, points and signs
            text = unicodedata.normalize("NFKC", text.translate(SPACES)).translate(SPACES)
        if self.decimal == "." and PLAIN.fullmatch(text):
            return float(text), ""
        found = _pattern(self.decimal, self.thousands).fullmatch(text)
        if found is None:
            return None
        digits = found["whole"] or ""
        digits = digits.replace(self.thousands, "") if self.thousands else digits
        number = float(f"{digits or '0'}.{found['rest'] or '0'}e{found['power'] or '0'}")
        number *= MULTIPLIERS.get(found["times"] or "", 1.0)
        is_negative = found["bracket"] or "-" in (found["sign"], found["sign2"], found["after"])
        return -number if is_negative else number, found["before"] or found["behind"] or ""

    def read_many(self, cells: Any) -> np.ndarray | None:
        """Return float64[n] where every cell is a bare number; None where one has to be looked at."""
        try:
            if self.decimal != "." or "_" in "".join(cell for cell in cells if type(cell) is str):
                return None  # 1_000 is a code
            return np.fromiter(map(float, cells), np.float64, len(cells))
        except (TypeError, ValueError, OverflowError):
            return None

    def is_absent(self, cell: Any) -> bool:
        return is_absent(cell, NOTHING_BESIDE_VALUES) or (isinstance(cell, str) and cell.strip() in self.absent)

    @property
    def content(self) -> dict[str, Any]:
        marks = {"decimal": self.decimal, "thousands": self.thousands, "unit": self.unit}
        return {"kind": self.kind, **marks, "absent": list(self.absent)}

    def __str__(self) -> str:
        if (self.decimal, self.thousands, self.unit) == (".", "", ""):
            return "plain"
        return f"like 1{self.thousands}234{self.decimal}5" + (f", in {self.unit}" if self.unit else "")


FORMS = [  # likelier ones first
    *(NumberForm("."), NumberForm(".", ","), NumberForm(",", "."), NumberForm(",")),
    *(NumberForm(",", " "), NumberForm(".", " "), NumberForm(".", "'"), NumberForm(",", "'")),
]


def is_code(text: str) -> bool:
    """Whether a text of digits is a code, of which a number would lose something."""
    return CODE.fullmatch(text) is not None


def is_plain_number(text: str) -> bool:
    """Whether a text is a number as programs write it, and nothing is lost when it is read as one."""
    return PLAIN.fullmatch(text) is not None and not is_code(text)


@functools.cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    mark, point = re.escape(thousands), re.escape(decimal)
    grouped = rf"[1-9]\d{{0,2}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}|" if thousands else ""
    return re.compile(
        rf"(?P<bracket>\()?(?P<sign>[+-])?\s*(?:(?P<before>{MONEY})\s*(?P<sign2>-)?)?"
        rf"(?={point}?\d)(?P<whole>{grouped}\d+)?(?:{point}(?P<rest>\d*))?(?:[eE](?P<power>[+-]?\d+))?"
        rf"\s*(?P<times>(?!kg|km|kW|kr|MB)[kKMB万亿]|bn)?(?P<after>-)?\s*(?P<behind>{MONEY}|{UNITS})?(?(bracket)\))"
    )


def _float(cell: Any) -> float | None:
    if not isinstance(cell, int | float | Decimal | np.number | np.bool_):
        return None
    try:
        return float(cell)
    except OverflowError:  # a whole number larger than any float
        return math.inf if cell > 0 else -math.inf
