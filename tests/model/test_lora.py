"""Small matrices beside frozen ones: at first they change nothing, alone they are trained, and they fold in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from noria.contract import dispatch
from noria.job import Job
from noria.job.load import load_job
from noria.model.lora import Lora, add_lora, merge
from noria.model.network import Model
from noria.model.settings import TransformerSettings
from noria.model.transformer import Transformer
from noria.model.weights import weights_of
from noria.pipeline.predictor import load
from noria.pipeline.warm_start import begin, origin_states
from noria.reporter import Silent
from noria.stages.train import train
from noria.store.checkpoints import load_checkpoint
from noria.training.optimizers import Optimizer
from noria.types import Tokens
from tiny_data import tiny_job

NEAR = {"atol": 1e-4, "rtol": 1e-4}
TRUNKS = ["ours", "bert", "llama", "gpt2"]
TASKS = {"bert": "text-classification", "llama": "chat", "tied_llama": "chat", "gpt2": "chat"}


@pytest.fixture
def model_of(checkpoint: Callable[[str], Path], make_trunk: Any) -> Callable[..., Model]:
    """A function: kind of trunk -> a model with it, in evaluation mode; with a rank, with LoRA."""

    def make(kind: str, lora: int | None = None) -> Model:
        torch.manual_seed(7)
        if kind == "ours":
            model = Model({}, make_trunk(block="swiglu"), torch.nn.Linear(32, 2), "causal")
            if lora is not None:
                add_lora(model, lora, ["trunk"])
            return model.eval()
        job = Job.model_validate({"task": TASKS[kind], "model": {"pretrained": str(checkpoint(kind)), "lora": lora}})
        _, task = load_job({"task": TASKS[kind], "model": {"pretrained": str(checkpoint(kind))}})
        origin = origin_states(job)
        inputs = {name: dispatch.warm_start(modality, origin["text"]) for name, modality in task.inputs.items()}
        target = dispatch.warm_start(task.target, inputs[next(iter(inputs))]) or {"classes": ["a", "b"]}
        states = {"inputs": inputs, "target": target, "trunk": origin["trunk"]}
        return begin(job, task, states, torch.device("cpu")).eval()

    return make


def features(model: Model) -> torch.Tensor:
    tokens = Tokens(torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(1)))
    mixed: Tokens = model.trunk(tokens, model.attention)
    return mixed.features


def drawn(model: Model) -> None:
    """Move the small matrices away from where they start."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, Lora):
                module.up.normal_(std=0.1, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("kind", TRUNKS)
def test_at_the_start_nothing_is_changed(kind, model_of):
    with torch.inference_mode():
        torch.testing.assert_close(features(model_of(kind, 4)), features(model_of(kind)))


@pytest.mark.parametrize("has_gradients", [True, False])
@pytest.mark.parametrize("kind", TRUNKS)
def test_folded_in_they_answer_as_before(kind, has_gradients, model_of):
    model = model_of(kind, 4)
    plain = set(model_of(kind).state_dict())
    before = features(model).detach()
    drawn(model)
    with torch.set_grad_enabled(has_gradients):  # our own attention takes another way with gradients
        given = features(model).detach()
    assert (given - before).abs().max() > 1e-2
    merge(model.trunk)
    with torch.inference_mode():
        torch.testing.assert_close(features(model), given, **NEAR)
    assert set(model.state_dict()) == plain


@pytest.mark.parametrize("kind", TRUNKS)
def test_every_linear_layer_of_the_trunk_has_them_and_nothing_else_of_it_is_trained(kind, model_of):
    model = model_of(kind, 4)
    small = [name for name, one in model.named_parameters() if one.requires_grad and name.startswith("trunk")]
    assert {name.rsplit(".", 1)[-1] for name in small} == {"down", "up"}
    matrices = [
        one for name, one in model_of(kind).trunk.named_parameters() if name.endswith("weight") and one.ndim == 2
    ]
    tables = {"bert": 2, "gpt2": 1}.get(kind, 0)  # of positions and segments
    assert len(small) == 2 * (len(matrices) - tables)
    features(model).sum().backward()
    assert all(one.grad is None for one in model.trunk.parameters() if not one.requires_grad)


def test_what_starts_anew_is_trained_and_what_was_taken_over_is_not(model_of):
    classifier, writer = model_of("bert", 2), model_of("tied_llama", 2)
    assert all(one.requires_grad for one in classifier.head.parameters())
    frozen = [*classifier.embedders.parameters(), *writer.head.parameters(), *writer.embedders.parameters()]
    assert not any(one.requires_grad for one in frozen)


def test_the_optimizer_remembers_only_what_is_trained(model_of):
    model = model_of("llama", 2)
    settings = Job.model_validate({"task": "chat"}).train
    remembered = sum(tensor.numel() for tensor in Optimizer(model, settings).state.values() if tensor.ndim)
    trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
    assert remembered == 2 * trained  # AdamW's two means


def test_a_killed_training_goes_on_to_the_same_weights_and_ships_a_plain_model(checkpoint, tmp_path):
    job = tiny_job("text-classification", tmp_path, steps=4, validations=2)
    job["model"] = {"pretrained": str(checkpoint("bert")), "lora": 2}
    whole = train(job, run=tmp_path / "whole", reporter=Silent())
    begun = train(job, ["train.keep_checkpoints=True"], run=tmp_path / "begun", reporter=Silent())
    newest = max((begun / "checkpoints").glob("step-*"))
    saved, _ = load_checkpoint(begun)
    assert saved is not None
    assert any(name.endswith(".up") for name in saved.tensors["model"])
    for path in newest.iterdir():
        path.unlink()
    shutil.rmtree(begun / "bundle")
    again = train(begun / "job.yaml", run=begun, resume=True, reporter=Silent())
    bundles = [(run / "bundle" / "model.safetensors").read_bytes() for run in (whole, again)]
    assert bundles[0] == bundles[1]
    assert not any(isinstance(module, Lora) for module in load(whole, "cpu").bundle.model.modules())


def test_the_trunk_of_ours_is_left_as_it_was_when_they_are_taken_out():
    trunk = Transformer(TransformerSettings(width=32, depth=1, heads=2))
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    model = Model({}, trunk, torch.nn.Linear(32, 2), "causal")
    add_lora(model, 2, [])
    merge(model.trunk)
    assert all(
        torch.equal(value, before[name.removeprefix("trunk.")])
        for name, value in weights_of(model).items()
        if name.startswith("trunk.")
    )
    assert all(one.requires_grad for one in model.head.parameters())
