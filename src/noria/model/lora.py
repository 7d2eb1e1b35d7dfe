"""LoRA: train two small matrices beside each frozen linear layer. Fold them in, and the model is a plain one again.

    y = W x + 2 (up (down x))        down [rank, in] drawn, up [out, rank] zero: training starts from what was there

The factor is alpha / rank with alpha = 2 rank, so a rank can be changed without another learning rate. Knows no task.
Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685. Read next: pipeline/assembly.py.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

SCALE = 2.0  # alpha / rank


class Lora(nn.Module):
    """A linear layer, or one whose weight is kept transposed (GPT-2's Conv1D), with two small matrices beside it."""

    def __init__(self, base: nn.Module, rank: int) -> None:
        super().__init__()
        kept = base.weight
        assert isinstance(kept, Tensor)
        self.is_transposed = not isinstance(base, nn.Linear)
        num_out, num_in = kept.shape[::-1] if self.is_transposed else kept.shape
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, num_in, device=kept.device) * num_in**-0.5)
        self.up = nn.Parameter(torch.zeros(num_out, rank, device=kept.device))

    @property
    def weight(self) -> Tensor:
        """Return the weight that a plain layer of the same answers would have, for whoever multiplies by it himself."""
        change = SCALE * (self.up @ self.down)
        kept: Tensor = self.base.weight  # type: ignore[assignment]
        return kept + (change.T if self.is_transposed else change)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.base(x)
        small = SCALE * nn.functional.linear(x, self.down)  # scaled while it is small
        return said + nn.functional.linear(small, self.up)

    @torch.no_grad()
    def merged(self) -> nn.Module:
        """Return the plain layer with the change folded in."""
        kept: Tensor = self.base.weight  # type: ignore[assignment]
        kept.copy_(self.weight)
        return self.base.requires_grad_(True)


def add_lora(model: nn.Module, rank: int, taken: Collection[str]) -> None:
    """Put small matrices beside every linear layer of the trunk; freeze it, and the other parts that were taken over.

    `taken` are names of modules, such as `trunk`, `answer`, `embedders.text`, `head`. What started anew is trained.
    """
    trunk = model.get_submodule("trunk")
    for name in (*taken, "trunk"):
        model.get_submodule(name).requires_grad_(False)
    for parent, name, layer in _layers(trunk):
        setattr(parent, name, Lora(layer, rank))


def merge(trunk: nn.Module) -> None:
    """Fold the small matrices into the weights beside which they stand."""
    for parent in list(trunk.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Lora):
                setattr(parent, name, layer.merged())


def _layers(trunk: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Return every linear layer below a module, with its parent and its name there."""
    return [
        (parent, name, layer)
        for parent in trunk.modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Linear) or type(layer).__name__ == "Conv1D"
    ]
