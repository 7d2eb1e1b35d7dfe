"""An answer out of a catalogue of 5,000 items, which is fitted state held as an array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from noria.contract import Target, Task, mean_metric
from noria.contract.capabilities import DecodesTarget, MakesExamples
from noria.modalities.text.modality import Text
from noria.model.heads import pooled
from noria.types import Encoded, Prediction, Record

ITEMS, FEATURES = 5000, 8


@dataclass(frozen=True)
class Item(Target, DecodesTarget):
    """The number of an item. Arrays: `item` int64[n]. Output: `logits` float[n, items]."""

    kind: ClassVar[str] = "item"

    def fit(self, values):
        """Make the catalogue: an item's features are its number, written in a way that a head can learn."""
        numbers = np.arange(ITEMS)[:, None] * np.arange(1, FEATURES + 1)[None] / ITEMS
        return {"catalogue": np.sin(2 * np.pi * numbers).astype(np.float32)}

    def encode(self, values, state):
        known = [str(value).isdecimal() and int(value) < len(state["catalogue"]) for value in values]
        items = [int(value) if ok else 0 for value, ok in zip(values, known, strict=True)]
        return Encoded({"item": np.array(items, np.int64)}, {i: "no item" for i, ok in enumerate(known) if not ok})

    def head(self, state, width):
        return Ranking(width, state["catalogue"])

    def loss(self, output, batch):
        each = functional.cross_entropy(output["logits"], batch.target["item"], reduction="none")
        return {"loss": each.mean(), "each": each}

    def decode(self, output, state):
        return [Prediction(int(row.argmax())) for row in output["logits"]]

    def decode_target(self, truth, state):
        return [int(item) for item in truth["item"]]

    def metrics(self, state):
        return [mean_metric("hit", "fraction", "higher", is_hit)]


def is_hit(output, truth):
    """Return whether the first item is the true one, float[n]."""
    return (output["logits"].argmax(1) == truth["item"]).astype(float)


class Ranking(nn.Module):
    """Bring the mean token to the items' features; how well it fits each item are the logits."""

    def __init__(self, width: int, catalogue: np.ndarray) -> None:
        super().__init__()
        self.linear = nn.Linear(width, catalogue.shape[1])
        self.register_buffer("catalogue", torch.from_numpy(catalogue.copy()), persistent=False)

    def forward(self, tokens):
        return {"logits": self.linear(pooled(tokens)) @ self.catalogue.T}


class ToyCatalogue(Task, MakesExamples):
    """Find the item that a text asks for."""

    def __init__(self) -> None:
        self.inputs = {"text": Text(tokenizer="character")}
        self.target = Item()

    def example(self):
        return Record({"text": "the first of them", "item": 0})

    def examples(self, count, seed=0):
        drawn = np.random.default_rng(seed).integers(0, 2, count)
        drawn[:2] = 0, 1
        asked = [(("first", 0), ("last", ITEMS - 1))[one] for one in drawn]
        return [Record({"text": f"the {word} of {i}", "item": item}) for i, (word, item) in enumerate(asked)]

    def fit_baseline(self, train):
        logits = np.zeros((1, ITEMS), np.float32)
        logits[0, np.bincount(train["item"]).argmax()] = 5
        return {"logits": logits}
