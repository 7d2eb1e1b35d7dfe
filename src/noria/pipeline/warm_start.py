"""Where training starts: an earlier run of ours, or a checkpoint that others have trained.

Two things are taken over: what was learnt from data (tokenizers, `states`), before the new data is encoded; then the
weights, part by part, wherever a part of the new model is the same as one of the origin. The trunk must be.
Knows no task and no kind of checkpoint by name. Read next: contract/checkpoints.py; stages/prepare.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from noria.contract import Modality, Target, Task, answer_field, dispatch, registry
from noria.contract.checkpoints import loader_for
from noria.errors import UserError, raise_all
from noria.job import Job
from noria.job.load import load_stored_job
from noria.model.lora import add_lora
from noria.model.network import Model, parts_of
from noria.model.settings import TransformerSettings, settings_of_size
from noria.model.transformer import Transformer
from noria.pipeline.assembly import build, place
from noria.pipeline.bundle import read_weights
from noria.pipeline.bundle_config import read_config
from noria.store.run_folder import read_json
from noria.store.states import is_same
from noria.types import State


@dataclass(frozen=True)
class TakenOver:
    """Which parts of a model have their origin's weights, and which start anew, by name of module."""

    origin: str
    parts: tuple[str, ...]
    anew: tuple[str, ...]

    def __str__(self) -> str:
        taken, anew = (", ".join(_said(part) for part in parts) for parts in (self.parts, self.anew))
        return f"from {self.origin}: taken over: {taken}; starting anew: {anew or 'nothing'}"


def _said(part: str) -> str:
    """Return a part by the words of a person: `embedders.image.stem.backbone` is the backbone of image."""
    first, _, below = part.partition(".")
    name, _, inner = below.partition(".")
    return part if first != "embedders" else f"{inner.rsplit('.', 1)[-1] or 'embedder'} of {name}"


def begin(job: Job, task: Task, states: dict[str, Any], device: torch.device) -> Model:
    """Build the model that training begins with: with the weights of its origin, and what of it is to be trained."""
    model = build(job, task, states)
    if job.model.from_ is not None or job.model.pretrained is not None:
        taken = load_origin(model, job, states)
        model.begins = str(taken)
        if job.model.lora is not None:
            add_lora(model, job.model.lora, taken.parts)
    return place(model, device)


def origin_key(job: Job) -> str:
    """Return what names the origin in a preparation's key: its path and a hash of its weights; "" for none."""
    if job.model.pretrained is not None:
        return f"{job.model.pretrained} {loader_for(job.model.pretrained).key(job.model.pretrained)}"
    if job.model.from_ is not None:
        return f"{job.model.from_} {_config_of(job.model.from_)['weights']['sha256']}"
    return ""


def origin_states(job: Job) -> dict[str, State]:
    """Return what the origin had learnt, by kind and `state_kind` of components; under "trunk" a foreign trunk's."""
    if job.model.pretrained is not None:
        kinds = {modality.kind for modality in registry.task(job.task).inputs.values()}
        return loader_for(job.model.pretrained).states(job.model.pretrained, kinds)
    if job.model.from_ is None:
        return {}
    config = _config_of(job.model.from_)
    _, task = load_stored_job(config["job"])
    known = config["states"]
    components: list[tuple[Modality | Target, State]] = [(task.target, known["target"])]
    components += [(modality, known["inputs"][name]) for name, modality in task.inputs.items()]
    lent = {component.state_kind: state for component, state in components if component.state_kind}
    own = {component.kind: state for component, state in components}
    return {**lent, **own, **({"trunk": known["trunk"]} if "trunk" in known else {})}


def inherited(component: Modality | Target, origin: Mapping[str, State]) -> State | None:
    """Return the state that a component takes over from an origin; None where it learns one anew."""
    state = origin.get(component.kind, origin.get(component.state_kind))
    return None if state is None else dispatch.warm_start(component, state)


def load_origin(model: Any, job: Job, states: dict[str, Any]) -> TakenOver:
    """Copy the origin's weights into a model that was just built; say what was taken over."""
    if job.model.pretrained is not None:
        taken = loader_for(job.model.pretrained).fill(model, job.model.pretrained, states)
        return _taken_over(model, job.model.pretrained, taken)
    assert job.model.from_ is not None
    return _load_run(model, job, states)


