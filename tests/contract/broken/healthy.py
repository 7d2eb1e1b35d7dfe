"""Letters in, a side out: the smallest modality, target and task that keep the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from noria.contract import Metric, Modality, Target, Task, answer_field, mean_metric
from noria.contract.capabilities import (
    Attributable,
    Augments,
    DecodesTarget,
    Displays,
    Embeds,
    ShowsPanels,
    SingleValued,
    Tabulates,
    Vectorizes,
)
from noria.model.heads import pooled
from noria.types import PAD, Encoded, Features, Panel, Prediction, Ragged, Record, Span, Tokens

UNKNOWN = 0


@dataclass(frozen=True)
class Letters(Modality, Augments, Displays, Attributable, Vectorizes, Tabulates):
    """A word, a token a letter. Arrays: `ids` Ragged int64."""

    kind: ClassVar[str] = "letters"

    masked: float = 0.5

    def fit(self, values):
        return {"letters": sorted(set("".join(value for value in values if isinstance(value, str))))}

    def encode(self, values, state):
        places = {letter: place for place, letter in enumerate(state["letters"], start=1)}
        is_word = [isinstance(value, str) and bool(value) for value in values]
        words = [value if good else "" for value, good in zip(values, is_word, strict=True)]
        rows = [[places.get(letter, UNKNOWN) for letter in word] for word in words]
        return Encoded(
            {"ids": Ragged.of(rows, np.int64)}, {i: "not a word" for i, good in enumerate(is_word) if not good}
        )

    def display(self, arrays, state):
        return "".join("?" if place == UNKNOWN else state["letters"][place - 1] for place in arrays["ids"])

    def augment(self, arrays):
        is_masked = torch.rand(arrays["ids"].shape) < self.masked
        return {"ids": torch.where(is_masked & (arrays["ids"] != PAD), UNKNOWN, arrays["ids"])}

    def embedder(self, state, width):
        return LetterEmbedder(len(state["letters"]) + 1, width)

    def vectorizer(self, state):
        return LetterCounts(len(state["letters"]) + 1)

    def tabulator(self, state):
        return LengthAndFirst()

    def spans(self, value, state):
        return [Span("characters", i, i + 1) for i in range(len(value))]


class LetterEmbedder(nn.Module):
    """A vector a letter."""

    def __init__(self, letters, width):
        super().__init__()
        self.table = nn.Embedding(letters, width)
        self.width = width

    def forward(self, arrays):
        is_real = arrays["ids"] != PAD
        return Tokens(self.table(arrays["ids"].clamp_min(0)), is_real)


class LengthAndFirst(nn.Module):
    """How many letters a word has, and which is the first."""

    def __init__(self):
        super().__init__()
        self.is_code = [False, True]

    def forward(self, arrays):
        ids = arrays["ids"]
        return torch.stack([(ids != PAD).sum(1), ids[:, 0].clamp_min(UNKNOWN)], 1).float()


class LetterCounts(nn.Module):
    """How often each letter stands in a word."""

    is_counts = True

    def __init__(self, letters):
        super().__init__()
        self.size = self.plain = letters

    def forward(self, arrays):
        return Features(arrays["ids"].clamp_min(0), (arrays["ids"] != PAD).float())


@dataclass(frozen=True)
class Side(Target, DecodesTarget, ShowsPanels, Embeds, SingleValued):
    """One of the names seen in training. Arrays: `side` int64[n]. Output: `logits` float[n, names]."""

    kind: ClassVar[str] = "side"
    has_closed_vocabulary: ClassVar[bool] = True

    def fit(self, values):
        return {"names": sorted({value for value in values if isinstance(value, str)})}

    def encode(self, values, state):
        known = [isinstance(value, str) and value in state["names"] for value in values]
        sides = [state["names"].index(value) if good else 0 for value, good in zip(values, known, strict=True)]
        bad = {i: "no known side" for i, good in enumerate(known) if not good}
        return Encoded({"side": np.array(sides, np.int64)}, bad)

    def head(self, state, width):
        return SideHead(width, len(state["names"]))

    def loss(self, output, batch):
        each = functional.cross_entropy(output["logits"], batch.target["side"], reduction="none")
        return {"loss": each.mean(), "each": each}

    def decode(self, output, state):
        shares = probabilities(output)
        return [Prediction(state["names"][row.argmax()], round(float(row.max()), 6)) for row in shares]

    def decode_target(self, truth, state):
        return [state["names"][side] for side in truth["side"]]

    def vectors(self, output):
        return output["logits"]

    def single_values(self, truth):
        return truth["side"]

    def class_names(self, state):
        return state["names"]

    def answer_output(self):
        return "logits"

    def metrics(self, state):
        return [
            mean_metric("accuracy", "fraction", "higher", is_right),
            Metric("log_loss", "nats", "lower", log_loss),
        ]

    def panels(self, output, truth, state):
        return [Panel("bars", "Sides", {"names": state["names"], "values": np.bincount(truth["side"]).tolist()})]


class SideHead(nn.Module):
    """The mean of the real tokens, through a linear layer."""

    def __init__(self, width, names):
        super().__init__()
        self.linear = nn.Linear(width, names)

    def forward(self, tokens):
        return {"logits": self.linear(pooled(tokens))}


class WordSide(Task):
    """Say the side of a word."""

    def __init__(self, modality=None, target=None):
        self.inputs = {"word": modality or Letters()}
        self.target = target or Side()

    def example(self):
        return Record({"word": "wheel", answer_field(self): "left"}, "a page")

    def fit_baseline(self, train):
        shares = np.bincount(train["side"]) / len(train["side"])
        return {"logits": np.log(np.maximum(shares, 1e-12)).astype(np.float32)[None]}


def probabilities(output):
    """Return float64[n, names], rows that add up to one."""
    exponents = np.exp(output["logits"].astype(np.float64))
    return exponents / exponents.sum(1, keepdims=True)


def is_right(output, truth):
    """Return whether the likeliest side is the true one, float[n]."""
    return (output["logits"].argmax(1) == truth["side"]).astype(float)


def log_loss(output, truth, weights):
    """Return the mean surprise at the true side, float[R]."""
    true = probabilities(output)[np.arange(len(truth["side"])), truth["side"]]
    return weights @ -np.log(np.maximum(true, 1e-15)) / weights.sum(1)


def rejected_by(name):
    """Return a decorator of a component, or a task, that the check of this name has to reject."""

    def remember(component):
        component.rejected_by = name
        return component

    return remember


def broken(name):
    """Return the decorator of a frozen dataclass that the check of this name has to reject."""
    return lambda component: rejected_by(name)(dataclass(frozen=True)(component))


def rejected(module):
    """Return what stands in a module to be rejected, in its order."""
    return [one for one in vars(module).values() if isinstance(one, type) and "rejected_by" in vars(one)]
