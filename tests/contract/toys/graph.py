"""A modality of graphs, whose tokens have a bias between bound pairs; a task of three kinds of input, two optional."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from noria.contract import Modality, Task
from noria.contract.capabilities import Attributable, MakesExamples
from noria.modalities.image.modality import Image
from noria.modalities.text.modality import Text
from noria.targets.label import Label, majority
from noria.types import PAD, Encoded, Ragged, Record, Span, Tokens

ATOMS = "CNOF"
BOND, APART = 1.0, -1.0  # what is added to the scores of bound atoms, and of others


@dataclass(frozen=True)
class Graph(Modality, Attributable):
    """A graph as JSON, {"atoms": "CCO", "bonds": [[0, 1], [1, 2]]}. Arrays: `ids`, `bonds` Ragged int (two a bond)."""

    kind: ClassVar[str] = "graph"

    def fit(self, values):
        return {"atoms": ATOMS}

    def encode(self, values, state):
        atoms, bonds, bad = [], [], {}
        for index, value in enumerate(values):
            try:
                graph = json.loads(value) if isinstance(value, str) else value
                row = [state["atoms"].index(atom) for atom in graph["atoms"]]
                pairs = [int(end) for bond in graph["bonds"] for end in bond]
                if not row or any(not 0 <= end < len(row) for end in pairs):
                    raise ValueError("a bond without an atom")
            except (TypeError, ValueError, KeyError):
                row, pairs, bad[index] = [], [], "no graph of atoms and bonds"
            atoms.append(row)
            bonds.append(pairs)
        return Encoded({"ids": Ragged.of(atoms, np.int64), "bonds": Ragged.of(bonds, np.int64)}, bad)

    def embedder(self, state, width):
        return Atoms(len(state["atoms"]), width)

    def spans(self, value, state):
        graph = json.loads(value) if isinstance(value, str) else value
        return [Span("atom", i, i + 1) for i in range(len(graph["atoms"]))]


class Atoms(nn.Module):
    """A vector an atom, and a bias between those that are bound."""

    def __init__(self, atoms: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(atoms, width)
        self.width = width

    def forward(self, arrays):
        ids, bonds = arrays["ids"], arrays["bonds"]
        size = ids.shape[1]
        bias = torch.full((len(ids), size + 1, size + 1), APART, device=ids.device)
        one, other = bonds[:, 0::2], bonds[:, 1::2]
        one, other = (end.masked_fill(end == PAD, size) for end in (one, other))
        rows = torch.arange(len(ids), device=ids.device)[:, None].expand_as(one)
        bias = bias.index_put((rows, one, other), bias.new_tensor(BOND)).index_put(
            (rows, other, one), bias.new_tensor(BOND)
        )
        return Tokens(self.table(ids.clamp_min(0)), ids != PAD, pair_bias=bias[:, None, :size, :size])


class ToyGraph(Task, MakesExamples):
    """Say whether a molecule is a chain or a ring: its atoms are the same, its bonds are not."""

    def __init__(self) -> None:
        self.inputs = {"graph": Graph()}
        self.target = Label()

    def example(self):
        return Record({"graph": chain(3), "label": "chain"})

    def examples(self, count, seed=0):
        first = 3 + seed % 2  # atoms; every size is another graph
        kinds = [((chain, "chain"), (ring, "ring"))[index % 2] for index in range(count)]
        return [Record({"graph": make(first + i // 2), "label": label}) for i, (make, label) in enumerate(kinds)]

    fit_baseline = staticmethod(majority)


def atoms(size: int) -> str:
    """Return so many atoms, of three kinds in turn."""
    return "".join("CNO"[i % 3] for i in range(int(size)))


def chain(size: int) -> str:
    """Return a chain of atoms as JSON."""
    return json.dumps({"atoms": atoms(size), "bonds": [[i, i + 1] for i in range(int(size) - 1)]})


def ring(size: int) -> str:
    """Return a ring of atoms as JSON."""
    return json.dumps({"atoms": atoms(size), "bonds": [[i, (i + 1) % int(size)] for i in range(int(size))]})


class ToyMixed(Task, MakesExamples):
    """A picture, a text and a graph, of which the first two may be missing."""

    def __init__(self) -> None:
        self.inputs = {
            "image": Image(stem="patches", patch=4, is_optional=True),
            "text": Text(tokenizer="character", is_optional=True),
            "graph": Graph(),
        }
        self.target = Label()

    def example(self):
        return Record({"image": picture(True), "text": "a ring", "graph": ring(4), "label": "ring"})

    def examples(self, count, seed=0):
        generator = np.random.default_rng(seed)
        records = []
        for index in range(count):
            is_ring = bool(generator.integers(0, 2)) if index > 1 else bool(index)
            has_image, has_text = (generator.random() < 0.6 or index < 2 for _ in range(2))
            records.append(
                Record(
                    {
                        "image": picture(is_ring) if has_image else None,
                        "text": ("a ring" if is_ring else "a chain") if has_text else None,
                        "graph": ring(4 + index) if is_ring else chain(4 + index),
                        "label": "ring" if is_ring else "chain",
                    }
                )
            )
        return records

    fit_baseline = staticmethod(majority)


def picture(is_ring: bool) -> np.ndarray:
    """Return a grey square of 8 x 8 pixels, bright for a ring."""
    return np.full((8, 8), 200 if is_ring else 50, np.uint8)
