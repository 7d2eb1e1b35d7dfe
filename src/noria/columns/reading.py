"""Decide how each column of a table is read, once and from all of its training values.

The form that fits the values wins. Where two fit, another column of the same table that shows only one of them decides,
else the likelier one is taken; a remark says which, and how to choose. Read next: look.py.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from noria.columns.categories import CategoryForm
from noria.columns.cells import plain, text_of
from noria.columns.dates import DateForm
from noria.columns.look import Kind, Look
from noria.columns.numbers import FORMS, NumberForm
from noria.columns.texts import TextForm
from noria.errors import UserError

Form = NumberForm | DateForm | CategoryForm | TextForm


@dataclass(frozen=True)
class Column:
    """How one column is read, what of it says nothing (by spelling), and what is to be said about it."""

    kind: Kind
    form: Form
    absent: Mapping[str, int]
    remark: str = ""  # of a column that is used: what another reader might have done
    left_out: str = ""  # why a column whose values differ is not used


def read_table(
    columns: Mapping[str, Sequence[Any] | np.ndarray], kinds: Mapping[str, Kind], forms: Mapping[str, str]
) -> dict[str, Column]:
    """Return how each column is read: as `kinds` and `forms` (an example of a number, a pattern of a date) say."""
    asked = {name: _asked(name, form) for name, form in forms.items()}
    said = {**{name: _kind_of(form) for name, form in asked.items()}, **kinds}
    looks = {name: Look(name, plain(cells), said.get(name)) for name, cells in columns.items()}
    decimals = {form.decimal for look in looks.values() for form in look.shown_numbers}
    is_day_first = {form.is_day_first for look in looks.values() for form in look.shown_dates} - {None}
    return {name: _column(look, asked.get(name), decimals, is_day_first) for name, look in looks.items()}


def number_form(cells: Sequence[Any] | np.ndarray, example: str | None = None) -> tuple[NumberForm, str]:
    """Return how numbers that are answers are written, the plain form where none fits, and what is to be said of it."""
    if example is not None:
        return NumberForm.like(example), ""
    column = _column(Look("", plain(cells), "number"), None, (), ())
    assert isinstance(column.form, NumberForm)
    return column.form, column.remark


def category_form(cells: Sequence[Any] | np.ndarray) -> CategoryForm:
    """Return when two answers are the same class."""
    return Look("", plain(cells), "category").category_form()


def form_of(content: Mapping[str, Any]) -> Form:
    """Return the form that a state keeps."""
    values = {key: tuple(one) if isinstance(one, list) else one for key, one in content.items() if key != "kind"}
    kinds: dict[str, Callable[..., Form]] = {form.kind: form for form in (NumberForm, DateForm, CategoryForm, TextForm)}
    return kinds[content["kind"]](**values)


def _column(look: Look, asked: Form | None, decimals: Collection[str], is_day_first: Collection[bool | None]) -> Column:
    """Decide on one column. `decimals` and `is_day_first`: what other columns of the table show."""
    left_out = look.why_left_out() if look.asked_kind is None else ""
    kind: Kind = "ignore" if left_out else look.asked_kind or look.kind()
    form: Form
    if kind == NumberForm.kind:
        form = replace(asked if isinstance(asked, NumberForm) else _number(look, decimals), absent=look.words)
        remark = "" if asked else _number_remark(look, form)
    elif kind == DateForm.kind:
        form = replace(asked if isinstance(asked, DateForm) else _date(look, is_day_first), absent=look.words)
        remark = "" if asked else _date_remark(look, form)
    elif kind == TextForm.kind:
        form, remark = TextForm(), ""
    else:
        form = look.category_form()
        remark = _category_remark(look, form) if kind == CategoryForm.kind else ""
    absent = Counter[str]()
    for cell, count in look.all.items():
        if (cell not in look.strict or look.words) and form.is_absent(cell):
            absent[text_of(cell) if isinstance(cell, str) else ""] += count
    return Column(kind, form, dict(absent), remark, left_out)


def _number(look: Look, decimals: Collection[str]) -> NumberForm:
    """Return the likeliest form; where another column shows a decimal mark, one with that mark."""
    forms = FORMS if look.is_whole else look.numbers
    by_others = [form for form in forms if form.decimal in decimals]
    if len(decimals) == 1 and by_others:
        return by_others[0]
    return look.numbers[0] if look.numbers else NumberForm()


def _date(look: Look, is_day_first: Collection[bool | None]) -> DateForm:
    by_others = [form for form in look.dates if form.is_day_first in is_day_first]
    if len(is_day_first) == 1 and by_others:
        return by_others[0]
    return look.dates[0] if look.dates else DateForm()


def _number_remark(look: Look, form: NumberForm) -> str:
    others = [other for other in look.numbers if other.decimal != form.decimal]
    for cell in look.strict if others and (form.thousands or form.unit) else ():
        one = form.read(cell)
        other = next((other for other in others if other.read(cell) != one), None)
        if other is not None:
            example = f'"1{other.thousands}234{other.decimal}5"'
            fix = override("forms", look.name, example) if look.name else f"target.form='{example}'"
            return f"{cell!r} is read as {one:.10g}, not as {other.read(cell):.10g}; to choose: {fix}"
    if look.words:
        return f"{', '.join(map(repr, look.words))} among numbers is read as missing"
    bare = [cell for cell in look.strict if form.unit and not form.unit_of(cell)]
    if bare:
        return f"{len(bare)} different values stand without {form.unit}, as {bare[0]!r}, and are read as they stand"
    return ""


def _date_remark(look: Look, form: DateForm) -> str:
    others = [other for other in look.dates if other.pattern != form.pattern]
    for cell in look.strict if others else ():
        one = form.read(cell)
        for other in others:
            if isinstance(cell, str) and (date := other.read(cell)) != one:
                fix = override("forms", look.name, f'"{other.pattern}"')
                return f"{cell!r} is read as {one:%Y-%m-%d}, not as {date:%Y-%m-%d}; to choose: {fix}"
    return f"{', '.join(map(repr, look.words))} among dates is read as missing" if look.words else ""


def _category_remark(look: Look, form: CategoryForm) -> str:
    kept = [cell for cell in look.counts if cell not in look.strict] if form.same == "text" else []
    if not kept:
        return ""
    shown = ", ".join(f"{cell!r} ({look.counts[cell]})" for cell in kept)
    return f"{shown} is a category of its own; an empty cell is missing"


def override(setting: str, column: str, value: str) -> str:
    """Return what sets `kinds` or `forms` of one column, quoted as a shell needs it."""
    name = column if re.fullmatch(r"[\w .-]*\w", column) else json.dumps(column, ensure_ascii=False)
    return shlex.quote(f"inputs.table.{setting}={{{name}: {value}}}")


def _asked(name: str, form: str) -> NumberForm | DateForm:
    try:
        return DateForm.like(form) if "%" in form else NumberForm.like(form)
    except UserError as error:
        found = f"{error.found} for column {name!r}"
        raise UserError(error.what, where="inputs.table.forms", found=found, expected=error.expected) from None


def _kind_of(form: NumberForm | DateForm) -> Kind:
    return "number" if isinstance(form, NumberForm) else "date"
