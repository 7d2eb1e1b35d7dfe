"""One table of the same job under every division of its data, simple models beside it: on the page, in card, terminal.

Read next: stages/protocols.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from noria.report.markup import Markup, join, tag
from noria.report.scale import number
from noria.report.scores import words
from noria.report.tables import Cell, table

MODEL, TRIVIAL = "this model", "trivial answer"
NOTE = (
    "Trained anew under each division. A figure of one division says nothing beside a figure of another: set a "
    "published one against the row that divides as its paper did."
)


def protocols_section(metrics: Mapping[str, Any]) -> Markup | None:
    """Return the table with a sentence on who leads where; None where there is one division alone."""
    found = metrics.get("protocols")
    if not found:
        return None
    name = next(iter(metrics["metrics"]))
    models = _models(found)
    rows: list[list[Cell]] = []
    for one in found:
        scores = _scores(one, name)
        rows.append([one["name"], one["n"], *(_told(scores.get(model)) for model in models)])
    sentence = f"{words(name).capitalize()}, with 95 % intervals. {leaders(metrics)}"
    return join(tag("p", sentence), table(["division", "records", *models], rows), tag("p", NOTE, class_="soft"))


def protocol_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Return the same for a terminal or a card, a line a division."""
    found = metrics.get("protocols")
    if not found:
        return []
    name = next(iter(metrics["metrics"]))
    lines = []
    for one in found:
        scores = [f"{model} {_told(score)}" for model, score in _scores(one, name).items()]
        lines.append(f"{one['name']} ({one['n']:,} records): {name} of {', '.join(scores)}")
    return [*lines, leaders(metrics)]


def leaders(metrics: Mapping[str, Any]) -> str:
    """Say which model has the best score under each division."""
    name, first = next(iter(metrics["metrics"].items()))
    sign = 1 if first["direction"] == "higher" else -1
    best: dict[str, list[str]] = {}
    for one in metrics["protocols"]:
        known = {model: score["value"] for model, score in _scores(one, name).items() if score["value"] is not None}
        if known:
            leader = max(known, key=lambda model: sign * known[model])
            best.setdefault(leader, []).append(one["name"].partition(":")[0])
    said = "; ".join(f"{model} under {', '.join(divisions)}" for model, divisions in best.items())
    return f"Best: {said}."


def _models(found: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys([MODEL, TRIVIAL, *(rival["name"] for one in found for rival in one["rivals"])]))


def _scores(one: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
    """Return the score of each model under one division."""
    scores = {MODEL: one["metrics"][name], TRIVIAL: one["baseline"][name]}
    return scores | {rival["name"]: rival["metrics"][name] for rival in one["rivals"]}


def _told(score: Mapping[str, Any] | None) -> str:
    if score is None or score["value"] is None:
        return "–"
    if score.get("low") is None:
        return str(number(score["value"]))
    return f"{number(score['value'])} [{number(score['low'])}, {number(score['high'])}]"
