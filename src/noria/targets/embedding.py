"""A vector that says what a record means, learnt from pairs: close to that of its match, far from those of others.

One tower for both: the answer is the match, a text that goes through the model as the input does. The loss is InfoNCE
over the batch (van den Oord et al. 2018), in both directions. Read next: metrics/retrieval.py, stages/search.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    DecodesTarget,
    GivesVector,
    PredictStep,
    ShowsPanels,
    TrainingStep,
    Truncates,
    WarmStarts,
)
from noria.contract.settings import named_input
from noria.metrics.retrieval import codes_of, ranks, retrieval_metrics
from noria.text.learning import learn_text, usable_texts
from noria.text.tokenizer import Tokenizer
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

DECIMALS = 6
HASHED = 1024  # numbers that a bag of tokens is hashed to, for the trivial answer
SAMPLES_SHOWN = 8


@dataclass(frozen=True)
class Matched(Target, WarmStarts, TrainingStep, PredictStep, GivesVector):
    """What is common to answers that go through the model as the input does. Output: `vector`, and where the match is
    known `match`, float[n, D], of length one.
    """

    dimensions: int | None = field(default=None, metadata={"network_only": True})
    """Size of the vector. Null takes model.width; lower it for a smaller search index."""
    temperature: float = field(default=0.05, metadata={"network_only": True})  # Gao et al. 2021, "SimCSE"
    """Similarities are divided by it before the softmax. Lower it to set near matches further apart."""

    def __post_init__(self) -> None:
        if (self.dimensions is not None and self.dimensions < 1) or self.temperature <= 0:
            raise ValueError("dimensions and temperature must be more than 0")

    @abstractmethod
    def both(self, model: nn.Module, batch: Batch) -> Output:
        """Return `vector` of the inputs and `match` of their matches."""

    def warm_start(self, state: State) -> State | None:
        return state

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import UnitVector

        return UnitVector(width, self.dimensions)

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        return self.loss(self.both(model, batch), batch)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        return self.both(model, batch) if batch.target else dict(model(batch.inputs))

    def vectors(self, output: Arrays) -> np.ndarray:
        return np.asarray(output["vector"])

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        return [Prediction(row) for row in output["vector"].astype(np.float64).round(DECIMALS).tolist()]


@dataclass(frozen=True)
class Embedding(Matched, Truncates, DecodesTarget, ShowsPanels):
    """The match of a record, a text. Arrays: `ids` Ragged int, begin ... end. Output: `vector`, and where the match is
    known `match`, float[n, D], of length one.
    """

    kind: ClassVar[str] = "embedding"

    max_tokens: int = 512
    """Longest match in tokens; the rest is cut off. Memory and time grow with it."""
    text: str = named_input("text")  # the input that goes through the model as its match does

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_tokens < 3:
            raise ValueError("max_tokens must be at least 3")

    def fit(self, values: Values) -> State:
        return learn_text(values, "bpe", 8192, lowercase=False)

    def encode(self, values: Values, state: State) -> Encoded:
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        texts, bad = usable_texts(values)
        ids = tokenizer.encode(texts)
        most = self.max_tokens - 2
        return Encoded({"ids": ids.cut(most).with_ends(tokenizer.begin, tokenizer.end)}, bad, ids.beyond(most))

    def most_read(self) -> tuple[str, int]:
        return "max_tokens", self.max_tokens

    def both(self, model: nn.Module, batch: Batch) -> Output:
        """Return `vector` of the inputs and `match` of their matches."""
        return {**model(batch.inputs), "match": model({self.text: {"ids": batch.target["ids"]}})["vector"]}

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of telling each record's match from the others of the batch, and the other way round.

        Records of which either text is the same do not stand against each other.
        """
        is_same = _same(batch.inputs[self.text]["ids"]) | _same(batch.target["ids"])
        return info_nce(output["vector"], output["match"], self.temperature, is_same)

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return list(Tokenizer.from_json(state["tokenizer"]).decode_many(truth["ids"]))

    def metrics(self, state: State) -> Sequence[Metric]:
        return retrieval_metrics("vector", "match", truth="ids")

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        """Show what was found in place of matches that stand furthest down."""
        places = ranks(output["vector"], output["match"], codes_of(truth["ids"]))
        worst = np.argsort(-places, kind="stable")[:SAMPLES_SHOWN]
        found = (output["vector"][worst] @ output["match"].T).argmax(1)
        true, first = (self.decode_target({"ids": truth["ids"][chosen]}, state) for chosen in (worst, found))
        rows = [list(row) for row in zip(true, first, places[worst].tolist(), strict=True)]
        columns = ["match", "found first", "place of the match"]
        note = f"Places among the {len(places):,} matches of these records."
        return [Panel("table", "Matches found last", {"columns": columns, "rows": rows}, note)]


def info_nce(vector: Tensor, match: Tensor, temperature: float, is_same: Tensor | None = None) -> dict[str, Tensor]:
    """Return InfoNCE in both directions; two of `is_same`, bool[B, B], do not stand against each other."""
    import torch
    from torch.nn import functional

    with torch.autocast(vector.device.type, enabled=False):
        similar = vector.float() @ match.float().T / temperature
    if is_same is not None:
        is_other = ~torch.eye(len(similar), dtype=torch.bool, device=similar.device)
        similar = similar.masked_fill(is_same & is_other, -torch.inf)
    own = torch.arange(len(similar), device=similar.device)
    found, asked = (functional.cross_entropy(one, own, reduction="none") for one in (similar, similar.T))
    each = (found + asked) / 2
    return {"loss": each.mean(), "each": each}


def rarity(train: Arrays) -> Arrays:
    """Return what the trivial answer knows: how rare each token is, `idf` [1, V + 1], ln((1 + n) / (1 + texts)) + 1.

    The last stands for tokens that training has not shown. n is the number of training matches.
    """
    ids = train["ids"]
    pairs = np.unique(np.stack([np.repeat(np.arange(len(ids)), ids.lengths), np.asarray(ids.values)], 1), axis=0)
    texts = np.append(np.bincount(pairs[:, 1]), 0)
    return {"idf": (np.log((1 + len(ids)) / (1 + texts)) + 1).astype(np.float32)[None]}


def bag_vectors(text: Arrays, truth: Arrays, learnt: Arrays) -> Arrays:
    """Return the trivial answer: encoded inputs and matches as bags of tokens."""
    return {"vector": bags(text["ids"], learnt), "match": bags(truth["ids"], learnt)}


def bags(ids: Ragged, learnt: Arrays) -> np.ndarray:
    """Return float32[n, 1024]: bags of tokens, the rare ones heavy, hashed (Weinberger et al. 2009), of length one."""
    tokens, idf = np.asarray(ids.values[ids.offsets[0] : ids.offsets[-1]], np.int64), learnt["idf"][0]
    mixed = (tokens + 1) * 0x9E3779B1 & 2**32 - 1  # Knuth's multiplicative hash
    weights = idf[np.minimum(tokens, len(idf) - 1)] * np.where(mixed >> 31, 1, -1)
    vectors = np.zeros((len(ids), HASHED), np.float32)
    np.add.at(vectors, (np.repeat(np.arange(len(ids)), ids.lengths), (mixed >> 16) % HASHED), weights)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _same(ids: Tensor) -> Tensor:
    """Return bool[B, B]: whether two rows are equal."""
    import torch

    codes = torch.unique(ids, dim=0, return_inverse=True)[1]
    same: Tensor = codes[:, None] == codes
    return same
