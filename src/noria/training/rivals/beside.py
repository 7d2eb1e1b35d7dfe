"""Simple models beside a score: fitted on the same training records, compared on the same held-out ones.

The strongest is the one that does best on these records; the cheapest model that they cannot tell from the best is
named. Read next: parts.py, nearest.py; stages/evaluate.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse
from torch import nn

from noria.contract import Metric, Task, dispatch
from noria.contract.checkpoints import frozen_features
from noria.metrics.intervals import differences, measure, point, verdict
from noria.model.linear_part import LinearPart
from noria.model.regression import fit_linear
from noria.model.tree_part import TreePart
from noria.pipeline.assembly import are_wide, simple_models_of
from noria.pipeline.remarks import only_answer
from noria.pipeline.worth import Worth, metrics_of
from noria.training.rivals.nearest import fit_nearest
from noria.training.rivals.parts import answers_of, fit_part, records_of
from noria.training.rivals.vectors import affordable, answers_of_part, feature_matrix
from noria.types import Arrays, Dataset, rows_of

LEAST_TRAINING = 50  # records below which no rival is fitted
LEAST_SCORED = 10  # records below which nothing can be compared
MOST_TRAINING = 20_000  # records that a rival learns from, drawn at random where there are more
MODEL = "this model"

Own: TypeAlias = Mapping[str, tuple[nn.Module, float | None]]


@dataclass(frozen=True)
class Rival:
    """A simple model that has learnt: its name, the seconds that took, and what it gives for encoded records.

    setting: what puts it into the model that it stands beside; "" where it is in there, or cannot be.
    """

    name: str
    seconds: float | None
    records: int
    outputs: Callable[[Dataset], Arrays]
    setting: str = ""


def fitted_rivals(task: Task, states: Mapping[str, Any], train: Dataset, own: Own | None = None) -> Iterator[Rival]:
    """Yield the simple models that a task's records can be learnt by; none where they are too few.

    own: by name, those beside the network of the model itself, and the seconds that each took: not fitted again.
    """
    brought = dispatch.rivals(task.target, train, dict(states["target"]))
    if brought is not None and len(train) >= LEAST_TRAINING:
        started = time.perf_counter()
        for name, outputs in brought:
            yield Rival(name, time.perf_counter() - started, len(train), outputs)
            started = time.perf_counter()
    if brought is not None or len(train) < LEAST_TRAINING:
        return
    known = dispatch.linear_answers(task.target, states["target"])
    for name, part in simple_models_of(task, states).items():
        assert known is not None
        yield _learnt(name, part, task, states, train, known[0], own or {})
        if isinstance(part, LinearPart) and any(map(dispatch.has_templates, task.inputs.values())):
            yield _nearest(part, task, states, train, known[0])
    if known is not None:
        for checkpoint, seen in frozen_features(task.inputs, states["inputs"], len(train)):
            yield _on_top(checkpoint, seen, task, states, train, known[0])


def _learnt(
    name: str, part: nn.Module, task: Task, states: Mapping[str, Any], train: Dataset, output: str, own: Own
) -> Rival:
    """Return the simple model of a name: the network's own, or one that learns now."""
    if name in own:
        part, seconds = own[name]
        records = records_of(part, train)
    else:
        fit = fit_part(part, task, states["target"], train, MOST_TRAINING)
        seconds, records = fit.seconds, fit.records

    def outputs(data: Dataset) -> Arrays:
        return {output: answers_of_part(part, data).astype(np.float32)}

    setting = "" if name in own else f"model.{name}=true"
    return Rival(_name(part, task, states), seconds, records, outputs, setting)


def _nearest(part: LinearPart, task: Task, states: Mapping[str, Any], train: Dataset, output: str) -> Rival:
    """Return what answers as the training record does that is nearest by the features of a linear model."""
    started = time.perf_counter()
    chosen = affordable(part, train, MOST_TRAINING)
    answers = answers_of(task, states["target"], train)
    nearest = fit_nearest(feature_matrix(part, train, chosen), answers if chosen is None else answers[chosen])
    seconds, records = time.perf_counter() - started, len(train) if chosen is None else len(chosen)

    def outputs(data: Dataset) -> Arrays:
        return {output: nearest(feature_matrix(part, data)).astype(np.float32)}

    return Rival("nearest record", seconds, records, outputs)


