"""The settings of tables, which the modality and its embedder share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from noria.columns.look import Kind
from noria.contract.settings import IS_SHAPE, TRIED

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on


def _of_members(*choices: float, is_shape: bool = True) -> dict[str, Any]:
    """Return the metadata of a setting that only the stem `members` reads."""

    def tried(settings: TableSettings) -> Sequence[float]:
        return choices if settings.stem == "members" else ()

    return {**NETWORK_ONLY, TRIED: tried, IS_SHAPE: is_shape}


@dataclass(frozen=True)
class TableSettings:
    """How columns are understood and embedded."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    """What a column is where the guess is wrong: number, category, date, text or ignore, as in {zip: category}."""
    forms: dict[str, str] = field(default_factory=dict)
    """How a column is written where two ways fit: {price: "1.234,5", day: "%d/%m/%Y"}, a number or a date pattern."""
    bins: int | None = None
    """Bins of each number's piecewise linear encoding. Null takes more of them the more records there are."""
    stem: Literal["members", "columns"] = field(default="members", metadata=NETWORK_ONLY)
    """`members`: small networks with shared weights that vote; `columns`: one token per column for a trunk."""
    column_width: int = field(default=16, metadata=_of_members(8, 16, 32))
    """Features that each column becomes, for the stem `members`. Raise it for columns of many categories."""
    hidden: int = field(default=256, metadata=_of_members(64, 128, 256, 512))
    """Hidden width of each member, for the stem `members`. Raise it for large tables."""
    layers: int = field(default=2, metadata=_of_members(1, 2, 3))
    """Layers of each member, for the stem `members`. Two or three are usual."""
    members: int = field(default=8, metadata=_of_members(4, 8, 16, 32))
    """Networks in the ensemble, for the stem `members`. More are steadier and take longer."""
    dropout: float = field(default=0.2, metadata=_of_members(0.0, 0.1, 0.2, 0.35, 0.5, is_shape=False))
    """Dropout in the ensemble, 0 to 1. Raise it for few records, lower it for many."""
