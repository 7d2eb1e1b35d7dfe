"""Muon for hidden matrices, AdamW for the rest, as one optimiser whose state is a plain dict of tensors.

The update rules are PyTorch's own (the functional forms of torch.optim.Muon and torch.optim.AdamW). Their classes are
not used because building one imports torch's compiler, which costs more than a second at every start, and because a
convolution's weight must be shown to Muon as the matrix it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim._muon import muon
from torch.optim.adamw import adamw

from noria.job import Train

NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)  # Jordan 2024, "Muon: An optimizer for hidden layers"
BETAS = (0.9, 0.99)
EPSILON = 1e-8


class Optimizer:
    """Update a model's weights in place; `scale` of `step` multiplies both peak learning rates."""

    def __init__(self, model: nn.Module, settings: Train) -> None:
        self.settings = settings
        named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        hidden = hidden_matrices(model) if settings.optimizer == "muon" else set()
        self.matrices = {name: weight for name, weight in named.items() if name in hidden}
        self.others = {name: weight for name, weight in named.items() if name not in hidden}
        self.weights = list(named.values())
        self.state: dict[str, Tensor] = {}
        for name, weight in self.matrices.items():
            self.state[f"{name}.momentum"] = torch.zeros_like(_as_matrix(weight.detach()))
        for name, weight in self.others.items():
            self.state[f"{name}.mean"] = torch.zeros_like(weight)
            self.state[f"{name}.square"] = torch.zeros_like(weight)
            self.state[f"{name}.step"] = torch.zeros((), device=weight.device)

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from a saved state."""
        for name, value in self.state.items():
            value.copy_(state[name])

    def clear(self) -> None:
        """Forget the gradients."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Update every weight that has a gradient."""
        self._muon(scale * self.settings.muon_learning_rate)
        self._adamw(scale * self.settings.learning_rate)

    def _muon(self, rate: float) -> None:
        named = [(name, weight) for name, weight in self.matrices.items() if weight.grad is not None]
        if not named:
            return
        muon(
            [_as_matrix(weight) for _, weight in named],
            [_as_matrix(weight.grad) for _, weight in named],  # type: ignore[arg-type]
            [self.state[f"{name}.momentum"] for name, _ in named],
            lr=rate,
            weight_decay=self.settings.weight_decay,
            momentum=self.settings.momentum,
            nesterov=True,
            ns_coefficients=NEWTON_SCHULZ,
            ns_steps=5,
            eps=1e-7,
            adjust_lr_fn="original",
            has_complex=False,
        )

    def _adamw(self, rate: float) -> None:
        """Update what is no hidden matrix; biases, scales and other vectors do not decay."""
        decays = self.settings.weight_decay
        self._adamw_group([name for name, weight in self.others.items() if weight.ndim > 1], rate, decays)
        self._adamw_group([name for name, weight in self.others.items() if weight.ndim <= 1], rate, 0.0)

    def _adamw_group(self, names: list[str], rate: float, weight_decay: float) -> None:
        named = [(name, self.others[name]) for name in names if self.others[name].grad is not None]
        if not named:
            return
        adamw(
            [weight for _, weight in named],
            [weight.grad for _, weight in named],  # type: ignore[misc]
            [self.state[f"{name}.mean"] for name, _ in named],
            [self.state[f"{name}.square"] for name, _ in named],
            [],
            [self.state[f"{name}.step"] for name, _ in named],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate,
            weight_decay=weight_decay,
            eps=EPSILON,
            maximize=False,
        )


def hidden_matrices(model: nn.Module) -> set[str]:
    """Return the names of the weights that Muon updates: linear and convolution weights outside the head."""
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    named = model.named_modules()
    return {f"{name}.weight" for name, module in named if isinstance(module, kinds) and not name.startswith("head")}


def _as_matrix(weight: Tensor) -> Tensor:
    """Return [outputs, inputs * kernel] that shares its memory with a linear or convolution weight."""
    if weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last):
        return weight.permute(0, 2, 3, 1).flatten(1)
    return weight.view(weight.shape[0], -1)
