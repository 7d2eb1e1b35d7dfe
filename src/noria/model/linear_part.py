"""A linear model of the inputs' features beside the network: what a simple rival knows, the whole model knows.

It is fitted before training (training/rivals/) and not trained on. Knows no task and no modality.
Read next: mixture.py, which mixes its answer with the network's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.types import Features


class LinearPart(nn.Module):
    """{field: {array: tensor [B, ...]}} -> float[B, answers].

    vectorizers: by field, as `Vectorizes` describes them. weight [size, answers] and bias [answers]; scale [size]
    weighs features that are counts, whose rows are then brought to length one.
    """

    weight: Tensor
    bias: Tensor
    scale: Tensor

    def __init__(self, vectorizers: Mapping[str, nn.Module], answers: int) -> None:
        super().__init__()
        self.vectorizers = nn.ModuleDict(vectorizers)
        sizes = [int(one.size) for one in vectorizers.values()]  # type: ignore[arg-type]
        self.size = sum(sizes)
        self.is_counts = any(bool(one.is_counts) for one in vectorizers.values())
        self.register_buffer("weight", torch.zeros(self.size, answers))
        self.register_buffer("bias", torch.zeros(answers))
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
