"""What a person should know before believing scores: classes that are not there, a result too good, one of no use.

Knows no task. Read next: scores.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.contract import Metric, Target, dispatch
from noria.contract.capabilities import MultiNumber, declared
from noria.job import Job
from noria.pipeline.prepared import Prepared
from noria.types import Arrays, State

TOO_GOOD = 0.9999  # of a fraction: so good, real data hardly ever is
LEAST_TOO_GOOD = 100  # records below which a perfect score may be luck
SHOWN = 5  # classes that are named
FEW_TESTED = 100  # records: an interval of 95 % is then some 20 points wide
USUAL_FOLDS = 5


def remarks(
    target: Target, state: State, truth: Arrays, result: Mapping[str, Any], leaks: Sequence[str] = ()
) -> list[str]:
    """Return one sentence for each; `leaks` are what preparation found to give the answer away."""
    return [
        *_absent(target, state, truth, result["split"]),
        *_labels_left_out(target, state, truth, result),
        *_numbers_left_out(target, state, truth, result["split"]),
        *_too_good(result, leaks),
        *_of_no_use(result, target.metrics(state)),
    ]


def few_tested(job: Job, prepared: Prepared) -> list[str]:
    """Return what to do where test is small; nothing where it is not, or where it cannot be done."""
    test, split, parts = prepared.splits.get("test"), job.data.split, prepared.report.get("parts", 0)
    if test is None or len(test) >= FEW_TESTED or job.evaluate.folds is not None:
        return []
    if split.order or split.fold or split.within or test.window is not None or parts < 2:
        return []
    advice = f"evaluate.folds={min(USUAL_FOLDS, parts)} scores all others too, each held out once"
    return [f"test has only {len(test)} records; {advice}"]


def only_answer(target: Target, state: State, truth: Arrays) -> str | None:
    """Return the answer that all of several records have; None where there are others, or answers are neither classes
    nor numbers."""
    values = dispatch.single_values(target, truth)
    if values is None or len(values) < 2 or len(np.unique(values)) > 1:
        return None
    return str(dispatch.decode_target(target, {name: one[:1] for name, one in truth.items()}, state)[0])


def _absent(target: Target, state: State, truth: Arrays, split: str) -> list[str]:
    if (only := only_answer(target, state, truth)) is not None:
        return [f"every record of {split} has the answer {only!r}: nothing shows that answers are told apart"]
    classes, values = dispatch.class_names(target, state), dispatch.single_values(target, truth)
    if classes is None or values is None:
        return []
    absent = [str(classes[code]) for code in np.setdiff1d(np.arange(len(classes)), values)]
    if not absent:
        return []
    named = ", ".join(absent[:SHOWN]) + (", ..." if len(absent) > SHOWN else "")
    return [f"{split} has no record of {len(absent)} of {len(classes)} classes ({named}): the scores leave them out"]


def _labels_left_out(target: Target, state: State, truth: Arrays, result: Mapping[str, Any]) -> list[str]:
    names = dispatch.labels_left_out(target, truth, state)
    if not names:
        return []
    ranked = " and ".join(one.name for one in target.metrics(state) if one.is_ranking)
    named = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    of_all = f"{len(names)} of {len(dispatch.label_names(target, state) or ())} labels"
    return [f"{result['split']} has too few records of yes or of no of {of_all} ({named}): {ranked} leave them out"]


def _numbers_left_out(target: Target, state: State, truth: Arrays, split: str) -> list[str]:
    own = declared(target, MultiNumber)
    if own is None:
        return []
    names, is_known = own.number_names(state), ~np.isnan(own.number_values(truth)).all(0)
    unknown = [str(name) for name, known in zip(names, is_known, strict=True) if not known]
    if not unknown:
        return []
    named = ", ".join(unknown[:SHOWN]) + (", ..." if len(unknown) > SHOWN else "")
    return [f"{split} knows nothing of {len(unknown)} of {len(names)} numbers ({named}): the scores leave them out"]


def _too_good(result: Mapping[str, Any], leaks: Sequence[str]) -> list[str]:
    found = [(name, one) for name, one in result["metrics"].items() if _is_share(one)]
    if not found or found[0][1]["value"] < TOO_GOOD or result["n"] < LEAST_TOO_GOOD:
        return []
    name, one = found[0]
    if (result["baseline"].get(name, {}).get("value") or 0) >= TOO_GOOD:
        return []  # nothing is easier
    said = f"{name.replace('_', ' ')} is {one['value']:.4g} on {result['n']:,} records: look for a leak"
    return [f"{said}; {'; '.join(leaks)}" if leaks else f"{said}, as what is known only once the answer is"]


def _is_share(one: Mapping[str, Any]) -> bool:
    return one["unit"] == "fraction" and one["direction"] == "higher" and one["value"] is not None


def _of_no_use(result: Mapping[str, Any], found: Sequence[Metric]) -> list[str]:
    """Say which scores are worse than the trivial answer's; not of one that chance lifts, in which that is perfect."""
    said = []
    for metric in found:
        one = result["metrics"].get(metric.name, {"value": None})
        value, trivial = one["value"], result["baseline"].get(metric.name, {}).get("value")
        if metric.noise is not None or value is None or trivial is None:
            continue
        if value < trivial if metric.direction == "higher" else value > trivial:
            said.append(f"{metric.name.replace('_', ' ')} {value:.4g} is worse than the baseline's {trivial:.4g}")
    return [f"{', '.join(said)}: by that the model is worse than the trivial answer"] if said else []
