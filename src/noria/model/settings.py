"""The settings of the trunk, and its named sizes (sizes.yaml). Read next: transformer.py."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import yaml

from noria.errors import UserError, did_you_mean, raise_unmet
from noria.model.mlp import MLPS


@dataclass(frozen=True)
class TransformerSettings:
    """The trunk's settings; UserError names all that do not fit together.

    kv_heads: the heads of keys and values, shared by heads / kv_heads query heads each; None means one each.

        kv_heads 4 (multi-head)    2 (grouped-query)    1 (multi-query)
               k  k  k  k            k     k                 k
               q  q  q  q           q q   q q             q q q q

    mlp_ratio: the MLP's hidden width / width. dropout: of what each branch adds; not of attention weights.
    positions: `none` is for sets (columns, atoms) and for embedders that add their own. rotary_base: in tokens.
    mlp: squared ReLU or SwiGLU, of equal parameters. experts: MLPs of half the hidden width, of which each token visits
    two; 1 is one plain MLP.
    full_every: each n-th block sees all that the mask shows (0: none does); the others see `window` tokens to each
    side, their own included, or, where window is None, are recurrent and look back only.

        full_every 1        3, window 64        3
        full full full      near near full      recurrent recurrent full
    """

    width: int
    depth: int
    heads: int = 1
    kv_heads: int | None = None
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    positions: Literal["rotary", "none"] = "rotary"
    rotary_base: float = 10_000.0  # RoFormer's
    mlp: Literal["relu2", "swiglu"] = "relu2"
    experts: int = 1
    full_every: int = 1
    window: int | None = None

    def __post_init__(self) -> None:
        heads, kv_heads = self.heads, self.heads if self.kv_heads is None else self.kv_heads
        needs_even = self.positions == "rotary"
        rules = {
            "width": (self.width >= 1, "at least 1", self.width),
            "depth": (self.depth >= 0, "at least 0", self.depth),
            "heads": (
                heads >= 1 and self.width % heads == 0 and not (needs_even and self.width // heads % 2),
                f"a divisor of width {self.width}" + (", width / heads even (rotary positions)" if needs_even else ""),
                heads,
            ),
            "kv_heads": (kv_heads >= 1 and heads % kv_heads == 0, f"a divisor of heads {heads}", kv_heads),
            "mlp_ratio": (self.mlp_ratio > 0, "more than 0", self.mlp_ratio),
            "dropout": (0 <= self.dropout < 1, "at least 0 and less than 1", self.dropout),
            "positions": (self.positions in ("rotary", "none"), "rotary or none", self.positions),
            "rotary_base": (self.rotary_base > 1, "more than 1", self.rotary_base),
            "mlp": (
                self.mlp in MLPS and (self.experts == 1 or self.mlp == "relu2"),
                "relu2 or (1 expert) swiglu",
                self.mlp,
            ),
            "experts": (self.experts >= 1, "at least 1", self.experts),
            "full_every": (self.full_every >= 0, "at least 0", self.full_every),
            "window": (
                self.window is None or (self.window >= 1 and self.full_every != 1),
                "at least 1, and full_every other than 1",
                self.window,
            ),
        }
        if self.depth == 0:  # an identity has no heads
            rules = {"width": rules["width"]}
        raise_unmet("the trunk", rules, "model.")

    @property
    def head_dim(self) -> int:
        """Return the channels of one head."""
        return self.width // self.heads

    @property
    def is_recurrent(self) -> bool:
        """Say whether any block is recurrent."""
        return not all(self.has_attention(index) for index in range(self.depth))

    def is_full(self, index: int) -> bool:
        """Say whether a block sees all that the mask shows."""
        return self.full_every > 0 and (index + 1) % self.full_every == 0

    def has_attention(self, index: int) -> bool:
        """Say whether a block attends, to everything or to a window."""
        return self.window is not None or self.is_full(index)


def settings_of_size(name: str) -> dict[str, int]:
    """Return width, depth and heads of a named size; raise UserError with the nearest name when it is unknown.

    Example:
        >>> TransformerSettings(**{**settings_of_size("tiny"), "depth": 2})
        TransformerSettings(width=128, depth=2, heads=4, ...)
    """
    sizes: dict[str, dict[str, int]] = yaml.safe_load(files("noria.model").joinpath("sizes.yaml").read_text("utf-8"))
    if name not in sizes:
        raise UserError(f"there is no model size {name!r}", where="model.size", mend=did_you_mean(name, sizes))
    return sizes[name]
