"""A target is told by its task which input it looks at; the name is no setting of a job."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from noria.contract import registry
from noria.contract.settings import fields_by_task, named_inputs, values_of
from noria.errors import UserError
from noria.job.load import load_job
from noria.targets.mask.target import Mask
from noria.targets.tags.target import Tags
from noria.types import Batch

# The targets that look at an input, and which of their fields names it.
NAMED = {
    "boxes": "image",
    "correctness": "history",
    "embedding": "text",
    "mask": "image",
    "masked-text": "masked",
    "molecule": "wishes",
    "neighbours": "history",
    "profile": "history",
    "ranking": "history",
    "ratings": "history",
    "reply": "audio",
    "segments": "audio",
    "span": "context",
    "speech": "text",
    "tags": "text",
    "tracks": "detections",
    "transcript": "audio",
    "view": "image",
}


def test_these_targets_are_told_an_input_by_their_task():
    told = {name: [*named_inputs(registry.target(name))] for name in registry.names("targets")}
    assert {name: fields[0] for name, fields in told.items() if fields} == NAMED
    assert all(len(fields) <= 1 for fields in told.values())


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_a_task_tells_its_target_an_input_that_it_has(name: str):
    task = registry.task(name)
    assert set(named_inputs(task.target).values()) <= set(task.inputs)


@pytest.mark.parametrize("name", NAMED)
def test_the_name_of_an_input_is_no_setting(name: str):
    target = registry.target(name)
    fields = list(values_of(target))
    assert NAMED[name] not in fields
    told = fields_by_task(target)
    assert {*fields, *told} == {one.name for one in dataclasses.fields(target)}


def test_a_job_cannot_set_the_name_of_an_input():
    with pytest.raises(UserError, match=r"target\.image"):
        load_job({"task": "object-detection", "data": {"path": "x"}, "target": {"image": "photo"}})


def test_a_job_keeps_the_name_that_the_task_fills_in():
    _, task = load_job({"task": "object-detection", "data": {"path": "x"}, "target": {"most": 3}})
    assert values_of(task.target)["most"] == 3
    assert named_inputs(task.target) == {"image": "image"}


def test_a_target_looks_at_the_input_that_it_is_told():
    arrays = {"starts": torch.tensor([[0, 4]]), "ends": torch.tensor([[3, 8]])}
    other = {"starts": torch.zeros(1, 1).long(), "ends": torch.ones(1, 1).long()}
    spans = {"spans": torch.tensor([[[0, 3, 0]]])}
    output = {"logits": torch.tensor([[[0.0, 9.0, 0.0], [9.0, 0.0, 0.0]]])}
    for name in ("text", "letter"):
        batch = Batch({"subject": other, name: arrays}, spans, 1)
        assert Tags(text=name).loss(output, batch)["loss"] < 0.01


def test_augmenting_picture_and_mask_leaves_other_inputs_as_they_are():
    pixels, mask = torch.randint(0, 255, (1, 4, 4, 3), dtype=torch.uint8), torch.zeros(1, 4, 4, dtype=torch.uint8)
    batch = Batch({"note": {"ids": torch.tensor([[1]])}, "photo": {"pixels": pixels}}, {"mask": mask}, 1)
    varied = Mask(image="photo").augment_with(batch, registry.task("semantic-segmentation").inputs["image"])
    assert list(varied.inputs) == ["note", "photo"]
    assert np.array_equal(varied.inputs["note"]["ids"], [[1]])
