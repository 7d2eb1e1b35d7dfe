"""The settings of the trunk, and its named sizes (sizes.yaml). Read next: transformer.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

import yaml

from noria.errors import UserError, did_you_mean, raise_unmet
from noria.model.blocks import block_variant
from noria.model.layers.positions import RotarySettings


@dataclass(frozen=True)
class TransformerSettings:
    """The trunk's settings; UserError names all that do not fit together.

    mlp_ratio: the MLP's hidden width / width. dropout: of what each branch adds; not of attention weights.
    positions: `none` is for sets (columns, atoms) and for embedders that add their own. rotary_base: in tokens.
    block: a variant of blocks/, with its own settings.
    """

    width: int
    depth: int
    heads: int = 1
    mlp_ratio: float = 4.0
    dropout: float = 0.0
    positions: Literal["rotary", "none"] = "rotary"
    rotary_base: float = 10_000.0  # RoFormer's
    block: str = "attention"
    block_settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        heads = self.heads
        needs_even = self.positions == "rotary"
        rules = {
            "width": (self.width >= 1, "at least 1", self.width),
            "depth": (self.depth >= 0, "at least 0", self.depth),
            "heads": (
                heads >= 1 and self.width % heads == 0 and not (needs_even and self.width // heads % 2),
                f"a divisor of width {self.width}" + (", width / heads even (rotary positions)" if needs_even else ""),
                heads,
            ),
            "mlp_ratio": (self.mlp_ratio > 0, "more than 0", self.mlp_ratio),
            "dropout": (0 <= self.dropout < 1, "at least 0 and less than 1", self.dropout),
            "positions": (self.positions in ("rotary", "none"), "rotary or none", self.positions),
            "rotary_base": (self.rotary_base > 1, "more than 1", self.rotary_base),
        }
        if self.depth == 0:  # an identity has no heads
            rules = {"width": rules["width"]}
        raise_unmet("the trunk", rules, "model.")
        block_variant(self.block, self.block_settings)

    @property
    def head_dim(self) -> int:
        """Return the channels of one head."""
        return self.width // self.heads

    @property
    def rotary(self) -> RotarySettings | None:
        """Return how queries and keys are turned by their positions, if they are."""
        return None if self.positions == "none" else RotarySettings(self.rotary_base, self.head_dim, 2 * self.heads)


def settings_of_size(name: str) -> dict[str, int]:
    """Return width, depth and heads of a named size; raise UserError with the nearest name when it is unknown.

    Example:
        >>> TransformerSettings(**{**settings_of_size("tiny"), "depth": 2})
        TransformerSettings(width=128, depth=2, heads=4, ...)
    """
    sizes: dict[str, dict[str, int]] = yaml.safe_load(files("noria.model").joinpath("sizes.yaml").read_text("utf-8"))
    if name not in sizes:
        raise UserError(f"there is no model size {name!r}", where="model.size", fix=did_you_mean(name, sizes))
    return sizes[name]
