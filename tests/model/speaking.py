"""What the tests of generation share: a tiny model with random weights, and one that says what it is told."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noria.contract import Attention
from noria.model.heads import NextToken
from noria.model.network import Model
from noria.model.settings import TransformerSettings
from noria.model.token_embedder import TextEmbedder
from noria.model.transformer import Transformer
from noria.text.tokenizer import Tokenizer
from noria.types import Ragged

WIDTH = 16
TEXTS = [
    "the river turns the wheel",
    "水车日夜转动，河水推动水车。",
    '{"name": "wheel", "turns": [1, 2]}',
    "\U0001f600 é",
]


@functools.cache
def tokenizer_of(kind: str, characters: str = "abcd") -> Tokenizer:
    """Return a small tokenizer; `characters` are those of kind character, so few that random answers soon end."""
    return Tokenizer.train([characters] if kind == "character" else TEXTS * 4, kind, 300)


def speaker(tokenizer: Tokenizer, attention: Attention = "causal", seed: int = 2, **settings: Any) -> Model:
    """Return a model whose every weight is drawn, the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        trunk = Transformer(TransformerSettings(**{"width": WIDTH, "depth": 2, "heads": 2, **settings}))
        embed = TextEmbedder(tokenizer.size, WIDTH)
        head = NextToken(WIDTH, tokenizer.size)
        model = Model({"prompt": embed}, trunk, head, attention, embed)
        for weight in model.parameters():
            if weight.ndim >= 2 and weight is not embed.before:
                torch.nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
        torch.nn.init.normal_(head.linear.weight, std=0.5)
        assert embed.before is not None
        torch.nn.init.normal_(embed.before, std=WIDTH**-0.5)
        with torch.no_grad():
            head.linear.weight[tokenizer.end] *= 2.5  # so that some answers end, and others do not
    return model.eval()


def prompts(tokenizer: Tokenizer, lengths: Sequence[int], seed: int = 0) -> dict[str, dict[str, Tensor]]:
    """Return random prompts of these lengths, padded on the right."""
    generator = np.random.default_rng(seed)
    rows = [generator.integers(0, tokenizer.size, length) for length in lengths]
    return {"prompt": {"ids": torch.from_numpy(Ragged.of(rows, np.int64).padded())}}


def alone(inputs: dict[str, dict[str, Tensor]], row: int) -> dict[str, dict[str, Tensor]]:
    """Return one prompt without its padding."""
    ids = inputs["prompt"]["ids"][row]
    return {"prompt": {"ids": ids[ids >= 0][None]}}


@torch.inference_mode()
def logprobs_of(model: Model, inputs: dict[str, dict[str, Tensor]], ids: Sequence[int]) -> Tensor:
    """Return float[len(ids) + 1, V]: what the model, without a cache, thinks after each beginning of an answer."""
    logits: Tensor = model(inputs, {"ids": torch.tensor([[*ids, 0]])})["logits"]
    return logits[0].float().log_softmax(-1)


class Told:
    """A speaker that says given ids, row by row, and then the end."""

    def __init__(self, rows: Sequence[Sequence[int]], tokenizer: Tokenizer) -> None:
        self.rows, self.size, self.end, self.at = rows, tokenizer.size, tokenizer.end, 0
        self.num_asked = 0  # rows of all steps

    def start(self, inputs: Any, capacity: int) -> tuple[Tensor, Told.Memory]:
        memory = Told.Memory(len(self.rows))
        self.at = 0
        return self._logits(memory), memory

    def read(self, inputs: Any, capacity: int) -> Any:
        raise NotImplementedError

    def step(self, ids: Tensor, cache: Told.Memory, is_live: Tensor | None = None) -> Tensor:
        assert len(ids) == len(cache.rows)
        self.at += 1
        return self._logits(cache)

    def _logits(self, memory: Told.Memory) -> Tensor:
        self.num_asked += len(memory.rows)
        logits = torch.zeros(len(memory.rows), self.size)
        for place, row in enumerate(memory.rows.tolist()):
            said = self.rows[row]
            logits[place, said[self.at] if self.at < len(said) else self.end] = 9.0
        return logits

    class Memory:
        """Which rows are still asked for."""

        def __init__(self, count: int) -> None:
            self.rows = torch.arange(count)

        def select(self, rows: Tensor) -> None:
            self.rows = self.rows[rows]

        def join(self, other: Any) -> bool:
            return False
