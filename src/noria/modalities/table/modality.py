"""Tables: numbers, categories and dates with holes, each column understood from its training values.

What a column is gets inferred unless `kinds` says so: numbers parse as numbers, dates as dates, sentences are texts,
the rest are categories; a constant column and one that names or counts the records are left out. Read next:
noria/columns/, modalities/table/cells.py, modalities/table/embedder.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np

from noria.columns import ANY_DATE, CategoryForm, Column, DateForm, Form, NumberForm, TextForm, form_of, read_table
from noria.columns.cells import plain, text_of
from noria.columns.reading import override
from noria.contract import Modality
from noria.contract.capabilities import (
    Attributable,
    ChoosesColumns,
    DescribesValues,
    DetectsDrift,
    Displays,
    DriftMeter,
    Tabulates,
    TellsReading,
    Vectorizes,
    WarmStarts,
)
from noria.errors import UserError
from noria.modalities.table.cells import (
    ABSENT,
    DATE_PARTS,
    RARE,
    codes_of,
    dates_of,
    numbers_of,
    part_name,
)
from noria.modalities.table.reading import facts_of, in_short, panel_of, remarks_of
from noria.modalities.table.settings import TableSettings
from noria.modalities.table.texts import learn_texts, marked, places_name, raw_name, texts_of
from noria.types import Arrays, Encoded, Panel, Span, State, Values

if TYPE_CHECKING:
    from torch import nn

_T = TypeVar("_T")
LEAST_CATEGORY = 5  # training records that a category needs for a place of its own; others share "rare"
MOST_CATEGORIES = 5_000
# Of bundles that keep none.
EARLIER_FORMS: dict[str, Form] = {"number": NumberForm(), "date": ANY_DATE, "category": CategoryForm()}


@dataclass(frozen=True)
class Table(
    TableSettings, Modality, WarmStarts, Displays, Attributable, TellsReading, DetectsDrift, ChoosesColumns, Vectorizes,
    Tabulates, DescribesValues,
):  # fmt: skip
    """A row of a table.

    Arrays: `numbers` float32[n, a] standardised, NaN where missing; `categories` int64[n, b], 0 rare, 1 missing;
    of each text column `text0`, `text1`, ... Ragged uint16, 0 no known word, 1 missing, and `_text0`, ... as given.
    """

    kind: ClassVar[str] = "table"
    raw_type: ClassVar[Literal["columns"]] = "columns"

    def fit(self, values: Values) -> State:
        columns = _columns(values)
        kinds, forms = _composed(self.kinds), _composed(self.forms)
        for setting, named in (("kinds", kinds), ("forms", forms)):
            if unknown := set(named) - set(columns):
                raise UserError(
                    f"inputs.table.{setting} names no column: {', '.join(sorted(unknown))}", found=", ".join(columns)
                )
        readings = read_table(columns, kinds, forms)
        kinds = {name: reading.kind for name, reading in readings.items()}
        numbers: dict[str, Any] = {}
        categories: dict[str, list[str]] = {}
        texts: dict[str, Any] = {}
        for name, reading in readings.items():
            if isinstance(reading.form, CategoryForm) and reading.kind == "category":
                categories[name] = _common(columns[name], reading.form)
            elif isinstance(reading.form, TextForm):
                texts[name] = learn_texts(name, columns[name], reading.form)
            elif reading.kind != "ignore":
                numbers |= {part: self._spread(found) for part, found in _numbers(name, columns, reading).items()}
        if not numbers and not categories and not texts:
            found = ", ".join(f"{name}: {one.left_out or 'one value'}" for name, one in readings.items())
            raise UserError("no column can be learnt from", found=found)
        state = {
            "columns": in_short(kinds),
            "kinds": kinds,
            "forms": {name: one.form.content for name, one in readings.items() if one.kind != "ignore"},
            "numbers": numbers,
            "categories": categories,
            "names": {"numbers": list(numbers), "categories": list(categories)},
        }
        state |= {"texts": texts} if texts else {}
        return state | {"seen": self._seen(values, state, readings)}

    def _seen(self, values: Values, state: State, readings: Mapping[str, Column]) -> dict[str, Any]:
        """Return what training values were like: their number, and by column what was missing, rare, and how far they
        reach; what was read as missing, by spelling; what was left out and remarked."""
        encoded = self.encode(values, state)
        good = np.setdiff1d(np.arange(len(encoded.arrays["numbers"])), list(encoded.bad))
        numbers, categories = (encoded.arrays[name][good] for name in ("numbers", "categories"))
        seen: dict[str, Any] = {}
        for name, cells in zip(state["numbers"], numbers.T, strict=True):
            given = cells[~np.isnan(cells)]
            reach = {"low": float(given.min()), "high": float(given.max())} if len(given) else {}
            seen[name] = {"absent": int(np.isnan(cells).sum()), **reach}
        for name, codes in zip(state["categories"], categories.T, strict=True):
            seen[name] = {"absent": int((codes == ABSENT).sum()), "rare": int((codes == RARE).sum())}
        for index, name in enumerate(state.get("texts", {})):
            places = encoded.arrays[places_name(index)][good]
            seen[name] = {"absent": int(marked(places, ABSENT).sum()), "rare": int(marked(places, RARE).sum())}
        absent = {name: one.absent for name, one in readings.items() if one.absent}
        told = {"absent": absent, "remarks": {name: one.remark for name, one in readings.items() if one.remark}}
        left_out = {name: one.left_out for name, one in readings.items() if one.left_out}
        return {"records": len(good), "columns": seen, **told, "left_out": left_out}

    def columns_read(self, state: State) -> list[str]:
        return [name for name, kind in state["kinds"].items() if kind != "ignore"]

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        columns = _columns(values)
        records = len(next(iter(columns.values())))
        bad: dict[int, str] = {}
        raw: dict[str, np.ndarray] = {}
        categories = np.zeros((records, len(state["categories"])), np.int64)
        places = {name: index for index, name in enumerate(state["categories"])}
        texts: Arrays = {}
        for name, kind in state["kinds"].items():
            form = _form(name, kind, state)
            if isinstance(form, NumberForm):
                raw[name] = numbers_of(name, columns[name], form, bad)
            elif isinstance(form, DateForm):
                parts = dates_of(name, columns[name], form, bad)
                raw |= {part_name(name, part, state["kinds"]): parts[:, i] for i, part in enumerate(DATE_PARTS)}
            elif isinstance(form, TextForm):
                index = list(state["texts"]).index(name)
                texts |= texts_of(index, columns[name], form, state["texts"][name])
            elif form is not None:
                categories[:, places[name]] = codes_of(columns[name], form, state["categories"][name])
        numbers = np.zeros((records, len(state["numbers"])), np.float32)
        for index, (name, spread) in enumerate(state["numbers"].items()):
            numbers[:, index] = (raw[name] - spread["mean"]) / spread["spread"]
        numbers[list(bad)] = 0
        return Encoded({"numbers": numbers, "categories": categories, **texts}, bad)

    def display(self, arrays: Arrays, state: State) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for value, (name, spread) in zip(arrays["numbers"], state["numbers"].items(), strict=True):
            row[name] = None if np.isnan(value) else float(f"{value * spread['spread'] + spread['mean']:.6g}")
        for place, (name, known) in zip(arrays["categories"], state["categories"].items(), strict=True):
            row[name] = {RARE: "(rare)", ABSENT: None}.get(int(place)) if place < 2 else known[int(place) - 2]
        for index, name in enumerate(state.get("texts", {})):
            row[name] = bytes(np.asarray(arrays[raw_name(index)], np.uint8)).decode("utf-8", "replace") or None
        return row

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.table.embedder import TableEmbedder

        return TableEmbedder(self, state, width)

    def vectorizer(self, state: State) -> nn.Module:
        from noria.modalities.table.vectorizer import TableVectorizer

        return TableVectorizer(state)

    def tabulator(self, state: State) -> nn.Module:
        from noria.modalities.table.vectorizer import TableTabulator

        return TableTabulator(state)

    def spans(self, value: Any, state: State) -> list[Span]:
        names = [*state["numbers"], *state["categories"], *state.get("texts", {})]
        if self.stem == "columns":
            return [Span("column", index, index + 1, name) for index, name in enumerate(names)]
        return [Span("column", 0, len(names))] * self.members

    def reading(self, state: State) -> Panel:
        return panel_of(state)

    def remarks(self, state: State) -> list[str]:
        return remarks_of(state)

    def drift_meter(self, state: State) -> DriftMeter:
        from noria.modalities.table.drift import TableDrift

        return TableDrift(state)

    def value_facts(self, state: State) -> dict[str, Any]:
        return {"columns": facts_of(state)}

    def _spread(self, numbers: np.ndarray) -> dict[str, Any]:
        """Return mean, spread and the edges of the bins, standardised."""
        values = np.asarray(numbers, np.float64)
        mean, spread = float(values.mean()), float(values.std()) or 1.0
        bins = self.bins or automatic_bins(len(values))
        quantiles = np.linspace(0, 1, bins + 1)
        both = np.concatenate([np.quantile(values, quantiles), np.quantile(np.unique(values), quantiles)])
        edges = np.unique(np.round((both - mean) / spread, 6))  # rounded first: a bin of no width divides by zero
        return {"mean": mean, "spread": spread, "edges": edges.tolist()}


def automatic_bins(records: int) -> int:
    """Return the number of bins for so many training records: fine where there are many, a straight line for few."""
    return int(min(256, max(2, records // 24)))


def _composed(named: Mapping[str, _T]) -> dict[str, _T]:
    return {text_of(name): value for name, value in named.items()}


def _columns(values: Values) -> Mapping[str, Sequence[Any]]:
    if not isinstance(values, Mapping):
        raise TypeError("a table's values are a mapping of columns")
    return {name: plain(cells) for name, cells in values.items()}


def _form(name: str, kind: str, state: State) -> Form | None:
    """Return how a column is read; None for one that is left out."""
    if kind == "ignore":
        return None
    kept = state.get("forms", {}).get(name)
    return form_of(kept) if kept else EARLIER_FORMS[kind]


def _numbers(name: str, columns: Mapping[str, Sequence[Any]], reading: Column) -> dict[str, np.ndarray]:
    """Return the training numbers of a column, or of those parts of its dates that vary, by name."""
    form = reading.form
    if isinstance(form, NumberForm):
        found = numbers_of(name, columns[name], form, {})
        return {name: _some(found[~np.isnan(found)], name, "number")}
    assert isinstance(form, DateForm)
    parts = dates_of(name, columns[name], form, {})
    parts = _some(parts[~np.isnan(parts[:, 0])], name, "date")
    varied = [index for index in range(len(DATE_PARTS)) if len(np.unique(parts[:, index])) > 1]
    return {part_name(name, DATE_PARTS[index], columns): parts[:, index] for index in varied}


def _common(cells: Sequence[Any], form: CategoryForm) -> list[str]:
    least = LEAST_CATEGORY if len(cells) > 100 * LEAST_CATEGORY else 2
    counts = Counter[str]()
    for cell, count in Counter(cells).items():
        if (text := form.read(cell)) is not None:
            counts[text] += count
    return sorted(text for text, count in counts.most_common(MOST_CATEGORIES) if count >= least)


def _some(values: np.ndarray, name: str, kind: str) -> np.ndarray:
    if not len(values):
        raise UserError(
            f"column {name!r} holds no {kind} that can be learnt from",
            fix=f"give {override('kinds', name, 'ignore')}",
        )
    return values
