"""Layers for answering: batch normalisation joined with the convolution before it, linear weights laid out once.

Plain layers are laid out anew at every call, which for a few tokens takes as long as the product itself: on one core of
an AMD Zen 4, 16 tokens by a bfloat16 matrix of 1536 x 576 take 345 microseconds plain and 200 packed (torch 2.13).
A packed model answers and can do nothing else: it has no weights to train or to save.
Read next: varlen.py, model/pretrained/llama.py.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from noria.model.fast_cpu.int4 import MOST_ROWS, four_bits

# Private: a torch may lack them, and layers then stay plain.
OPERATORS = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
USUAL_TOKENS = 16  # for so many at once the layout is chosen; others are right too


class PackedLinear(nn.Module):
    """The same answers as a linear layer, without gradients; `after` is what is done to them within: none or gelu."""

    def __init__(self, layer: nn.Linear, after: Literal["none", "gelu"] = "none") -> None:
        super().__init__()
        self.after = after
        self.packed = _ops()._reorder_linear_weight(layer.weight.detach(), USUAL_TOKENS)
        self.bias = None if layer.bias is None else layer.bias.detach()
        self.four_bits = four_bits(layer.weight.detach()) if after == "none" else None

    def forward(self, x: Tensor) -> Tensor:
        if self.four_bits is not None and x.shape[:-1].numel() <= MOST_ROWS:
            product = self.four_bits.product(x)
            return product if self.bias is None else product + self.bias
        exact = "none" if self.after == "gelu" else ""  # as opposed to the approximation by tanh
        said: Tensor = _ops()._linear_pointwise(x, self.packed, self.bias, self.after, [], exact)
        return said


def join_normalised(model: nn.Module) -> None:
    """Join each batch normalisation with the convolution before it, in place: the same answers but for rounding.

    A module says in `normalised` which of its parts follow each other so: ((convolution, normalisation), ...).
    """
    model.eval()
    for part in list(model.modules()):
        for convolution, normalise in getattr(part, "normalised", ()):
            joined = fuse_conv_bn_eval(getattr(part, convolution), getattr(part, normalise))
            setattr(part, convolution, joined)
            setattr(part, normalise, nn.Identity())


def pack(model: Any, dtype: torch.dtype = torch.bfloat16) -> None:
    """Pack the linear layers of a model that began as an encoder's or a decoder's checkpoint, and its head, in place.

    Weights become `dtype`. Any other model, or one on another device than the CPU, is only brought to `dtype`.
    """
    model.eval().to(dtype)
    join = getattr(model.trunk, "join", None)  # which encoders and decoders have that began as a checkpoint
    if join is None or next(model.parameters()).device.type != "cpu" or not can_pack(dtype):
        return
    join()
    for part in (model.trunk, model.head):
        for parent in list(part.modules()):
            for name, layer in list(parent.named_children()):
                if type(layer) is nn.Linear:
                    setattr(parent, name, PackedLinear(layer))


def can_pack(dtype: torch.dtype) -> bool:
    """Say whether this build of torch, on this processor, packs weights of a type."""
    if not torch._C._has_mkldnn or not all(hasattr(_ops(), name) for name in OPERATORS):
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(_ops()._is_mkldnn_bf16_supported()))


def _ops() -> Any:
    return torch.ops.mkldnn
