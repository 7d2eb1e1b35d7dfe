"""Modalities whose tokens, or whose augmenting, break the contract in one way."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import torch
from tests.contract.broken.healthy import LetterEmbedder, Letters, broken
from torch.nn import functional

from noria.types import Span, Tokens


class AnotherEmbedder(Letters):
    """Letters whose embedder changes its tokens: what the next ones share."""

    def embedder(self, state, width):
        return _Changed(len(state["letters"]) + 1, width, self.changed)

    def changed(self, tokens):
        raise NotImplementedError


class _Changed(LetterEmbedder):
    def __init__(self, letters, width, change):
        super().__init__(letters, width)
        self.change = change

    def forward(self, arrays):
        return self.change(super().forward(arrays))


@broken("embedder")
class AnotherWidth(AnotherEmbedder):
    def changed(self, tokens):
        return tokens._replace(features=tokens.features[..., :-1])


@broken("embedder")
class TokensOfTooFewRecords(AnotherEmbedder):
    def changed(self, tokens):
        return Tokens(tokens.features[1:], tokens.is_real[1:])


@broken("embedder")
class OneVectorARecord(AnotherEmbedder):
    def changed(self, tokens):
        return Tokens(tokens.features.mean(1))


@broken("embedder")
class TokensThatAreNotNumbers(AnotherEmbedder):
    def changed(self, tokens):
        return tokens._replace(features=tokens.features / tokens.is_real[..., None])


@broken("embedder")
class MaskOfNumbers(AnotherEmbedder):
    def changed(self, tokens):
        return tokens._replace(is_real=tokens.is_real.float())


@broken("embedder")
class PositionsOfOneRecord(AnotherEmbedder):
    def changed(self, tokens):
        return tokens._replace(positions=torch.arange(tokens.features.shape[1]))


@broken("spans")
class PaddingTakenForTokens(AnotherEmbedder):
    def changed(self, tokens):
        return tokens._replace(is_real=None)


@broken("spans")
class OneSpanAWord(Letters):
    def spans(self, value, state):
        return [Span("characters", 0, len(value))]


@broken("evaluation")
class VariesInEvaluation(AnotherEmbedder):
    def changed(self, tokens):
        return tokens._replace(features=functional.dropout(tokens.features))


@broken("padded_tokens")
class TokensScaledByTheBatch(AnotherEmbedder):
    def changed(self, tokens):
        return tokens._replace(features=tokens.features / tokens.features.shape[1])


@broken("padded_tokens")
class TokensThatSeeTheirNeighbours(AnotherEmbedder):
    def changed(self, tokens):
        return tokens._replace(features=tokens.features - tokens.features.mean(0))


@broken("augment")
class AugmentsBySeedOfNumpy(Letters):
    def augment(self, arrays):
        is_masked = torch.from_numpy(np.random.random(arrays["ids"].shape) < self.masked)
        return {"ids": torch.where(is_masked & (arrays["ids"] > 0), 0, arrays["ids"])}


@broken("augment")
class AugmentsBySeedOfPython(Letters):
    def augment(self, arrays):
        rows = [
            [0 if place > 0 and random.random() < 0.5 else place for place in row] for row in arrays["ids"].tolist()
        ]
        return {"ids": torch.tensor(rows)}


@broken("augment")
class LosesARecordInAugmenting(Letters):
    def augment(self, arrays):
        return {"ids": arrays["ids"][1:]}


@broken("augment")
class LosesAnArrayInAugmenting(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, arrays={**encoded.arrays, "length": encoded.arrays["ids"].lengths})

    def augment(self, arrays):
        return {"ids": arrays["ids"]}


@broken("augment")
class AugmentsToAnotherType(Letters):
    def augment(self, arrays):
        return {"ids": arrays["ids"] + torch.rand(arrays["ids"].shape)}


@broken("augment")
class AugmentsToInfinity(Letters):
    def encode(self, values, state):
        encoded = super().encode(values, state)
        return replace(encoded, arrays={**encoded.arrays, "loudness": np.ones((len(values), 1, 1), np.float32)})

    def augment(self, arrays):
        return {**super().augment(arrays), "loudness": arrays["loudness"] * torch.inf}

    def embedder(self, state, width):
        return _Loud(len(state["letters"]) + 1, width)


class _Loud(LetterEmbedder):
    def forward(self, arrays):
        tokens = super().forward(arrays)
        return tokens._replace(features=tokens.features * arrays["loudness"])
