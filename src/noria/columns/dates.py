"""Dates and times as people write them: an order of day, month and year, a time behind it, an offset.

Knows nothing of the other cells of a column: reading.py decides on the order. Read next: categories.py.
"""

from __future__ import annotations

import datetime
import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar

from noria.columns.cells import NOTHING_BESIDE_VALUES, is_absent
from noria.errors import UserError

# All that a column is tried with; of two that fit, the one that stands first is taken.
PATTERNS = [
    "%Y-%m-%d",
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d", "%y/%m/%d"),
    *("%d.%m.%Y", "%m.%d.%Y", "%d.%m.%y", "%m.%d.%y", "%Y.%m.%d", "%y.%m.%d"),
    *("%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d"),
    *("%Y年%m月%d日", "%d %b %Y", "%b %d %Y", "%Y %b %d", "%d %b %y"),
    *("%Y-%m", "%Y/%m", "%m/%Y", "%Y年%m月", "%b %Y", "%b %y", "%Y%m%d", ""),
]
MONTHS = {  # English, German, French, Spanish, Italian, by their first letters without accents
    **{"jan": 1, "ene": 1, "gen": 1, "feb": 2, "fev": 2, "mar": 3, "mae": 3, "mrz": 3, "apr": 4, "avr": 4, "abr": 4},
    **{"may": 5, "mai": 5, "mag": 5, "jun": 6, "juin": 6, "giu": 6, "jul": 7, "juil": 7, "lug": 7, "aug": 8, "aou": 8},
    **{"ago": 8, "sep": 9, "set": 9, "oct": 10, "okt": 10, "ott": 10, "nov": 11, "dec": 12, "dez": 12, "dic": 12},
}
PARTS = {
    **{"Y": r"(?P<Y>[12]\d{3})", "y": r"(?P<y>\d\d)", "m": r"(?P<m>0?[1-9]|1[0-2])"},
    **{"d": r"(?P<d>0?[1-9]|[12]\d|3[01])", "b": r"(?P<b>[^\W\d]{3,12})\.?"},
}
WEEKDAY = r"(?:[^\W\d]{2,10}\.?,?\s+)?"
TIME = (
    r"(?P<H>\d{1,2})(?::(?P<M>[0-5]\d)(?::(?P<S>[0-5]\d(?:[.,]\d{1,9})?))?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
    r"|\s*(?P<half2>[AaPp]\.?[Mm]\.?)|[时点](?P<M2>[0-5]?\d)分?(?:(?P<S2>[0-5]?\d)秒)?)\s*"
    r"(?P<zone>Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?)?"
)
# Year first: read in any column of dates, as nobody could mean another day by them.
YEAR_FIRST = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日")
CENTURY = 69  # two-digit years from here on are 19xx, as POSIX has it


@dataclass(frozen=True)
class DateForm:
    """How the dates of a column are written: `pattern` as strptime has it, each with or without a time behind it.

    An empty pattern is a time alone. `fallbacks` are tried after it: what cannot be mistaken. `absent` are words of
    this column alone that say nothing.
    """

    kind: ClassVar[str] = "date"

    pattern: str = "%Y-%m-%d"
    fallbacks: tuple[str, ...] = YEAR_FIRST
    absent: tuple[str, ...] = ()

    @classmethod
    def like(cls, pattern: str) -> DateForm:
        """Return the form of a pattern as a job names it, with or without its time."""
        found = re.sub(r"[T ,]*%[HI].*$", "", pattern).replace("%B", "%b")
        if not set("Yy") & set(re.findall("%(.)", found)) or set(re.findall("%(.)", found)) - set(PARTS):
            raise UserError(
                "no form of a date", found=repr(pattern), expected="a pattern of %d, %m or %b, %Y or %y, as %d/%m/%Y"
            )
        return cls(found)

    def read(self, cell: Any) -> datetime.datetime | None:
        """Return the date; None where the cell is none of this form."""
        if isinstance(cell, datetime.datetime):
            return cell
        if isinstance(cell, datetime.date):
            return datetime.datetime(cell.year, cell.month, cell.day)
        if isinstance(cell, datetime.time):
            return datetime.datetime.combine(datetime.date(1, 1, 1), cell)
        text = _shown(cell)
        for pattern in (self.pattern, *(self.fallbacks if self.pattern else ())):
            if (date := _read(text, pattern)) is not None:
                return date
        return None

    def fits(self, cell: Any) -> bool:
        """Whether a cell is written in the form's own pattern."""
        return isinstance(cell, datetime.date | datetime.time) or _read(_shown(cell), self.pattern) is not None

    @property
    def is_day_first(self) -> bool | None:
        """Whether the day stands before the month; None where nothing could be mistaken."""
        places = self.pattern.find("%d"), self.pattern.find("%m")
        return None if min(places) < 0 or self.pattern.startswith("%Y") else places[0] < places[1]

    def is_absent(self, cell: Any) -> bool:
        return is_absent(cell, NOTHING_BESIDE_VALUES) or (isinstance(cell, str) and cell.strip() in self.absent)

    @property
    def content(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "pattern": self.pattern,
            "fallbacks": list(self.fallbacks),
            "absent": list(self.absent),
        }

    def __str__(self) -> str:
        return self.pattern or "times of day"


