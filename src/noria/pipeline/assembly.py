"""Build the model of a job: an embedder per input, one trunk, one head. Knows no task by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from noria.contract import Task, answer_field, dispatch, streaming
from noria.contract.checkpoints import loader_of_trunk
from noria.errors import UserError
from noria.job import Job
from noria.model.linear_part import LinearPart
from noria.model.network import Model, Projected
from noria.model.settings import TransformerSettings, settings_of_size
from noria.model.transformer import Transformer

MOST_WEIGHTS = 2**25  # of a linear part: 128 MiB


def build(job: Job, task: Task, states: dict[str, Any]) -> Model:
    """Build the model of a job for data whose states are known; the weights follow torch's global seed."""
    if dispatch.learns_nothing(task.target):
        no_trunk: Any = nn.Identity()
        return Model({}, no_trunk, task.target.head(states["target"], 1), task.attention)
    loader, settings = loader_of_trunk(states), trunk_settings(job)
    trunk: Any = Transformer(settings) if loader is None else loader.trunk(states["trunk"])
    width = settings.width if loader is None else trunk.width
    embedders, answer = _embedders(task, states, width)
    if loader is not None or settings.depth > 0 or len(embedders) > 1:
        embedders = {
            name: embedder if embedder.width == width else Projected(embedder, width)
            for name, embedder in embedders.items()
        }
    widest = max(int(embedder.width) for embedder in embedders.values())  # type: ignore[arg-type]  # all have the same
    head = task.target.head(states["target"], widest)
    features = dispatch.pair_features(task, width) if loader is None else None  # a checkpoint has learnt to compare
    linear = linear_part_of(task, states) if job.model.linear else None
    if job.model.linear and not has_features(task, states):
        raise UserError(
            "there is no linear model beside this network", where="model.linear",
            expected="inputs that have features (a table, a text, ...), and a class, labels or a number as the answer",
            fix="leave out model.linear, or set it to false",
        )  # fmt: skip
    model = Model(embedders, trunk, head, task.attention, answer, features, linear)
    if loader is not None:
        loader.tie(model, states["trunk"])
    return model


def has_features(task: Task, states: Mapping[str, Any]) -> bool:
    """Say whether a linear model can learn a task: by features of all its inputs, classes or one number."""
    known = [dispatch.vectorizer(one, states["inputs"][name]) for name, one in task.inputs.items()]
    return None not in known and dispatch.linear_answers(task.target, states["target"]) is not None


def linear_part_of(task: Task, states: Mapping[str, Any]) -> LinearPart | None:
    """Return what a linear model of a task reads, not fitted; None where it has no features or would be too large."""
    answers = dispatch.linear_answers(task.target, states["target"])
    if answers is None or not has_features(task, states):
        return None
    output, count = answers
    vectorizers: dict[str, Any] = {
        name: dispatch.vectorizer(one, states["inputs"][name]) for name, one in task.inputs.items()
    }
    size = sum(int(one.size) for one in vectorizers.values())
    is_score = dispatch.fits_linear(task.target)
    return LinearPart(vectorizers, count, output, is_score) if count * size <= MOST_WEIGHTS else None


def _embedders(task: Task, states: dict[str, Any], width: int) -> tuple[dict[str, nn.Module], nn.Module | None]:
    """Return an embedder for each input and for the answer, if it is given token by token; shared fields share one."""
    embedders: dict[str, nn.Module] = {}
    for name, modality in task.inputs.items():
        first = next((one for one in task.shared_vocabulary if one in embedders), None)
        known = embedders[first] if first is not None and name in task.shared_vocabulary else None
        embedders[name] = known or modality.embedder(states["inputs"][name], width)
    shared = next((embedders[name] for name in task.inputs if name in task.shared_vocabulary), None)
    answer = streaming.answer_embedder(task.target, states["target"], width)
    if answer is not None and shared is not None and answer_field(task) in task.shared_vocabulary:
        if not isinstance(shared, type(answer)):
            raise UserError(
                "what is written token by token is embedded token by token", where="inputs", fix="leave out grams"
            )
        answer = shared
    return embedders, answer


def place(model: Model, device: torch.device) -> Model:
    """Move a model to its device; convolution weights get the channels-last layout, faster everywhere here."""
    placed: Model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def trunk_settings(job: Job) -> TransformerSettings:
    """Return the settings of the job's size, with what the job itself sets on top."""
    own = job.model.model_dump(exclude={"size", "from_", "pretrained", "lora", "linear"}, exclude_none=True)
    return TransformerSettings(**{**settings_of_size(job.model.size), **own})
