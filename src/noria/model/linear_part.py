"""A linear model of the inputs' features beside the network: what a simple rival knows, the whole model knows.

It is fitted before training (training/rivals/) and not trained on; the answer in use mixes the network's and its own by
a share that held-out records choose. In training the network answers alone. Knows no task and no modality.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.types import Features, Output


class LinearPart(nn.Module):
    """{field: {array: tensor [B, ...]}} -> float[B, answers].

    vectorizers: by field, as `Vectorizes` describes them. output: which output of the head holds the answer.
    weight [size, answers] and bias [answers]; scale [size] weighs features that are counts, whose rows are then brought
    to length one. share: the network's part of the answer in use, 0 to 1. sharpness: what the logarithms of the mixed
    probabilities are multiplied by; above 1 the answers are surer. is_score: answers are scores of no known scale,
    which are brought to mean zero and spread one before they are mixed.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor
    share: Tensor
    sharpness: Tensor

    def __init__(self, vectorizers: Mapping[str, nn.Module], answers: int, output: str, is_score: bool = False) -> None:
        super().__init__()
        self.is_score = is_score
        self.vectorizers = nn.ModuleDict(vectorizers)
        self.output = output
        self.is_fitted = False  # while it is one that no training records have been shown
        sizes = [int(one.size) for one in vectorizers.values()]  # type: ignore[arg-type]
        self.size = sum(sizes)
        self.is_counts = any(bool(one.is_counts) for one in vectorizers.values())
        self.register_buffer("weight", torch.zeros(self.size, answers))
        self.register_buffer("bias", torch.zeros(answers))
        self.register_buffer("share", torch.ones(()))
        self.register_buffer("sharpness", torch.ones(()))
        if self.is_counts:
            self.register_buffer("scale", torch.ones(self.size))

    @property
    def plain(self) -> list[slice]:
        """Return which features are worth a try without the rest."""
        found, start = [], 0
        for one in self.vectorizers.values():
            found.append(slice(start, start + int(one.plain)))  # type: ignore[arg-type]
            start += int(one.size)  # type: ignore[arg-type]
        return found

    def features(self, inputs: Mapping[str, dict[str, Tensor]]) -> Features:
        """Return the features of all fields, one after another, as they are before they are weighed."""
        parts: list[Features] = []
        start = 0
        for name, vectorizer in self.vectorizers.items():
            ids, values = vectorizer(inputs[name])
            parts.append(Features(ids + start, values))
            start += int(vectorizer.size)  # type: ignore[arg-type]
        return parts[0] if len(parts) == 1 else Features(*(torch.cat(both, 1) for both in zip(*parts, strict=True)))

    def forward(self, inputs: Mapping[str, dict[str, Tensor]]) -> Tensor:
        ids, values = self.features(inputs)
        if self.is_counts:
            values = values * self.scale[ids]
            values = values / values.norm(dim=1, keepdim=True).clamp_min(1e-9)
        weight = self.weight.float()
        return functional.embedding_bag(ids, weight, mode="sum", per_sample_weights=values.float()) + self.bias

    def mixed(self, output: Output, inputs: Mapping[str, dict[str, Tensor]]) -> Output:
        """Return the head's output with the answer mixed; of classes it is the mean of the log-probabilities."""
        own = output[self.output]
        linear = self(inputs).to(own.dtype)
        if self.is_score:
            own, linear = _standardized(own), _standardized(linear)
        elif self.output == "logits":
            own, linear = own.log_softmax(-1), linear.log_softmax(-1)
        return {**output, self.output: self.sharpness * (self.share * own + (1 - self.share) * linear)}


def _standardized(scores: Tensor) -> Tensor:
    """Return the rows of scores [B, N] with mean zero and spread one; a row without any spread is all zero."""
    scores = scores.float()
    spread = scores.std(1, keepdim=True, unbiased=False)
    return (scores - scores.mean(1, keepdim=True)) / spread.clamp_min(1e-9)
