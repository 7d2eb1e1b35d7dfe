"""Variants of the trunk's blocks, one file each: `model.block=recurrent` is recurrent.py.

A file holds a frozen dataclass, `RecurrentBlocks` in recurrent.py, that is a `BlockVariant`: its fields are the keys of
`model.block_settings`, and it builds the two parts of each block. The trunk knows no variant by name. Nothing is
imported before it is asked for. Which to use when: docs/variants.md. Read next: attention.py, the plain one.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol

from noria.contract import Attention
from noria.contract.settings import lines_of, meaning_of
from noria.errors import UserError, did_you_mean, raise_all

if TYPE_CHECKING:
    from torch import nn


class BlockVariant(Protocol):
    """What a variant's settings can do."""

    @property
    def attentions(self) -> tuple[Attention, ...]:
        """The kinds of attention that the blocks can serve."""

    def has_attention(self, index: int) -> bool:
        """Say whether block `index` keeps keys and values, one layer of the cache."""

    def mixer(self, width: int, heads: int, index: int, layer: int) -> nn.Module:
        """Build what mixes the tokens of block `index`: (float[B, T, width], AttentionContext) -> float[B, T, width].

        `layer` is the place of its keys and values among the cache's layers; other state is kept by `index`.
        """

    def mlp(self, width: int, hidden: int) -> nn.Module:
        """Build what transforms each token of a block on its own: float[B, T, width] -> float[B, T, width]."""


def names() -> list[str]:
    """List the variants."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def block_variant(name: str, settings: Mapping[str, Any]) -> BlockVariant:
    """Return a variant with its settings; raise UserError for an unknown name or setting, with the nearest one."""
    if name not in names():
        raise UserError(f"there is no block {name!r}", where="model.block", fix=did_you_mean(name, names()))
    kind = getattr(importlib.import_module(f"{__name__}.{name}"), f"{name.capitalize()}Blocks")
    known = {field.name: lines_of(kind).get(field.name, "") for field in fields(kind)}
    raise_all(
        [
            UserError(
                "unknown key",
                where=f"model.block_settings.{key}",
                fix=did_you_mean(key, known),
                meaning=meaning_of(key, known),
            )
            for key in settings
            if key not in known
        ]
    )
    variant: BlockVariant = kind(**settings)
    return variant
