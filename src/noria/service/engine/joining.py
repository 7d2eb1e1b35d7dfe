"""Records of several requests as one batch, where their arrays can be joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.service.engine.ready import Piece
from noria.types import Dataset, Ragged, concatenated


def alike(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Return the pieces in groups whose arrays can be joined."""
    groups: dict[Any, list[Piece]] = {}
    for piece in pieces:
        assert piece.chunk is not None
        groups.setdefault(_shapes(piece.chunk.records) or id(piece), []).append(piece)
    return list(groups.values())


def _shapes(records: Dataset) -> tuple[Any, ...] | None:
    """Return the kinds and sizes of the arrays of one record; None where they cannot be joined with others'."""
    found: list[Any] = []
    for field, arrays in sorted(records.inputs.items()):
        for name, one in sorted(arrays.items()):
            values = one.values if isinstance(one, Ragged) else one
            if type(one).__name__ not in ("Ragged", "ndarray") or records.target:
                return None
            found.append((field, name, type(one).__name__, values.dtype.str, values.shape[1:]))
    return tuple(found)


def joined(parts: Sequence[Dataset]) -> Dataset:
    """Return the records of several datasets as one."""
    if len(parts) == 1:
        return parts[0]
    inputs = {
        field: {name: concatenated([part.inputs[field][name] for part in parts]) for name in arrays}
        for field, arrays in parts[0].inputs.items()
    }
    return Dataset(inputs, {}, places=[place for part in parts for place in part.wheres()])


def tokens_of(records: Dataset) -> list[int]:
    """Return how many tokens each record has; none where records are of one size."""
    lengths = records.lengths
    return [0] * len(records) if lengths is None else [int(one) for one in lengths]
