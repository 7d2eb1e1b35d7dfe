"""The checks of a target: beside those of every component the true answers that it tells, and its head on padding."""

from __future__ import annotations

import numpy as np

from noria.checks.component import Component, check_inverse, check_learning_and_encoding
from noria.checks.failure import TOLERANCE, WIDTH, as_arrays, check, is_same, require, seeded
from noria.contract import Target, dispatch
from noria.contract.capabilities import MultiNumber, declared
from noria.types import Tokens, Values


def check_target(target: Target, values: Values) -> None:
    """Check what a target learns and encodes, on raw answers, at least eight, all good and not all the same.

    Its head, loss, answers and metrics are checked within a task: some need what the task's inputs hold.
    """
    subject = Component(target, values)
    check_learning_and_encoding(subject)
    check_decode_target(subject, target)
    check_inverse(subject, dispatch.decode_target(target, subject.arrays, subject.state))
    check_single_values(subject, target)
    check_answer_output(subject, target)
    check_label_values(subject, target)
    check_number_values(subject, target)
    check_restated(subject, target)
    check_payoffs(subject, target)


def check_padding(target: Target, values: Values) -> None:
    """Check that a target's head gives the same for a record whether or not its tokens are followed by padding."""
    check_padded_head(Component(target, values), target)


@check
def check_decode_target(subject: Component, target: Target) -> None:
    """A true answer is told for every record, or None; where answers are texts or numbers, it is one of them."""
    told = dispatch.decode_target(target, subject.arrays, subject.state)
    require(len(told) == subject.count, f"{len(told)} true answers are told of {subject.count}")
    for index, shown in enumerate(told):
        if shown is not None and isinstance(subject.value(index), str | int | float):
            bad = target.encode([shown], subject.state).bad
            require(not bad, f"{shown!r}, the truth of answer {index}, is no answer: {bad}")


@check
def check_single_values(subject: Component, target: Target) -> None:
    """Every answer is one class of those that the state has, or one finite number."""
    values = dispatch.single_values(target, subject.arrays)
    if values is None:
        return
    require(values.shape == (subject.count,), f"{subject.count} answers have single values of shape {values.shape}")
    if (names := dispatch.class_names(target, subject.state)) is not None:
        is_class = values.dtype.kind == "i" and bool(((values >= 0) & (values < len(names))).all())
        require(is_class, f"a single value is no class: there are {len(names)}")
    else:
        require(values.dtype.kind == "f" and bool(np.isfinite(values).all()), "a single value is no finite number")


@check
def check_label_values(subject: Component, target: Target) -> None:
    """Several yes/no answers are each 1, 0 or unknown, a column for each name."""
    values, names = dispatch.label_values(target, subject.arrays), dispatch.label_names(target, subject.state)
    if values is None or names is None:
        return
    require(values.shape == (subject.count, len(names)), f"labels of {len(names)} names have shape {values.shape}")
    require(bool((np.isnan(values) | np.isin(values, (0, 1))).all()), "a label is neither yes, no nor unknown")


@check
def check_number_values(subject: Component, target: Target) -> None:
    """Several numbers are each finite or unknown, a column for each name, in the output that is said to hold them."""
    import torch

    if (own := declared(target, MultiNumber)) is None:
        return
    values, name, count = own.number_values(subject.arrays), own.number_output(), len(own.number_names(subject.state))
    require(values.shape == (subject.count, count), f"numbers of {count} names have shape {values.shape}")
    require(not np.isinf(values).any(), "a number is neither finite nor unknown")
    head = seeded(lambda: target.head(subject.state, WIDTH)).eval()
    with torch.inference_mode():
        output = as_arrays(head(Tokens(torch.zeros(2, 3, WIDTH))))
    is_there = name in output and output[name].shape == (2, count)
    require(is_there, f"the head gives no {name!r} of shape [n, {count}], which is said to hold the numbers")


@check
def check_answer_output(subject: Component, target: Target) -> None:
    """The output that is said to hold the answer is one of the head, with a number for each class, or one number."""
    import torch

    if (name := dispatch.answer_output(target)) is None:
        return
    head = seeded(lambda: target.head(subject.state, WIDTH)).eval()
    count = len(dispatch.probability_names(target, subject.state) or [name])
    with torch.inference_mode():
        output = as_arrays(head(Tokens(torch.zeros(2, 3, WIDTH))))
    is_there = name in output and output[name].shape == (2, count)
    require(is_there, f"the head gives no {name!r} of shape [n, {count}], which is said to hold the answer")


@check
def check_restated(subject: Component, target: Target) -> None:
    """True answers under the state of other records are what that state makes of the raw ones."""
    other = target.fit(subject.select([*range(subject.count), *range(subject.count // 2)]))
    found = dispatch.restated(target, subject.arrays, subject.state, other)
    if found is not None:
        expected = target.encode(subject.values, other).arrays
        is_right = found.keys() == expected.keys()
        is_right = is_right and all(is_same(found[name], expected[name], TOLERANCE) for name in found)
        require(is_right, "restated answers are not what the other state makes of the raw ones")


@check
def check_payoffs(subject: Component, target: Target) -> None:
    """A true answer, given as the answer, has a worth: the form of the pay-offs takes what the target tells."""
    if (kind := dispatch.payoffs(target)) is None:
        return
    for told in dispatch.decode_target(target, subject.arrays, subject.state):
        try:
            kind().micro(told, told)
        except (TypeError, ValueError) as error:
            require(False, f"the answer {told!r} has no worth in the form that is declared: {error}")


@check
def check_padded_head(subject: Component, target: Target) -> None:
    """The head answers the same for a record whether or not its tokens are followed by padding."""
    import torch

    head = seeded(lambda: target.head(subject.state, WIDTH)).eval()
    features = torch.randn(2, 3, WIDTH, generator=torch.Generator().manual_seed(1))
    padded = torch.cat([features, torch.full((2, 2, WIDTH), 7.0)], 1)
    is_real = torch.arange(5).expand(2, 5) < 3
    with torch.inference_mode():
        short, long = as_arrays(head(Tokens(features))), as_arrays(head(Tokens(padded, is_real)))
    for name, value in short.items():
        padded_one = long[name][:, : value.shape[1]] if value.ndim > 2 else long[name]  # one for each token, or one
        same = value.shape == padded_one.shape and np.allclose(value, padded_one, TOLERANCE, TOLERANCE)
        require(same, f"padding changes the output {name!r}")