# How earlier bundles read every column of dates.
ANY_DATE = DateForm("%Y-%m-%d", ("%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d", "%Y年%m月%d日"))


def is_calendar_day(text: str) -> bool:
    """Whether eight digits are a day of the years 1900 to 2099."""
    return len(text) == 8 and text[:2] in ("19", "20") and _read(text, "%Y%m%d") is not None


def _shown(cell: Any) -> str:
    text = str(cell).strip()
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _read(text: str, pattern: str) -> datetime.datetime | None:
    if pattern == "%Y-%m-%d":
        try:
            return datetime.datetime.fromisoformat(text) if len(text) != 8 else None
        except ValueError:
            pass
    found = _compiled(pattern).fullmatch(text)
    if found is None:
        return None
    groups = found.groupdict()
    try:
        day = datetime.datetime(_year(groups), _month(groups), int(groups.get("d") or 1))
        return _with_time(day, groups)
    except ValueError:
        return None


def _year(groups: dict[str, str | None]) -> int:
    if short := groups.get("y"):
        return int(short) + (1900 if int(short) >= CENTURY else 2000)
    return int(groups.get("Y") or 1)


def _month(groups: dict[str, str | None]) -> int:
    if name := groups.get("b"):
        letters = "".join(c for c in unicodedata.normalize("NFD", name.lower()) if c.isalpha())
        month = MONTHS.get(letters[:4]) or MONTHS.get(letters[:3])
        if month is None:
            raise ValueError(name)
        return month
    return int(groups.get("m") or 1)


def _with_time(day: datetime.datetime, groups: dict[str, str | None]) -> datetime.datetime:
    if groups.get("H") is None:
        return day
    hour, half = int(groups["H"] or 0), (groups.get("half") or groups.get("half2") or "").lower()[:1]
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of a clock of twelve")
        hour = hour % 12 + (12 if half == "p" else 0)
    seconds = float((groups.get("S") or groups.get("S2") or "0").replace(",", "."))
    minute = int(groups.get("M") or groups.get("M2") or 0)
    zone = _zone(groups.get("zone"))
    return day.replace(hour=hour, minute=minute, tzinfo=zone) + datetime.timedelta(seconds=seconds)


def _zone(text: str | None) -> datetime.timezone | None:
    if text is None:
        return None
    if text[0] not in "+-":
        return datetime.UTC
    digits = text[1:].replace(":", "")
    offset = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return datetime.timezone(-offset if text[0] == "-" else offset)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return what a date of a pattern looks like, with or without a time; names of months take any marks between."""
    if not pattern:
        return re.compile(TIME)
    escaped = re.sub(r"%(\w)", lambda one: PARTS[one[1]], re.escape(pattern).replace("\\%", "%"))
    escaped = escaped.replace("\\ ", r"[\s.,/-]{1,3}")
    return re.compile(rf"{WEEKDAY}{escaped}(?:(?:\s*,?\s+|T){TIME})?")
