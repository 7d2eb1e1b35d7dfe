"""Build the model of a job: an embedder per input, one trunk, one head. Knows no task by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from noria.contract import Task, answer_field, dispatch, streaming
from noria.contract.checkpoints import loader_of_trunk
from noria.errors import UserError, raise_all
from noria.job import Job
from noria.model.linear_part import LinearPart
from noria.model.mixture import Mixture
from noria.model.network import Model, Projected
from noria.model.settings import TransformerSettings, settings_of_size
from noria.model.transformer import Transformer
from noria.model.tree_part import Link, TreePart

MOST_WEIGHTS = 2**25  # of a linear part: 128 MiB
MOST_GROWN = 30  # answers that trees are grown for, each of which takes trees of its own
NAMES = {"linear": "linear model", "trees": "trees"}  # what may stand beside a network
READ = {"linear": "have features (a table, a text, ...)", "trees": "are rows of columns (a table, a molecule)"}


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
    model = Model(embedders, trunk, head, task.attention, answer, features, _mixture(job, task, states))
    if loader is not None:
        loader.tie(model, states["trunk"])
    return model


def _mixture(job: Job, task: Task, states: Mapping[str, Any]) -> Mixture | None:
    """Return the models beside the network that a job asks for, not fitted; None where there are none."""
    asked = asked_beside(job)
    can_be = {"linear": has_features(task, states), "trees": has_columns(task, states["target"])}
    raise_all(
        [
            UserError(
                f"there can be no {NAMES[name]} beside this network", where=f"model.{name}",
                expected=f"inputs that {READ[name]}, and a class, labels or numbers as the answer",
                fix=f"leave out model.{name}, or set it to false",
            )
            for name in asked if not can_be[name]
        ]
    )  # fmt: skip
    parts = {name: part for name, part in simple_models_of(task, states).items() if name in asked}
    answers = dispatch.linear_answers(task.target, states["target"])
    if not parts or answers is None:
        return None
    return Mixture(parts, answers[0], dispatch.fits_linear(task.target))


def asked_beside(job: Job) -> list[str]:
    """Return which simple models a job wants beside the network."""
    return [name for name, is_asked in (("linear", job.model.linear), ("trees", job.model.trees)) if is_asked]


def simple_models_of(task: Task, states: Mapping[str, Any]) -> dict[str, LinearPart | TreePart]:
    """Return the simple models that can stand beside a network, or beside a score, by name; not fitted."""
    found = {"linear": linear_part_of(task, states), "trees": tree_part_of(task, states)}
    return {name: part for name, part in found.items() if part is not None}


def has_features(task: Task, states: Mapping[str, Any]) -> bool:
    """Say whether a linear model can learn a task: by features of all its inputs, classes, labels or numbers."""
    known = [dispatch.vectorizer(one, states["inputs"][name]) for name, one in task.inputs.items()]
    return None not in known and dispatch.linear_answers(task.target, states["target"]) is not None


def linear_part_of(task: Task, states: Mapping[str, Any]) -> LinearPart | None:
    """Return what a linear model of a task reads, not fitted; None where it has no features or would be too large."""
    answers = dispatch.linear_answers(task.target, states["target"])
    if answers is None or not has_features(task, states):
        return None
    _, count = answers
    vectorizers: dict[str, Any] = {
        name: dispatch.vectorizer(one, states["inputs"][name]) for name, one in task.inputs.items()
    }
    size = sum(int(one.size) for one in vectorizers.values())
    return LinearPart(vectorizers, count) if count * size <= MOST_WEIGHTS else None


def has_columns(task: Task, state: dict[str, Any]) -> bool:
    """Say whether trees can learn a task: all its inputs are rows of columns; classes, labels or numbers."""
    has_answer = dispatch.linear_answers(task.target, state) is not None and not dispatch.fits_linear(task.target)
    return has_answer and all(map(dispatch.is_tabular, task.inputs.values()))


def tree_part_of(task: Task, states: Mapping[str, Any]) -> TreePart | None:
    """Return trees that are not grown yet; None where there are no columns to read, or too many answers."""
    answers = dispatch.linear_answers(task.target, states["target"])
    if answers is None or not has_columns(task, states["target"]) or answers[1] > MOST_GROWN:
        return None
    tabulators: dict[str, Any] = {
        name: dispatch.tabulator(one, states["inputs"][name]) for name, one in task.inputs.items()
    }
    if not any(one.is_code for one in tabulators.values()):  # a table of texts alone
        return None
    link: Link = "sum"
    if are_wide(task) and dispatch.probability_names(task.target, states["target"]):
        link = "labels" if dispatch.label_names(task.target, states["target"]) else "classes"
    return TreePart(tabulators, answers[1], link)


def are_wide(task: Task) -> bool:
    """Say whether the columns that trees read are many and mostly zero: a random forest suits them."""
    return any(map(dispatch.is_wide, task.inputs.values()))


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
    own = job.model.model_dump(exclude={"size", "from_", "pretrained", "lora", "linear", "trees"}, exclude_none=True)
    return TransformerSettings(**{**settings_of_size(job.model.size), **own})
