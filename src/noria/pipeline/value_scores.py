"""What is told of the value of answers beside its score: what was chosen, what that brings, from when on it pays.

Knows no task. Read next: worth.py, scores.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from noria.contract import dispatch
from noria.contract.payoffs import MICRO
from noria.metrics.intervals import differences, verdict
from noria.pipeline.decision import NONE, cuts_worth
from noria.pipeline.worth import ANSWERS, VALUE, Worth
from noria.types import Arrays, Panel


def value_scores(
    worth: Worth, output: Arrays, truth: Arrays, resamples: int, groups: np.ndarray | None
) -> dict[str, Any]:
    """Return {"currency", "decision", "gain", "abstained", "accuracy_of_answered", "break_even_accuracy"}.

    gain: the score less that of always answering the likeliest class, on the same draws of records. What does not go
    with the answers is None.
    """
    found: dict[str, Any] = {"currency": worth.payoffs.currency, "decision": worth.in_words()}
    found |= dict.fromkeys(("gain", "abstained", "accuracy_of_answered", "break_even_accuracy"))
    true = dispatch.single_values(worth.task.target, truth)
    if worth.table is None or true is None:
        return found
    codes = worth.codes(output)
    if worth.decision != worth.likeliest.decision:
        pair = [(worth.metric(), worth.likeliest.metric())]
        gain = differences(pair, (output, truth), (output, truth), resamples, groups=groups)[VALUE]
        found["gain"] = {**gain, "verdict": verdict(gain)}
    is_answered = codes != NONE
    found["abstained"] = float(1 - is_answered.mean())
    found["accuracy_of_answered"] = float((codes == true)[is_answered].mean()) if is_answered.any() else None
    found["break_even_accuracy"] = _break_even(worth.table, codes, true)
    return found


def _break_even(table: np.ndarray, codes: np.ndarray, true: np.ndarray) -> float | None:
    """Return the accuracy at which answers are worth nothing; None where no accuracy makes them so.

    A right answer counts what right answers to these records would be worth on average, a wrong one what the model's
    wrong ones are.
    """
    is_wrong = (codes != true) & (codes != NONE)
    right = float(table[true, true].mean())
    if not is_wrong.any():
        return None
    wrong = float(table[true[is_wrong], codes[is_wrong]].mean())
    return -wrong / (right - wrong) if wrong < 0 < right else None


def value_panels(worth: Worth, output: Arrays, truth: Arrays) -> list[Panel]:
    """Return the value of a thousand answers by the threshold; nothing where the answer is not one of two classes."""
    true, names = dispatch.single_values(worth.task.target, truth), dispatch.class_names(worth.task.target, worth.state)
    if worth.table is None or worth.table.shape[0] != 2 or true is None or names is None or not len(true):
        return []
    logits = np.asarray(output[dispatch.answer_output(worth.task.target) or ""])
    lines = [[cut, micro * ANSWERS / MICRO] for cut, micro in cuts_worth(logits, true, worth.table)]
    mean = float(worth.micro(output, truth).mean()) * ANSWERS / MICRO
    one = worth.decision
    marks = sorted({one.low, one.high}) if one.rule == "thresholds" else []
    data = {
        "x": f"probability from which {names[1]!r} is answered",
        "y": f"{worth.payoffs.currency or 'value'} per {ANSWERS:,} answers",
        "lines": {"every record answered": lines},
        "points": {"as chosen on validation": [[cut, mean] for cut in marks]},
    }
    return [Panel("curve", "Value by threshold", data, f"On these records; {worth.in_words()}.")]


def value_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Return what is told of the value, a sentence each, for a terminal, a card or a page."""
    found = metrics.get("value")
    if not found:
        return []
    lines = [f"{found['decision']} (chosen on validation)"]
    if gain := found["gain"]:
        between = "no interval" if gain["low"] is None else f"95 % interval {gain['low']:+.4g} to {gain['high']:+.4g}"
        unit = f"{found['currency']} per {ANSWERS:,} answers".strip()
        lines.append(f"against the likeliest class: {gain['value']:+.4g} {unit} ({between})")
    if found["abstained"]:
        right = found["accuracy_of_answered"]
        of_others = "" if right is None else f"; of the others {right:.1%} are right"
        lines.append(f"{found['abstained']:.1%} get no answer{of_others}")
    if found["break_even_accuracy"] is not None:
        lines.append(f"answers pay from an accuracy of {found['break_even_accuracy']:.1%} on")
    return [*lines, *_beside_rivals(metrics.get("rivals"), found["currency"])]


def _beside_rivals(rivals: Mapping[str, Any] | None, currency: str) -> list[str]:
    """Return what each simple model's answers are worth, chosen as the model's are, and how far this one is apart."""
    lines = []
    for one in rivals["models"] if rivals else ():
        score, less = one["metrics"].get(VALUE), one["difference"].get(VALUE)
        if score and less and None not in (less["low"], score["low"]):
            lines.append(
                f"{one['name']}: {score['value']:.4g} {currency} per {ANSWERS:,} answers "
                f"[{score['low']:.4g}, {score['high']:.4g}]; this model {less['value']:+.4g} "
                f"({less['low']:+.4g} to {less['high']:+.4g})"
            )
    return lines
