"""The settings of tables, which the modality and its embedder share. What each does: modality.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["number", "category", "date", "ignore"]
NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on


@dataclass(frozen=True)
class TableSettings:
    """How columns are understood and embedded."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    bins: int | None = None
    stem: Literal["members", "columns"] = field(default="members", metadata=NETWORK_ONLY)
    column_width: int = field(default=16, metadata=NETWORK_ONLY)
    hidden: int = field(default=256, metadata=NETWORK_ONLY)
    layers: int = field(default=2, metadata=NETWORK_ONLY)
    members: int = field(default=8, metadata=NETWORK_ONLY)
    dropout: float = field(default=0.2, metadata=NETWORK_ONLY)
