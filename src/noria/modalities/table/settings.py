"""The settings of tables, which the modality and its embedder share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from noria.columns.look import Kind

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on


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
    column_width: int = field(default=16, metadata=NETWORK_ONLY)
    """Features that each column becomes, for the stem `members`. Raise it for columns of many categories."""
    hidden: int = field(default=256, metadata=NETWORK_ONLY)
    """Hidden width of each member, for the stem `members`. Raise it for large tables."""
    layers: int = field(default=2, metadata=NETWORK_ONLY)
    """Layers of each member, for the stem `members`. Two or three are usual."""
    members: int = field(default=8, metadata=NETWORK_ONLY)
    """Networks in the ensemble, for the stem `members`. More are steadier and take longer."""
    dropout: float = field(default=0.2, metadata=NETWORK_ONLY)
    """Dropout in the ensemble, 0 to 1. Raise it for few records, lower it for many."""