def _on_top(
    checkpoint: str, seen: Callable[[Dataset], np.ndarray], task: Task, states: Mapping[str, Any], train: Dataset,
    output: str,
) -> Rival:  # fmt: skip
    """Return a linear model of what a checkpoint sees in records."""
    started = time.perf_counter()
    features = sparse.csr_matrix(seen(train))
    answers = answers_of(task, states["target"], train)
    linear = fit_linear(features, answers, False, [slice(0, features.shape[1])], train.groups)
    seconds = time.perf_counter() - started

    def outputs(data: Dataset) -> Arrays:
        return {output: linear(sparse.csr_matrix(seen(data))).astype(np.float32)}

    return Rival(f"{_regression(task, states)} on {checkpoint}", seconds, len(train), outputs)


@dataclass(frozen=True)
class Scored:
    """A model's answers to the records that are scored, with the metrics that take them, and what the model cost."""

    metrics: Sequence[Metric]
    output: Arrays
    truth: Arrays
    seconds: float | None
    records: int = 0
    setting: str = ""  # as that of a rival

    @property
    def first(self) -> float | None:
        return point(self.metrics[0], self.output, self.truth)


def beside(
    task: Task, states: Mapping[str, Any], splits: Mapping[str, Dataset], scored: Dataset, output: Arrays,
    seconds: float | None, resamples: int, own: Own | None = None,
) -> dict[str, Any] | None:  # fmt: skip
    """Return what `compared` does of the answers `output` of a model that took `seconds` to train.

    None where no rival could be fitted, too few records are scored, or all of them have one answer.
    """
    truth = rows_of(scored.target, slice(None))
    if len(scored) < LEAST_SCORED or only_answer(task.target, dict(states["target"]), truth) is not None:
        return None
    model = Scored(metrics_of(task, states), output, truth, seconds)
    return compared(model, rivals_of(task, states, splits, scored, own), resamples, scored.groups)


def rivals_of(
    task: Task, states: Mapping[str, Any], splits: Mapping[str, Dataset], scored: Dataset,
    own: Own | None = None,
) -> dict[str, Scored]:  # fmt: skip
    """Return, by name, what the simple models that learn from the training split answer to other records of it."""
    truth = rows_of(scored.target, slice(None))
    return {
        one.name: Scored(
            _metrics(task, states, splits, one), one.outputs(scored), truth, one.seconds, one.records, one.setting
        )
        for one in fitted_rivals(task, states, splits["train"], own)
    }


def _metrics(task: Task, states: Mapping[str, Any], splits: Mapping[str, Dataset], rival: Rival) -> Sequence[Metric]:
    """Return the scores of a rival's answers: which are worth most is chosen on validation as for the model."""
    found, worth, held_out = task.target.metrics(states["target"]), Worth.of(task, states), splits.get("validation")
    if worth is None:
        return found
    if held_out is not None:
        worth = worth.chosen_on(rival.outputs(held_out), rows_of(held_out.target, slice(None)))
    return [*found, (worth if held_out is not None else worth.likeliest).metric()]


def compared(
    model: Scored, rivals: Mapping[str, Scored], resamples: int, groups: np.ndarray | None
) -> dict[str, Any] | None:
    """Return {"models": [{name, seconds, records, metrics, difference, setting}], "strongest", "cheapest", "sentence"}.

    Each difference is the model's score less the rival's; settings put a rival into the model. None where there is no
    rival.
    """
    if not rivals:
        return None
    found = []
    for name, one in rivals.items():
        against = _less(model, one, resamples, groups)
        found.append(
            {
                "name": name,
                "seconds": None if one.seconds is None else round(one.seconds, 3),
                "records": one.records,
                "metrics": measure(one.metrics, one.output, one.truth, groups=groups),
                "difference": {score: {**value, "verdict": verdict(value)} for score, value in against.items()},
                "setting": one.setting,
            }
        )
    metric = model.metrics[0]
    strongest = _strongest(found, metric)
    cheapest = _cheapest({MODEL: model, **rivals}, resamples, groups)
    sentence = _sentence(metric, strongest, cheapest)
    return {"models": found, "strongest": strongest["name"], "cheapest": cheapest, "sentence": sentence}


