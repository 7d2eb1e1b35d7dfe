"""How a table was read, as people see it: a line a column, and what is to be said about them.

Read next: modalities/table/drift.py.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from noria.columns import form_of
from noria.columns.look import COUNTED, NAMED_BY_NUMBER, NAMED_BY_WORDS
from noria.columns.reading import override
from noria.text.ngrams import Ngrams
from noria.types import Panel, State

EXAMPLES = 4  # categories shown
NAMED = 6  # columns named in one remark
LISTED = 8  # so many columns are named one by one
SIGNIFICANT = 3  # digits after the first one of a column's spread
TOLD_CATEGORIES = 200  # of a column: as many as one looks through
KEPT_AS = {
    COUNTED: "number",
    NAMED_BY_NUMBER: "number",
    NAMED_BY_WORDS: "text",
}  # a column that is left out; others a category


def in_short(kinds: Mapping[str, str]) -> str:
    """Return the columns of a table in one line: each with its kind, or how many there are of each kind."""
    if len(kinds) <= LISTED:
        return ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
    counts = Counter(kinds.values())
    words = {"number": "numbers", "category": "categories", "date": "dates", "text": "texts", "ignore": "left out"}
    return f"{len(kinds)}: " + ", ".join(f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind])


def panel_of(state: State) -> Panel:
    """Return a table of all columns: kind, form, range or categories, and how many cells are missing."""
    seen = state.get("seen", {})
    rows = [
        [name, _kind(name, kind, state), _form(name, state), _values(name, state), _absent(name, seen)]
        for name, kind in state["kinds"].items()
    ]
    data = {"columns": ["column", "kind", "form", "values", "missing"], "rows": rows}
    return Panel("table", "How each column is read", data, f"Learnt from {seen.get('records', 0)} training records.")


def facts_of(state: State) -> dict[str, dict[str, Any]]:
    """Return of each column that is read its kind, and the range or the categories of its training values."""
    found: dict[str, dict[str, Any]] = {}
    for name, kind in state["kinds"].items():
        if kind == "ignore":
            continue
        is_time = state.get("forms", {}).get(name, {}).get("pattern") == ""  # of day, without a date
        found[name] = {"kind": "time" if is_time else kind}
        if (spread := state["numbers"].get(name)) is not None:
            found[name] |= dict(zip(("low", "high", "mean"), map(float, _range(spread)), strict=True))
        elif (known := state["categories"].get(name)) is not None:
            found[name]["categories"] = known[:TOLD_CATEGORIES]
    return found


def remarks_of(state: State) -> list[str]:
    """Return sentences on columns left out although their values differ, forms where two fitted, missing cells."""
    seen = state.get("seen", {})
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, reason in seen.get("left_out", {}).items():
        by_reason[reason].append(name)
    found = []
    for reason, names in by_reason.items():
        each = "it" if len(names) == 1 else "each"
        fix = f"to keep it: {override('kinds', names[0], KEPT_AS.get(reason, 'category'))}"
        found.append(f"left out: {_named(names)}, as {each} {reason}; {fix}")
    found += [
        f"column {name!r} is read as text, by words and their parts; to leave it out: "
        f"{override('kinds', name, 'ignore')}"
        for name in state.get("texts", {})
    ]
    found += [f"column {name!r}: {remark}" for name, remark in seen.get("remarks", {}).items()]
    spelled = {
        name: {word: count for word, count in words.items() if word} for name, words in seen.get("absent", {}).items()
    }
    cells = [f"{name}: {_counts(words)}" for name, words in spelled.items() if words]
    if cells:
        more = f" and in {len(cells) - NAMED} other columns" if len(cells) > NAMED else ""
        found.append(f"cells read as missing: {'; '.join(cells[:NAMED])}{more}")
    return found


def _named(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:NAMED]))
    return (
        f"columns {shown} and {len(names) - NAMED} more"
        if len(names) > NAMED
        else f"column{'s'[: len(names) > 1]} {shown}"
    )


def _counts(words: dict[str, int]) -> str:
    return ", ".join(f"{word!r} {count}" for word, count in sorted(words.items(), key=lambda one: -one[1]))


def _kind(name: str, kind: str, state: State) -> str:
    reason = state.get("seen", {}).get("left_out", {}).get(name)
    return f"left out: {reason}" if reason else "left out: one value" if kind == "ignore" else kind


def _form(name: str, state: State) -> str:
    kept = state.get("forms", {}).get(name)
    return "" if kept is None else str(form_of(kept))


def _values(name: str, state: State) -> str:
    if (known := state["categories"].get(name)) is not None:
        rare = state.get("seen", {}).get("columns", {}).get(name, {}).get("rare", 0)
        more = [f"{len(known) - EXAMPLES} more"] if len(known) > EXAMPLES else []
        return ", ".join([*known[:EXAMPLES], *more, *([f"{rare} rare ones"] if rare else [])])
    if (spread := state["numbers"].get(name)) is not None:
        low, high, mean = _range(spread)
        return f"{low} to {high}, mean {mean}"
    if (text := state.get("texts", {}).get(name)) is not None:
        learnt = Ngrams(**text)
        return f"{learnt.num_words:,} words, {len(learnt.keys):,} runs of words and characters"
    parts = [one.rpartition(".")[2] for one in state["numbers"] if one.startswith(f"{name}.")]
    return ", ".join(parts) if state["kinds"][name] == "date" else ""


def _range(spread: Mapping[str, Any]) -> list[str]:
    """Return the least and the largest training number of a column, and their mean."""
    ends = (spread["mean"] + spread["spread"] * spread["edges"][end] for end in (0, -1))
    return [_rounded(number, spread["spread"]) for number in (*ends, spread["mean"])]


def _rounded(number: float, spread: float) -> str:
    """Return a number as exactly as the spread of its column asks for."""
    rounded = round(number, SIGNIFICANT - math.floor(math.log10(spread)))
    return f"{rounded + 0.0:.10g}"


def _absent(name: str, seen: dict[str, Any]) -> str:
    words = seen.get("absent", {}).get(name, {})
    total = sum(words.values())
    spelled = {word: count for word, count in words.items() if word}
    return "" if not total else f"{total} ({_counts(spelled)})" if spelled else str(total)
