"""The encoded records of one split, gathered into batches."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from noria.types.arrays import Arrays, Ragged, Windows, lengths_of, rows_of
from noria.types.tensors import Batch

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Dataset:
    """The encoded records of one split: `inputs[field][array]`, `target[array]`, `slices[column]`, each [n, ...].

    groups uint64[n]: records of equal numbers are of one thing (a patient, a conversation), and no evidence apart; None
    where each stands alone.
    """

    inputs: dict[str, Arrays]
    target: Arrays
    slices: Arrays = field(default_factory=dict)  # int codes into the names in the report
    where_path: Path | None = None
    places: list[str] | None = None  # where each record stands, for records that no store holds
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(next(one for arrays in (*self.inputs.values(), self.target) for one in arrays.values()))

    @cached_property
    def lengths(self) -> np.ndarray | None:
        """Return how long each record is where that differs, int64[n]: the sum over its fields' longest rows."""
        fields = [
            np.max([one.lengths for one in ragged], axis=0)
            for arrays in (*self.inputs.values(), self.target)
            if (ragged := [one for name, one in arrays.items() if isinstance(one, Ragged) and name[0] != "_"])
        ]
        return np.sum(fields, axis=0) if fields else None

    @property
    def place_bytes(self) -> int:
        """Return the memory that one place of the inputs' rows of unequal length takes, in all of them together."""
        arrays = (one for arrays in self.inputs.values() for one in arrays.values() if isinstance(one, Ragged))
        return sum(one.values.dtype.itemsize * math.prod(one.values.shape[1:]) for one in arrays)

    @property
    def window(self) -> int | None:
        """Return by how many places the windows of a stream stand apart; None where records are not windows."""
        arrays = (one for arrays in (*self.inputs.values(), self.target) for one in arrays.values())
        return next((one.step for one in arrays if isinstance(one, Windows)), None)

    def moved(self, by: int) -> Dataset:
        """Return the same records with every window of a stream moved on by so many places."""

        def moved(arrays: Arrays) -> Arrays:
            return {name: one.moved(by) if isinstance(one, Windows) else one for name, one in arrays.items()}

        return replace(
            self, inputs={name: moved(arrays) for name, arrays in self.inputs.items()}, target=moved(self.target)
        )

    def batch(self, indices: np.ndarray | slice, device: torch.device | str = "cpu") -> Batch:
        """Gather records into tensors on a device; rows of unequal length are filled up."""
        inputs = {name: as_tensors(arrays, indices, device) for name, arrays in self.inputs.items()}
        size = len(range(len(self))[indices]) if isinstance(indices, slice) else len(indices)
        return Batch(inputs, as_tensors(self.target, indices, device), size)

    def select(self, indices: np.ndarray | slice) -> Dataset:
        """Return some of the records, in memory."""
        return Dataset(self.raw_inputs(indices), rows_of(self.target, indices))

    def raw_inputs(self, indices: np.ndarray | slice) -> dict[str, Arrays]:
        """Gather the encoded inputs of some records as they are stored."""
        return {name: rows_of(arrays, indices) for name, arrays in self.inputs.items()}

    def groups_at(self, offsets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Return the group of each window of all records' tokens in a row: that of the record it begins in.

        offsets int64[n + 1], where records begin among the tokens; starts int64[windows].
        """
        records = np.searchsorted(offsets[1:] - offsets[0], starts, side="right")
        return records.astype(np.uint64) if self.groups is None else np.asarray(self.groups[records])

    def wheres(self) -> list[str]:
        """Return where each record stands in the source."""
        if self.where_path is not None:
            return [json.loads(line) for line in self.where_path.read_text("ascii").splitlines()]
        return self.places or [""] * len(self)


def as_tensors(arrays: Arrays, indices: np.ndarray | slice, device: torch.device | str) -> dict[str, torch.Tensor]:
    """Gather the records of arrays as tensors [B, ...]; what only people and metrics read stays behind.

    Ragged integers are filled up with PAD, other Ragged arrays with zeros: their lengths stand beside them.
    """
    import torch

    tensors = {}
    for name, values in arrays.items():
        if name.startswith("_"):
            continue
        chosen = values[indices]
        if isinstance(chosen, Ragged):
            if not chosen.is_padded_with_ids:
                tensors[lengths_of(name)] = torch.from_numpy(chosen.lengths).to(device)
            chosen = chosen.padded()
        else:
            chosen = np.array(chosen, copy=isinstance(indices, slice) or None)  # gathering by indices has copied
        if chosen.dtype.kind == "u" and chosen.dtype.itemsize > 1:
            chosen = chosen.astype(np.int64)
        tensors[name] = torch.from_numpy(chosen).to(device)
    return tensors
