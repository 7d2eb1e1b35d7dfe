"""The optimiser takes the steps of torch.optim.Muon and torch.optim.AdamW."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from noria.job import Train
from noria.training.optimizers import BETAS, EPSILON, NEWTON_SCHULZ, Optimizer, hidden_matrices, orthogonal
from tiny_data import tiny_job

SETTINGS = {"weight_decay": 0.1, "learning_rate": 0.01, "muon_learning_rate": 0.02, "momentum": 0.9}
SCALES = [0.2, 1.0, 0.7, 0.3]
BFLOAT16 = 2**-7  # what rounding may differ by, of values up to 1


@pytest.mark.parametrize("shape", [(8, 8), (12, 5), (5, 12)])
def test_matrices_together_become_orthogonal_as_each_does_alone(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    together = orthogonal(matrices)
    for one, result in zip(matrices, together, strict=True):
        torch.testing.assert_close(orthogonal(one[None])[0], result, atol=4 * BFLOAT16, rtol=0)
        values = torch.linalg.svdvals(result.float())
        assert 0.5 < float(values.min()) <= float(values.max()) < 1.5


class Net(nn.Module):
    """One of each kind of weight: convolutions, a matrix, an embedding, vectors, a head."""

    def __init__(self, is_channels_last: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3)
        self.second = nn.Conv2d(6, 8, 3)
        self.normalise = nn.BatchNorm2d(8)
        self.table = nn.Embedding(5, 8)
        self.linear = nn.Linear(8, 7)
        self.head = nn.Linear(7, 3)
        if is_channels_last:
            self.to(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor, words: Tensor) -> Tensor:
        features = self.normalise(self.second(torch.relu(self.first(pixels)))).amax((2, 3)) + self.table(words)
        return self.head(torch.relu(self.linear(features)))


def net(is_channels_last: bool = False) -> Net:
    torch.manual_seed(0)
    return Net(is_channels_last)


def gradients(model: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    pixels = torch.randn(16, 1, 9, 9, generator=generator)
    words = torch.randint(0, 5, (16,), generator=generator)
    model(pixels, words).square().mean().backward()


def as_torch_has_it(model: nn.Module, settings: Train, is_channels_last: bool) -> tuple[dict[str, Tensor], list]:
    """Return copies of the weights, each as torch's own optimisers want it, and those optimisers."""
    hidden = hidden_matrices(model) if settings.optimizer == "muon" else set()
    copies = {}
    for name, weight in model.named_parameters():
        copies[name] = (as_rows(weight, is_channels_last) if name in hidden else weight).detach().clone()
    plain = {name: copy for name, copy in copies.items() if name not in hidden}
    groups = [
        {"params": [copy for copy in plain.values() if copy.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [copy for copy in plain.values() if copy.ndim <= 1], "weight_decay": 0.0},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's compiler, which these classes import
        made: list = [torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS, eps=EPSILON)]
        if hidden:
            muon = torch.optim.Muon(
                [copies[name] for name in hidden],
                lr=settings.muon_learning_rate,
                weight_decay=settings.weight_decay,
                momentum=settings.momentum,
                nesterov=True,
                ns_coefficients=NEWTON_SCHULZ,
                ns_steps=5,
                adjust_lr_fn="original",
            )
            made.append(muon)
    return copies, made


def as_rows(weight: Tensor, is_channels_last: bool) -> Tensor:
    """Return a copy of a hidden weight as a matrix; the columns of a channels-last one are in its memory's order."""
    if weight.ndim == 4 and is_channels_last:
        weight = weight.permute(0, 2, 3, 1)
    return weight.reshape(len(weight), -1)


@pytest.mark.parametrize("is_channels_last", [False, True])
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_the_steps_are_those_of_torch(optimizer: str, is_channels_last: bool) -> None:
    model = net(is_channels_last)
    settings = Train(optimizer=optimizer, **SETTINGS)
    copies, others = as_torch_has_it(model, settings, is_channels_last)
    ours = Optimizer(model, settings)
    start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    for step, scale in enumerate(SCALES):
        ours.clear()
        gradients(model, step)
        for name, weight in model.named_parameters():
            assert weight.grad is not None
            grad = weight.grad if copies[name].ndim == weight.ndim else as_rows(weight.grad, is_channels_last)
            copies[name].grad = grad.clone()
        ours.step(scale)
        for index, other in enumerate(others):
            for group in other.param_groups:
                group["lr"] = scale * (settings.muon_learning_rate if index else settings.learning_rate)
            other.step()
    for name, weight in model.named_parameters():
        given = weight.detach() if copies[name].ndim == weight.ndim else as_rows(weight.detach(), is_channels_last)
        torch.testing.assert_close(given, copies[name], atol=BFLOAT16 * settings.muon_learning_rate, rtol=1e-4)
        assert not torch.equal(weight, start[name]), name


def test_muon_gets_the_hidden_matrices_and_adamw_the_rest() -> None:
    optimizer = Optimizer(net(), Train())
    assert set(optimizer.matrices) == {"first.weight", "second.weight", "linear.weight"}
    assert len(optimizer.others) == 8
    assert Optimizer(net(), Train(optimizer="adamw")).matrices == {}


def test_vectors_do_not_decay_and_the_rest_does() -> None:
    model = net()
    for weight in model.parameters():
        nn.init.ones_(weight)
        weight.grad = torch.zeros_like(weight)
    Optimizer(model, Train(**SETTINGS)).step(1.0)
    assert len(list(model.parameters())) == 11
    for name, weight in model.named_parameters():
        assert bool((weight == 1).all()) == (weight.ndim == 1), name


@pytest.mark.parametrize("is_channels_last", [False, True])
def test_a_saved_state_goes_on_as_if_nothing_had_happened(is_channels_last: bool) -> None:
    model, settings = net(is_channels_last), Train(**SETTINGS)
    optimizer = Optimizer(model, settings)
    for step in range(2):
        optimizer.clear()
        gradients(model, step)
        optimizer.step(1.0)
    again = net(is_channels_last)
    again.load_state_dict(model.state_dict())
    other = Optimizer(again, settings)
    assert not all(torch.equal(other.state[name], value) for name, value in optimizer.state.items())
    other.load({name: value.clone() for name, value in optimizer.state.items()})
    for one, its in ((model, optimizer), (again, other)):
        its.clear()
        gradients(one, 2)
        its.step(0.5)
    for one, same in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, same)


def test_a_weight_without_gradient_stays_as_it_is() -> None:
    model = net()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    Optimizer(model, Train(**SETTINGS)).step(1.0)
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


def test_a_frozen_weight_has_no_state() -> None:
    model = net()
    model.second.weight.requires_grad_(False)
    assert not any(name.startswith("second.weight") for name in Optimizer(model, Train()).state)


def test_a_training_does_not_load_the_compiler(tmp_path: Path) -> None:
    """It would take every training more than a second: an import, an optimizer, or a mode that torch guards."""
    job = json.dumps(tiny_job("tabular-classification", tmp_path))
    code = (
        "import json, sys; from pathlib import Path; from noria.reporter import Silent\n"
        "from noria.stages.train import train\n"
        "train(json.loads(sys.argv[1]), run=Path(sys.argv[2]), reporter=Silent())\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    run = tmp_path / "run"
    assert subprocess.run([sys.executable, "-c", code, job, str(run)], check=False, timeout=120).returncode == 0
