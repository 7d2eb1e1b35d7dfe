"""One column, looked at: its different values, the forms of numbers and of dates that fit them, what it seems to hold.

Read next: reading.py, which decides.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import numpy as np

from noria.columns.categories import CategoryForm, truth_names
from noria.columns.cells import NOTHING, NOTHING_BESIDE_VALUES, is_absent, text_of
from noria.columns.dates import PATTERNS, DateForm, is_calendar_day
from noria.columns.numbers import FORMS, NumberForm, is_code, is_plain_number
from noria.columns.texts import are_sentences

Kind = Literal["number", "category", "date", "text", "ignore"]
_F = TypeVar("_F", NumberForm, DateForm)

FITS = 0.99  # a column is numbers, or dates, where so many of its values are
FITS_BUT_FOR_WORDS = 0.7  # or where so many are, and the others are a few words that stand again and again
WORDS = 3
TRIED = 200  # different values that a form must fit before all are looked at
CODES = 5  # so few different whole numbers are codes of categories
IDENTIFIER, LEAST_IDENTIFIER = 0.5, 20  # words name the records where more than this share of so many stands once
NO_CHANCE = 12.0  # records, whose whole numbers are all different, are counted if chance had e^-12 of it
LEAST_IN_ORDER = 20
EXACT = 2.0**53  # larger whole numbers are no longer different from one another
ID = re.compile(r"(?:.*[\W_])?(?:id|uid|uuid|guid|identifier)|.*(?-i:[a-z]I[Dd])|.*(?:编号|序号)", re.IGNORECASE)
# Why a column is left out.
COUNTED, NAMED_BY_WORDS, NAMED_BY_NUMBER = "counts the records", "names each record", "names each record by a number"
YEARS = {"year", "yr", "yyyy", "jahr", "année", "año", "anno", "年", "年份"}


class Look:
    """What a column holds.

    `counts` are its different cells that say something, `strict` those of them that also do so among numbers, `texts`
    what they show; `numbers` and `dates` are the forms that fit best, likelier ones first, `words` what among numbers
    or dates can only mean that they are missing.
    """

    def __init__(self, name: str, cells: Sequence[Any], kind: Kind | None) -> None:
        self.name, self.cells, self.asked_kind = name, cells, kind
        self.all = Counter(cells)
        self.counts = {cell: count for cell, count in self.all.items() if not is_absent(cell, NOTHING)}
        self.strict = {cell: n for cell, n in self.counts.items() if not is_absent(cell, NOTHING_BESIDE_VALUES)}
        self.texts: Counter[str] = Counter()
        for cell, count in self.counts.items():
            self.texts[text_of(cell)] += count
        self.are_codes = _are_codes(self.texts)
        self.truths = truth_names({text_of(cell): count for cell, count in self.strict.items()})
        self.words: tuple[str, ...] = ()
        self.values: np.ndarray | None = None  # of the cells of `strict`, where all of them are bare numbers
        self.numbers: list[NumberForm] = []
        self.dates: list[DateForm] = []
        if kind in (None, NumberForm.kind) and not self.are_codes:
            self.numbers = self._number_forms()
        if kind == DateForm.kind or (kind is None and (not self.numbers or self._are_days())):
            self.dates = self._of_fewest_years(self._fitting([DateForm(pattern) for pattern in PATTERNS]))

    @property
    def is_whole(self) -> bool:
        """Whether all values are numbers without a mark that could be read in two ways."""
        return self.values is not None and not any("." in cell for cell in self.strict if isinstance(cell, str))

    @property
    def shown_numbers(self) -> list[NumberForm]:
        """The forms of numbers, where only one decimal mark is possible and it is seen."""
        decimals = {form.decimal for form in self.numbers}
        is_seen = len(decimals) == 1 and any(mark in text for text in self.texts for mark in decimals)
        return self.numbers if is_seen else []

    @property
    def shown_dates(self) -> list[DateForm]:
        """The forms of dates, where only one order of day and month is possible."""
        return self.dates if len({form.is_day_first for form in self.dates}) == 1 else []

    def kind(self) -> Kind:
        if len(self.texts) < 2:
            return "ignore"
        if self.truths is not None:
            return "category"
        if self.dates:
            return "date"
        if self.numbers:
            values = self.read_numbers()
            are_codes = len(set(values.tolist())) <= CODES and (values == np.round(values)).all()
            return "category" if are_codes else "number"
        return "text" if self._differ() and are_sentences(self.texts) else "category"

    def read_numbers(self) -> np.ndarray:
        """Return float64: the different values that are numbers of the likeliest form."""
        if self.values is not None:
            return self.values
        return np.array([value for cell in self.strict if (value := self.numbers[0].read(cell)) is not None])

    def category_form(self) -> CategoryForm:
        if self.truths is not None:
            return CategoryForm("truth", self.truths)
        is_numeric = sum(is_plain_number(text_of(cell)) for cell in self.strict) > len(self.strict) / 2
        return CategoryForm("number" if is_numeric and not self.are_codes else "text")

    def why_left_out(self) -> str:
        """Return why a column whose values differ does not help to foretell anything; "" where it does."""
        if len(self.texts) < 2:
            return ""
        if self.numbers and not self.dates:
            return self._counts_records()
        if self.dates or not self._differ() or are_sentences(self.texts):
            return ""
        total = sum(self.counts.values())
        numeric = sum(n for cell, n in self.strict.items() if NumberForm().fits(cell))
        odd = next((cell for cell in self.strict if not NumberForm().fits(cell)), None)
        if numeric > total / 2 and odd is not None:
            return f"is neither numbers ({numeric} of {total}) nor a few categories, as {odd!r} shows"
        return NAMED_BY_WORDS

    def _differ(self) -> bool:
        """Whether most values stand once."""
        total = sum(self.counts.values())
        return total > LEAST_IDENTIFIER and len(self.texts) > IDENTIFIER * total

    def _number_forms(self) -> list[NumberForm]:
        plain = NumberForm()
        self.values = plain.read_many(list(self.strict)) if self.strict else None
        if self.values is None:
            return self._of_one_unit(self._fitting(FORMS))
        if self.is_whole:
            return [plain]
        return [plain, *self._fitting([form for form in FORMS if form.thousands == "."], 1.0)]  # 1.234 may be 1234

    def _fitting(self, forms: Sequence[_F], least: float = FITS_BUT_FOR_WORDS) -> list[_F]:
        """Return the forms that fit as many values as the best one does, if it fits enough of them."""
        first = list(self.strict.items())[:TRIED]
        needed = least * sum(count for _, count in first)
        hopeful = [form for form in forms if sum(n for cell, n in first if form.fits(cell)) >= needed]
        missed = {form: [cell for cell in self.strict if not form.fits(cell)] for form in hopeful}
        if not missed or not self.strict:
            return []
        fewest = min(sum(self.strict[cell] for cell in cells) for cells in missed.values())
        total = sum(self.strict.values())
        best = [form for form, cells in missed.items() if sum(self.strict[cell] for cell in cells) == fewest]
        if fewest <= (1 - max(FITS, least)) * total:
            return best
        rest = missed[best[0]]
        is_word = all(isinstance(cell, str) and not any(sign.isdigit() for sign in cell) for cell in rest)
        if fewest <= (1 - least) * total and len(rest) <= WORDS and is_word and fewest > 2 * len(rest):
            self.words = tuple(cell.strip() for cell in rest)
            return best
        return []

    def _of_one_unit(self, forms: list[NumberForm]) -> list[NumberForm]:
        """Return the forms with the unit of their numbers; none where there are several units."""
        found = []
        for form in forms:
            units = {form.unit_of(cell) for cell in self.strict} - {""}
            is_million = units == {"m"} and any(text[-1:] in "kK" for text in self.texts)  # 219k beside 111m
            if len(units) <= 1 and not is_million:
                found.append(replace(form, unit=min(units, default="")))
        return found

    def _of_fewest_years(self, forms: list[DateForm]) -> list[DateForm]:
        """Return the forms by which all dates lie nearest together: 23/07/03 may begin with its day or its year."""
        if len(forms) < 2:
            return forms
        dates = {form: [date.year for cell in self.strict if (date := form.read(cell))] for form in forms}
        spans = {form: max(years) - min(years) for form, years in dates.items()}
        return [form for form in forms if spans[form] == min(spans.values())]

    def _are_days(self) -> bool:
        return len(self.texts) >= CODES and all(map(is_calendar_day, self.texts))

    def _counts_records(self) -> str:
        """Say so where whole numbers, all of them different, stand in the order of the file or without large gaps."""
        total = len(self.cells)
        is_named = self.name.strip().lower() in YEARS
        if total < LEAST_IN_ORDER or len(self.strict) < total or is_named or self.values is None:
            return ""
        numbers = self.values  # in the order of the file, as all are different
        if not np.isfinite(numbers).all() or (numbers != np.round(numbers)).any():
            return ""
        if np.abs(numbers).max() >= EXACT or ID.fullmatch(self.name.strip()):
            return NAMED_BY_NUMBER
        steps = np.unique(np.diff(np.sort(numbers)))
        if steps[0] == 0:
            return ""
        gaps = np.ptp(numbers) / math.gcd(*map(int, steps)) + 1
        is_in_order = bool((np.diff(numbers) > 0).all() or (np.diff(numbers) < 0).all())
        return COUNTED if is_in_order or total * (total - 1) / (2 * gaps) > NO_CHANCE else ""


def _are_codes(texts: Mapping[str, int]) -> bool:
    """Whether texts are codes of digits: 007 beside 123."""
    if not any(text[:1] in "0+-" and is_code(text) for text in texts):
        return False
    return sum(text.lstrip("+-").isdecimal() for text in texts) >= FITS * len(texts)
