"""Where training starts: an earlier run of ours, a checkpoint of Hugging Face, or the backbone of one of pictures.

Two things are taken over: what was learnt from data (tokenizers, `states`), before the new data is encoded; then the
weights, part by part, wherever a part of the new model is the same as one of the origin. The trunk must be.
Knows no task by name. Read next: pretrained_files.py; lora.py; stages/prepare.py, which asks for the states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from noria.contract import Task, answer_field, registry
from noria.errors import UserError, raise_all
from noria.job import Job
from noria.job.load import load_stored_job
from noria.modalities.image.backbones import TransformersBackbone
from noria.modalities.image.checkpoint_files import PictureFiles, is_of_pictures
from noria.modalities.image.efficientnet import EfficientNetLite0
from noria.model.fast_cpu.varlen import is_bert
from noria.model.heads import NextToken
from noria.model.network import Model
from noria.model.pretrained.files import PretrainedFiles
from noria.model.pretrained.trunk import filler_of
from noria.model.token_embedder import TextEmbedder
from noria.model.transformer import Transformer, TransformerSettings, settings_of_size
from noria.pipeline.assembly import build, place
from noria.store.run_folder import read_json
from noria.types import State, Tokens

PICTURES = "image"  # the kind of spoke that reads them
TEXT_KINDS = ("text", "messages")  # spokes that share one kind of state, so one inherits from the other
TOLERANCE = 1e-3  # on logits, relative to the largest: sums in another order


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


def origin_key(job: Job) -> str:
    """Return what names the origin in a preparation's key: its path and a hash of its weights; "" for none."""
    if job.model.pretrained is not None:
        return f"{job.model.pretrained} {_files_of(job.model.pretrained).key()}"
    if job.model.from_ is not None:
        return f"{job.model.from_} {_config_of(job.model.from_)['weights']['sha256']}"
    return ""


def origin_states(job: Job) -> dict[str, State]:
    """Return what the origin had learnt, by kind of spoke (and `trunk`, for a checkpoint of texts)."""
    if job.model.pretrained is not None:
        files = _files_of(job.model.pretrained)
        return _picture_states(files, job) if isinstance(files, PictureFiles) else _checkpoint_states(files)
    if job.model.from_ is None:
        return {}
    config = _config_of(job.model.from_)
    _, task = load_stored_job(config["job"])
    known = config["states"]
    states: dict[str, State] = {task.target.kind: known["target"]}
    states |= {modality.kind: known["inputs"][name] for name, modality in task.inputs.items()}
    texts = [states[kind] for kind in TEXT_KINDS if kind in states and "tokenizer" in states[kind]]
    states |= {kind: texts[0] for kind in TEXT_KINDS if texts and kind not in states}
    return {**states, **({"trunk": known["trunk"]} if "trunk" in known else {})}


def load_origin(model: Any, job: Job, states: dict[str, Any]) -> TakenOver:
    """Copy the origin's weights into a model that was just built; say what was taken over."""
    if job.model.pretrained is not None:
        load = _load_pictures if is_of_pictures(job.model.pretrained) else _load_checkpoint
        return load(model, job.model.pretrained, states)
    assert job.model.from_ is not None
    return _load_run(model, job, states)


def _files_of(given: str) -> PretrainedFiles | PictureFiles:
    return PictureFiles.find(given) if is_of_pictures(given) else PretrainedFiles.find(given)


def _picture_states(files: PictureFiles, job: Job) -> dict[str, State]:
    inputs = registry.task(job.task).inputs
    if not any(modality.kind == PICTURES for modality in inputs.values()):
        raise UserError(
            "a checkpoint of pictures serves no task without a picture as its input",
            where=f"model.pretrained: {job.model.pretrained}",
            expected=f"a checkpoint for {', '.join(sorted({modality.kind for modality in inputs.values()}))}",
        )
    return {PICTURES: files.state()}


