"""A target that looks at an input finds it under whatever name its task has for it, and answers the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from noria.contract import Task, answer_field, dispatch, registry
from noria.contract.examples import column, fitted, records_like
from noria.contract.settings import named_inputs
from noria.job import Job
from noria.pipeline.assembly import build
from noria.types import Dataset

TASKS = [name for name in registry.names("tasks") if named_inputs(registry.task(name).target)]
COUNT = 4


class Named(Task):
    """The inputs and the target of another task, where the input that the target looks at has a name of its own."""

    def __init__(self, name: str, given: str) -> None:
        self.of = registry.task(name)
        ((field, own),) = named_inputs(self.of.target).items()
        self.names = {one: given if one == own else one for one in self.of.inputs}
        self.inputs = {self.names[one]: modality for one, modality in self.of.inputs.items()}
        self.target = replace(self.of.target, **{field: given})
        self.attention = self.of.attention
        self.shared_vocabulary = tuple(self.names.get(one, one) for one in self.of.shared_vocabulary)

    def example(self):
        return self.of.example()

    def fit_baseline(self, train):
        return self.of.fit_baseline(train)


def answers(name: str, given: str) -> dict[str, Any]:
    """Return the loss of a batch and the kept outputs of a model that torch's seed makes."""
    task = Named(name, given)
    records = [{task.names.get(key, key): value for key, value in one.items()} for one in records_like(task.of, COUNT)]
    states = fitted(task, records)
    inputs = {
        one: modality.encode(column([record[one] for record in records]), states["inputs"][one]).arrays
        for one, modality in task.inputs.items()
    }
    truth = task.target.encode([record[answer_field(task)] for record in records], states["target"]).arrays
    torch.manual_seed(0)
    model = build(
        Job.model_validate({"task": name, "model": {"width": 16, "depth": 1, "heads": 2}}), task, states
    ).eval()
    dataset = Dataset(inputs, truth)
    batch = dataset.batch(np.arange(COUNT))
    torch.manual_seed(1)
    found = {"loss": dispatch.training_step(task.target, model, batch, states["target"])["loss"].detach().numpy()}
    with torch.inference_mode():
        output = dispatch.predict_step(task.target, model, batch, states["target"])
    arrays = {key: value.numpy() for key, value in output.items()}
    kept = dispatch.postprocess(task.target, arrays, dataset.raw_inputs(np.arange(COUNT)), states["target"])
    return found | {key: np.asarray(getattr(value, "values", value)) for key, value in kept.items()}


def test_all_tasks_whose_target_looks_at_an_input_are_tried():
    assert len(TASKS) == 19


@pytest.mark.parametrize("name", TASKS)
def test_an_input_of_another_name_gives_the_same_answers(name: str):
    own = next(iter(named_inputs(registry.task(name).target).values()))
    usual, other = answers(name, own), answers(name, "subject")
    assert usual.keys() == other.keys()
    assert len(usual) > 1
    for key, value in usual.items():
        np.testing.assert_array_equal(value, other[key], err_msg=key)
