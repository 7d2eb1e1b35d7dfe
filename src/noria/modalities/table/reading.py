"""How a table was read, as people see it: a line a column, and what is to be said about them.

Read next: modalities/table/drift.py.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from noria.columns import form_of
from noria.types import Panel, State

EXAMPLES = 4  # categories shown
EDGE = 1e-6  # of the spread: edges of bins are kept so exactly, so that zero is not quite zero
NAMED = 6  # columns named in one remark


def panel_of(state: State) -> Panel:
    """Return a table of all columns: kind, form, range or categories, and how many cells are missing."""
    seen = state.get("seen", {})
    rows = [
        [name, _kind(name, kind, state), _form(name, state), _values(name, state), _absent(name, seen)]
        for name, kind in state["kinds"].items()
    ]
    data = {"columns": ["column", "kind", "form", "values", "missing"], "rows": rows}
    return Panel("table", "How each column is read", data, f"Learnt from {seen.get('records', 0)} training records.")


def remarks_of(state: State) -> list[str]:
    """Return sentences on columns left out although their values differ, forms where two fitted, missing cells."""
    seen = state.get("seen", {})
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, reason in seen.get("left_out", {}).items():
        by_reason[reason].append(name)
    found = []
    for reason, names in by_reason.items():
        each, kind = "it" if len(names) == 1 else "each", "number" if reason.startswith("counts") else "category"
        fix = f"to keep it: inputs.table.kinds={{{names[0]}: {kind}}}"
        found.append(f"left out: {_named(names)}, as {each} {reason}; {fix}")
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
        ends = (spread["mean"] + spread["spread"] * spread["edges"][end] for end in (0, -1))
        low, high = (0.0 if abs(end) <= EDGE * spread["spread"] else end for end in ends)
        return f"{low:.6g} to {high:.6g}, mean {spread['mean']:.6g}"
    parts = [one.rpartition(".")[2] for one in state["numbers"] if one.startswith(f"{name}.")]
    return ", ".join(parts) if state["kinds"][name] == "date" else ""


def _absent(name: str, seen: dict[str, Any]) -> str:
    words = seen.get("absent", {}).get(name, {})
    total = sum(words.values())
    spelled = {word: count for word, count in words.items() if word}
    return "" if not total else f"{total} ({_counts(spelled)})" if spelled else str(total)
