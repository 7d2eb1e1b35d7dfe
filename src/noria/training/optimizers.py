"""Muon for hidden matrices, AdamW for the rest, as one optimiser whose state is a plain dict of tensors.

Weights of a checkpoint have a gentler rate of AdamW, where the job says so: Muon's steps are of one size whatever the
weights are.

The update rules are those of torch.optim.Muon and torch.optim.AdamW. Their classes are not used because building one
imports torch's compiler, which costs more than a second at every start, because a convolution's weight must be shown to
Muon as the matrix it is, and because matrices of one shape are orthogonalised together here: 9 instead of 21 ms for the
24 matrices of four blocks of width 128 (2 cores of AMD Zen 4).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from noria.job import Train

NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)  # Jordan 2024, "Muon: An optimizer for hidden layers"
NEWTON_SCHULZ_STEPS = 5
LEAST_NORM = 1e-7
BETAS = (0.9, 0.99)
EPSILON = 1e-8


class Optimizer:
    """Update a model's weights in place; `scale` of `step` multiplies both peak learning rates."""

    def __init__(self, model: nn.Module, settings: Train) -> None:
        self.settings = settings
        named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.gentle = pretrained_weights(model)
        hidden = hidden_matrices(model) - self.gentle if settings.optimizer == "muon" else set()
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
        """Update hidden matrices, those of one shape together."""
        shapes: dict[torch.Size, list[str]] = {}
        for name, weight in self.matrices.items():
            if weight.grad is not None:
                shapes.setdefault(_as_matrix(weight).shape, []).append(name)
        momentum, decay = self.settings.momentum, 1 - rate * self.settings.weight_decay
        for (rows, columns), names in shapes.items():
            weights = [_as_matrix(self.matrices[name]) for name in names]
            gradients = [_as_matrix(self.matrices[name].grad) for name in names]  # type: ignore[arg-type]
            moved = [self.state[f"{name}.momentum"] for name in names]
            torch._foreach_lerp_(moved, gradients, 1 - momentum)
            updates = orthogonal(torch.stack(torch._foreach_lerp(gradients, moved, momentum)))
            torch._foreach_mul_(weights, decay)
            torch._foreach_add_(weights, list(updates.float()), alpha=-rate * max(1.0, rows / columns) ** 0.5)

    def _adamw(self, rate: float) -> None:
        """Update what is no hidden matrix; biases, scales and other vectors do not decay."""
        decays = self.settings.weight_decay
        for is_gentle in (False, True):
            own = rate * self.settings.pretrained_rate if is_gentle else rate
            here = {name: weight for name, weight in self.others.items() if (name in self.gentle) == is_gentle}
            self._adamw_group([name for name, weight in here.items() if weight.ndim > 1], own, decays)
            self._adamw_group([name for name, weight in here.items() if weight.ndim <= 1], own, 0.0)

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


def orthogonal(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices [n, rows, columns] close to 1, by Newton-Schulz in bfloat16."""
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16()
    is_tall = x.shape[1] > x.shape[2]
    x = x.mT if is_tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(LEAST_NORM)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x


def hidden_matrices(model: nn.Module) -> set[str]:
    """Return the names of the weights that Muon updates: linear and convolution weights outside the head."""
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    named = model.named_modules()
    return {f"{name}.weight" for name, module in named if isinstance(module, kinds) and not name.startswith("head")}


def pretrained_weights(model: nn.Module) -> set[str]:
    """Return the names of the weights in modules that stand for a checkpoint's, by their attribute `is_pretrained`."""
    kept = [(name, part) for name, part in model.named_modules() if getattr(part, "is_pretrained", False)]
    return {f"{name}.{own}" if name else own for name, part in kept for own, _ in part.named_parameters()}


def _as_matrix(weight: Tensor) -> Tensor:
    """Return [outputs, inputs * kernel] that shares its memory with a linear or convolution weight."""
    if weight.ndim == 4 and weight.is_contiguous(memory_format=torch.channels_last):
        return weight.permute(0, 2, 3, 1).flatten(1)
    return weight.view(weight.shape[0], -1)