def _load_pictures(model: Any, given: str, states: dict[str, Any]) -> TakenOver:
    files, taken = PictureFiles.find(given), []
    for name, part in model.named_modules():
        if isinstance(part, EfficientNetLite0 | TransformersBackbone):
            files.fill(part)
            taken.append(name)
    return _taken_over(model, given, taken)


def _checkpoint_states(files: PretrainedFiles) -> dict[str, State]:
    trunk, tokenizer = files.trunk(), files.tokenizer()
    rows = trunk["config"]["vocab_size"]
    if tokenizer.size > rows:
        raise UserError(
            "the checkpoint's tokenizer knows more tokens than its embedding",
            where=str(files.folder),
            expected=f"at most {rows}",
            found=str(tokenizer.size),
        )
    text = {"tokenizer": tokenizer.to_json(), "vocabulary": rows, "kind": tokenizer.kind}
    if is_bert(trunk["config"]) and files.has_filler():
        text["head_epsilon"] = trunk["config"]["layer_norm_eps"]
    return {**dict.fromkeys(TEXT_KINDS, text), "trunk": trunk}


@torch.no_grad()
def _load_checkpoint(model: Any, given: str, states: dict[str, Any]) -> TakenOver:
    trunk = states["trunk"]
    checkpoint = PretrainedFiles.find(given).model(trunk, "head_epsilon" in states["target"])
    weights = checkpoint.base_model.state_dict()
    own = model.trunk.model
    own.load_state_dict({name: weights[name] for name in own.state_dict()})
    table, output = checkpoint.get_input_embeddings().weight, checkpoint.get_output_embeddings()
    taken = ["trunk"]
    for name, part in _parts(model).items():
        if isinstance(part, TextEmbedder) and part.table.weight.shape == table.shape:
            part.table.weight.copy_(table)
            taken.append(name)
        if isinstance(part, NextToken) and output is not None and part.linear.weight.shape == output.weight.shape:
            part.linear.weight.copy_(output.weight)
            if part.fills_masks:
                _copy_filler(part, checkpoint)
            taken.append(name)
    _check_same(model.trunk.eval(), checkpoint, trunk)
    model.trunk.train()
    return _taken_over(model, given, taken)


def _copy_filler(head: Any, checkpoint: Any) -> None:
    head.linear.bias.copy_(checkpoint.get_output_embeddings().bias)
    for own, theirs in zip((head.before[0], head.before[2]), filler_of(checkpoint), strict=True):
        own.load_state_dict(theirs.state_dict())


def _check_same(trunk: Any, checkpoint: Any, state: State) -> None:
    """Raise UserError where our way through the checkpoint does not give what `transformers` gives."""
    table = checkpoint.get_input_embeddings().weight
    pad = state["config"].get("pad_token_id")  # which RoBERTa counts no place for
    ids = torch.tensor([[one for one in range(8) if one != pad]]) % len(table)
    tokens = Tokens(table[ids])
    if state["family"] == "encoder":
        given, expected = trunk(tokens, "full").features, checkpoint.base_model(input_ids=ids).last_hidden_state
    elif state["family"] == "decoder":
        given = checkpoint.get_output_embeddings()(trunk(tokens, "causal").features)
        expected = checkpoint(input_ids=ids).logits
    else:
        stream = torch.cat((tokens.features, tokens.features), 1)
        is_prefix = torch.arange(2 * ids.shape[1])[None] < ids.shape[1]
        given = trunk(Tokens(stream), "prefix", is_prefix).features[:, ids.shape[1] - 1 :]
        given = checkpoint.get_output_embeddings()(given)
        first = torch.full((1, 1), state["config"]["decoder_start_token_id"])
        expected = checkpoint(input_ids=ids, decoder_input_ids=torch.cat((first, ids), 1)).logits
    if not bool((given - expected).abs().max() <= TOLERANCE * expected.abs().max()):
        raise UserError(
            f"a checkpoint of the kind {state['config']['model_type']!r} computes in a way that is not followed here",
            where="model.pretrained",
            mend="take one of BERT's, GPT-2's, Llama's or T5's kind",
        )