def _less(
    one: Scored, other: Scored, resamples: int, groups: np.ndarray | None, count: int | None = None
) -> dict[str, dict[str, Any]]:
    """Return the paired differences of one model's first scores less another's."""
    pairs = list(zip(one.metrics, other.metrics, strict=True))[:count]
    return differences(pairs, (one.output, one.truth), (other.output, other.truth), resamples, groups=groups)


def worse_than_rival(found: Mapping[str, Any] | None) -> list[str]:
    """Return a sentence where a simple model is clearly better, with what to do about it; none elsewhere."""
    models = found["models"] if found else []
    firsts = {one["name"]: next(iter(one["difference"].values()), None) for one in models}
    worse = [name for name, one in firsts.items() if one is not None and one["verdict"] == "worse"]
    if not worse:
        return []
    settings = [one["setting"] for one in models if one["name"] in worse and one.get("setting")]
    inside = f"{' '.join(settings)} puts {'it' if len(settings) == 1 else 'them'} into the model, " if settings else ""
    said = f"{' and '.join(worse)} learnt more from the same records in seconds"
    return [f"{said}: {inside}noria tune looks for better settings"]


def _name(part: nn.Module, task: Task, states: Mapping[str, Any]) -> str:
    if isinstance(part, TreePart):
        return "random forest" if are_wide(task) else "boosted trees"
    assert isinstance(part, LinearPart)
    name = _regression(task, states)
    return f"n-grams with {name}" if part.is_counts else name


def _regression(task: Task, states: Mapping[str, Any]) -> str:
    has_chances = bool(dispatch.probability_names(task.target, states["target"]))
    return "logistic regression" if has_chances else "ridge regression"


def _strongest(found: Sequence[dict[str, Any]], metric: Metric) -> dict[str, Any]:
    """Return the rival that does best on these records: what is better than that is better than all."""
    sign = 1 if metric.direction == "higher" else -1

    def worth(one: dict[str, Any]) -> float:
        value = one["metrics"][metric.name]["value"]
        return -np.inf if value is None else sign * value

    return max(found, key=worth)


def _cheapest(models: Mapping[str, Scored], resamples: int, groups: np.ndarray | None) -> str | None:
    """Return the model that learns fastest of those that the records cannot tell from the best one."""
    known = {name: one for name, one in models.items() if one.first is not None and one.seconds is not None}
    if not known:
        return None
    metric = next(iter(known.values())).metrics[0]
    best = (max if metric.direction == "higher" else min)(known, key=lambda name: known[name].first or 0.0)

    def is_level(name: str) -> bool:
        less = _less(known[name], known[best], resamples, groups, 1)
        return name == best or verdict(less[metric.name]) != "worse"

    return min((name for name in known if is_level(name)), key=lambda name: known[name].seconds or 0.0)


def _sentence(metric: Metric, strongest: Mapping[str, Any], cheapest: str | None) -> str:
    """Say whether the model is better than its strongest rival, and which model is worth its cost."""
    name, words = strongest["name"], metric.name.replace("_", " ")
    one = strongest["difference"].get(metric.name)
    if one is None or one["low"] is None:
        note = (one or {}).get("note")
        return f"beside {name}: they cannot be told apart" + (f" ({note})" if note else "")
    said = {"better": "better than", "worse": "worse than", "no different": "no different from"}[one["verdict"]]
    text = f"{said} {name} ({words} {one['value']:+.3g}, 95 % interval {one['low']:+.3g} to {one['high']:+.3g})"
    if cheapest is None or cheapest == MODEL:
        return text
    return f"{text}; the quickest to learn of those that these records cannot tell from the best: {cheapest}"
