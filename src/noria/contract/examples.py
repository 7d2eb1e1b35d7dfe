"""Records like a task's own example: what the checks and the tests run a task on when they have no data.

Knows no task: pictures become noise, numbers are moved, words varied. Read next: checks/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.contract import Task, answer_field, dispatch
from noria.types import State, Values


def records_like(task: Task, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Draw records like a task's example, answers included; what the inputs hold tells the answer, with some noise."""
    if own := dispatch.examples(task, count, seed):
        return [dict(record.fields) for record in own]
    generator = np.random.default_rng(seed)
    example, answer = task.example().fields, answer_field(task)
    records = []
    for index in range(count):
        level = int(generator.integers(0, 2)) if index > 3 else index % 2
        record = {name: _like(example[name], level, generator) for name in task.inputs}
        value = example[answer]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        noisy = round(float(value + 10 * level + generator.normal()), 3) if is_number else None
        records.append({**record, answer: noisy if is_number else f"{value} {'high' if level else 'low'}"})
    return records


def fitted(task: Task, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a task's components learn from such records: {"inputs": {field: state}, "target": state}."""
    answer = answer_field(task)
    states: dict[str, State] = {}
    for name, modality in task.inputs.items():
        first = task.shared_vocabulary[0] if name in task.shared_vocabulary else name
        if first not in states:
            fields = task.shared_vocabulary if name in task.shared_vocabulary else (name,)
            states[first] = modality.fit(column([record[field] for field in fields for record in records]))
        states[name] = states[first]
    target = (
        dispatch.warm_start(task.target, states[task.shared_vocabulary[0]])
        if answer in task.shared_vocabulary
        else None
    )
    answers = [record[answer] for record in records]
    target = task.target.fit(answers) if target is None else target
    return {"inputs": states, "target": dispatch.complete_state(task.target, target, answers)}


def column(values: Sequence[Any]) -> Values:
    """Return single values as what encode takes: a list, or a dict of lists where each is a row of cells."""
    if values and isinstance(values[0], Mapping):
        return {name: [value[name] for value in values] for name in values[0]}
    return list(values)


def _like(value: Any, level: int, generator: np.random.Generator) -> Any:
    """Return a value of the same kind, brighter or larger for level 1 than for level 0."""
    if isinstance(value, Mapping):
        return {name: _like(cell, level, generator) for name, cell in value.items()}
    if isinstance(value, np.ndarray):
        return generator.integers(100 * level, 100 * level + 150, value.shape).astype(value.dtype)
    if isinstance(value, int | float):
        return round(float(value + (1 + abs(value)) * (level + 0.3 * generator.normal())), 4)
    if isinstance(value, str):
        try:
            return str(_like(float(value), level, generator))
        except ValueError:
            word = "high" if level else "low"
            return f"{value} {word} {generator.integers(0, 1000)}" if " " in value else f"{value} {word}"
    if isinstance(value, list):  # of messages: the last one is varied
        return [*value[:-1], {**value[-1], "content": _like(value[-1]["content"], level, generator)}]
    return value