def _load_run(model: Any, job: Job, states: dict[str, Any]) -> TakenOver:
    assert job.model.from_ is not None
    folder, config = _bundle_of(job.model.from_), _config_of(job.model.from_)
    _, task = load_stored_job(config["job"])
    _check_trunk(model.trunk, config)
    weights = _weights_of(folder)
    model.trunk.load_state_dict(_below(weights, "trunk."))
    taken = ["trunk"]
    sources = {f"embedders.{name}": state for name, state in config["states"]["inputs"].items()}
    sources["answer"] = config["states"]["target"]
    for name, part in _parts(model).items():
        if name == "head":
            continue
        state = states["target"] if name == "answer" else states["inputs"][name.removeprefix("embedders.")]
        for source in sorted(sources, key=lambda one: one != name):  # of equals the one of the same name
            if _agree(state, sources[source]) and _fits(part, _below(weights, f"{source}.")):
                part.load_state_dict(_below(weights, f"{source}."))
                taken.append(name)
                break
    is_same = answer_field(task) == answer_field(registry.task(job.task))
    if task.target.is_closed:  # other classes are other answers
        is_same = is_same and _agree(states["target"], config["states"]["target"])
    own = _below(weights, "head.")
    if _tied_to(model) in taken:  # the table was saved once, and is here already
        own["linear.weight"] = model.head.linear.weight.detach()
    if is_same and _fits(model.head, own):
        model.head.load_state_dict(own)
        taken.append("head")
    return _taken_over(model, job.model.from_, taken)


def _taken_over(model: Any, origin: str, taken: list[str]) -> TakenOver:
    names = [*(["trunk"] if any(True for _ in model.trunk.parameters()) else []), *_parts(model)]
    return TakenOver(origin, tuple(taken), tuple(name for name in names if name not in taken))


def _parts(model: Any) -> dict[str, nn.Module]:
    """Return the parts of a model besides its trunk, by name of module."""
    parts: dict[str, nn.Module] = {f"embedders.{name}": part for name, part in model.embedders.items()}
    return {**parts, **({} if model.answer is None else {"answer": model.answer}), "head": model.head}


def _tied_to(model: Any) -> str | None:
    """Return which part has the table that is the head's weight, too."""
    parts = {name: part for name, part in _parts(model).items() if isinstance(part, TextEmbedder)}
    if not isinstance(model.head, NextToken):
        return None
    return next((name for name, part in parts.items() if part.table.weight is model.head.linear.weight), None)


def _agree(state: State, other: State) -> bool:
    """Say whether two states of spokes have something in common and nothing that differs."""
    common = state.keys() & other.keys() - {"template", "answer_end"}
    return bool(common) and all(state[key] == other[key] for key in common)


def _fits(part: nn.Module, weights: Mapping[str, Tensor]) -> bool:
    own = {name: value.shape for name, value in part.state_dict().items()}
    return bool(own) and own == {name: value.shape for name, value in weights.items()}


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
                mend="leave this key out: it is taken from that run",
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
    config: dict[str, Any] = read_json(_bundle_of(given) / "config.json")
    if "states" not in config:
        raise UserError(
            "this is not a model of ours", where=f"model.from: {given}", mend="is it a checkpoint for model.pretrained?"
        )
    return config


def _weights_of(folder: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    weights: dict[str, Tensor] = load_file(folder / "model.safetensors")
    return weights


def begin(job: Job, task: Task, states: dict[str, Any], device: torch.device) -> Model:
    """Build the model that training begins with: with the weights of its origin, and what of it is to be trained."""
    model = build(job, task, states)
    if job.model.from_ is not None or job.model.pretrained is not None:
        from noria.training.warm_start import load_origin

        taken = load_origin(model, job, states)
        model.begins = str(taken)
        if job.model.lora is not None:
            from noria.model.lora import add_lora

            add_lora(model, job.model.lora, taken.parts)
    return place(model, device)
