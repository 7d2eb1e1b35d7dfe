"""The checks of a task: what it says of itself, its parts, and how they go together. Read next: whole.py, scores.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from noria.checks.failure import check, is_untouched, require
from noria.checks.modality import check_modality
from noria.checks.scores import check_scores
from noria.checks.target import check_padding, check_target
from noria.checks.whole import Whole, check_whole
from noria.contract import Attention, Task, answer_field, dispatch
from noria.contract.examples import column, fitted, records_like
from noria.types import Dataset, Record


def check_task(task: Task, records: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Check a task and how its parts go together, on records like its example or on those given (at least eight)."""
    check_fields(Declared(task))
    records = records or records_like(task, 16)
    answers = [record[answer_field(task)] for record in records]
    for name, modality in task.inputs.items():
        check_modality(modality, column([record[name] for record in records]))
    check_target(task.target, answers)
    check_padding(task.target, answers)
    check_shared(Declared(task), records)
    whole = _whole(task, records)
    check_validate_pair(whole)
    check_unread(whole)
    check_whole(whole)
    check_scores(whole)
    check_example(whole)


@dataclass(frozen=True)
class Declared:
    """A task as it stands in its file, before any record."""

    task: Task

    @property
    def name(self) -> str:
        return type(self.task).__name__


@check
def check_fields(subject: Declared) -> None:
    """The example has every field; attention and shared fields are what they can be."""
    example, fields = subject.task.example(), [*subject.task.inputs, answer_field(subject.task)]
    require(isinstance(example, Record) and set(fields) <= set(example.fields), f"example needs {fields}")
    known = get_args(Attention)
    require(subject.task.attention in known, f"attention must be one of {', '.join(known)}")
    require(
        set(subject.task.shared_vocabulary) <= set(fields),
        f"shared names other fields than {fields}: {subject.task.shared_vocabulary}",
    )


@check
def check_shared(subject: Declared, records: Sequence[Mapping[str, Any]]) -> None:
    """Fields that share what they learn learn the same from the values of all, and the answer takes it over."""
    task = subject.task
    states, shared = fitted(task, records)["inputs"], task.shared_vocabulary
    values = column([record[field] for field in shared for record in records])
    for name in [name for name in shared if name in task.inputs]:
        own = task.inputs[name].fit(values)
        require(is_untouched(own, states[name]), f"{name!r} shares the state of {shared[0]!r}, and would learn another")
    if answer_field(task) in shared:
        taken = dispatch.warm_start(task.target, states[shared[0]])
        require(is_untouched(taken, states[shared[0]]), "the answer does not take over the state that it shares")


def _whole(task: Task, records: Sequence[Mapping[str, Any]]) -> Whole:
    """Return a task with what it learns of records, and the records as it encodes them."""
    states = fitted(task, records)
    inputs = {
        name: modality.encode(column([record[name] for record in records]), states["inputs"][name]).arrays
        for name, modality in task.inputs.items()
    }
    answers = task.target.encode([record[answer_field(task)] for record in records], states["target"])
    return Whole(task, Dataset(inputs, answers.arrays), states)


@check
def check_validate_pair(whole: Whole) -> None:
    """No good answer is said not to belong to its inputs."""
    misfits = dispatch.validate_pair(whole.task, whole.dataset.inputs, whole.dataset.target)
    require(not misfits, f"validate_pair refuses good answers: {misfits}")


@check
def check_unread(whole: Whole) -> None:
    """Of each record's true answers some may lie where it is not read, and no more than it has."""
    counts = dispatch.unread(whole.task.target, whole.dataset.target, whole.dataset.inputs)
    if counts is not None:
        require(
            counts.shape == (len(whole.dataset), 2), f"unread gives two numbers a record, [{len(whole.dataset)}, 2]"
        )
        require(bool((counts[:, 0] <= counts[:, 1]).all()), "more answers are not read than there are")


@check
def check_example(whole: Whole) -> None:
    """The example can be encoded and shown."""
    task, example = whole.task, whole.task.example()
    for name, modality in task.inputs.items():
        state = whole.states["inputs"][name]
        encoded = modality.encode(column([example.fields[name]]), state)
        require(not encoded.bad, f"the example's {name} cannot be encoded: {encoded.bad}")
        dispatch.display(modality, {key: array[0] for key, array in encoded.arrays.items()}, state)
    answer = example.fields[answer_field(task)]
    state = task.target.fit([answer, *(record[answer_field(task)] for record in records_like(task, 8))])
    require(not task.target.encode([answer], state).bad, "the example's answer cannot be encoded")