def _load_run(model: Any, job: Job, states: dict[str, Any]) -> TakenOver:
    assert job.model.from_ is not None
    folder, config = _bundle_of(job.model.from_), _config_of(job.model.from_)
    _, task = load_stored_job(config["job"])
    _check_trunk(model.trunk, config)
    weights = read_weights(folder, config)
    model.trunk.load_state_dict(_below(weights, "trunk."))
    taken = ["trunk"]
    sources = {f"embedders.{name}": state for name, state in config["states"]["inputs"].items()}
    sources["answer"] = config["states"]["target"]
    for name, part in parts_of(model).items():
        if name == "head":
            continue
        if name == "pair_features":  # they are of pairs of tokens, whatever these are
            if _fits(part, _below(weights, f"{name}.")):
                part.load_state_dict(_below(weights, f"{name}."))
                taken.append(name)
            continue
        state = states["target"] if name == "answer" else states["inputs"][name.removeprefix("embedders.")]
        for source in sorted(sources, key=lambda one: one != name):  # of equals the one of the same name
            if _agree(state, sources[source]) and _fits(part, _below(weights, f"{source}.")):
                part.load_state_dict(_below(weights, f"{source}."))
                taken.append(name)
                break
    is_same = answer_field(task) == answer_field(registry.task(job.task))
    if task.target.has_closed_vocabulary:  # other classes are other answers
        is_same = is_same and _agree(states["target"], config["states"]["target"])
    own = _below(weights, "head.") | _tied(model, taken)
    if is_same and _fits(model.head, own):
        model.head.load_state_dict(own)
        taken.append("head")
        mixture = _below(weights, "mixture.")
        if model.mixture is not None and _fits(model.mixture, mixture):
            model.mixture.load_state_dict(mixture)
            model.mixture.is_fitted = True
    return _taken_over(model, job.model.from_, taken)


def _taken_over(model: Any, origin: str, taken: list[str]) -> TakenOver:
    names = [*(["trunk"] if any(True for _ in model.trunk.parameters()) else []), *parts_of(model)]
    return TakenOver(origin, tuple(taken), tuple(name for name in names if name not in taken))


def _tied(model: Any, taken: list[str]) -> dict[str, Tensor]:
    """Return the head's weights that it shares with parts taken over: saved once, they are here already."""
    there = {id(weight) for name, part in parts_of(model).items() if name in taken for weight in part.parameters()}
    return {name: weight.detach() for name, weight in model.head.named_parameters() if id(weight) in there}


def _agree(state: State, other: State) -> bool:
    """Say whether two states of components have something in common and nothing that differs."""
    common = state.keys() & other.keys() - {"template", "answer_end", "chat_template", "language", "bleu"}
    return bool(common) and all(is_same(state[key], other[key]) for key in common)


def _fits(part: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    own = part.state_dict()
    if not own or own.keys() != weights.keys():
        return False
    return all(not one.numel() or one.shape == weights[name].shape for name, one in own.items())  # empty ones grow


def _below(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _check_trunk(trunk: Any, config: Mapping[str, Any]) -> None:
    """Raise UserError naming each setting by which our trunk is not the origin's."""
    if not isinstance(trunk, Transformer):
        return  # it was built from the origin's own state
    given = config["job"]["model"]
    known = {key: value for key, value in given.items() if key in asdict(trunk.settings) and value is not None}
    before = asdict(TransformerSettings(**{**settings_of_size(given["size"]), **known}))
    now = asdict(trunk.settings)
    raise_all(
        [
            UserError(
                "the trunk is not that of the run to start from",
                where=f"model.{key}",
                expected=str(before[key]),
                found=str(now[key]),
                fix="leave this key out: it is taken from that run",
            )
            for key in before
            if before[key] != now[key] and key != "dropout"
        ]
    )


def _bundle_of(given: str) -> Path:
    path = Path(given).expanduser()
    folder = path / "bundle" if (path / "bundle").is_dir() else path
    if not (folder / "config.json").is_file() or not (folder / "model.safetensors").is_file():
        raise UserError(
            "there is no model to start from",
            where=f"model.from: {given}",
            expected="the folder of a run that has ended, or a bundle",
        )
    return folder


def _config_of(given: str) -> dict[str, Any]:
    folder = _bundle_of(given)
    if "states" not in read_json(folder / "config.json"):
        raise UserError(
            "this is not a model of ours", where=f"model.from: {given}", fix="is it a checkpoint for model.pretrained?"
        )
    config = read_config(folder)
    if (ready := config["job"]["model"].get("ready")) is not None:
        raise UserError(
            f"no training starts from {ready}, which is used as it is",
            where=f"model.from: {given}",
            fix=f"model.pretrained={config['job']['model']['pretrained']} for use; or leave model.from out",
        )
    return config
