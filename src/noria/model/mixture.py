"""The models beside the network, mixed with it: what a simple rival knows, the whole model knows.

They are fitted before training (training/rivals/); in training the network answers alone. How much each counts is what
held-out records choose. Knows no task and no modality. Read next: linear_part.py, tree_part.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from noria.contract.capabilities import LOGITS
from noria.types import Output


class Mixture(nn.Module):
    """A head's output, {field: {array: tensor [B, ...]}} -> the output with the answer mixed.

    parts: by name, each of which gives float[B, answers] for the inputs. output: which output of the head holds the
    answer. share [1 + parts]: how much the network's answer and each part's count, together 1. sharpness: what the
    logarithms of the mixed probabilities are multiplied by; above 1 the answers are surer. is_score: answers are scores
    of no known scale, which are brought to mean zero and spread one before they are mixed.
    """

    share: Tensor
    sharpness: Tensor

    def __init__(self, parts: Mapping[str, nn.Module], output: str, is_score: bool = False) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(parts)
        self.output, self.is_score = output, is_score
        self.is_fitted = False  # while its parts are some that no training records have been shown
        self.register_buffer("share", torch.full((1 + len(parts),), 1 / (1 + len(parts))))
        self.register_buffer("sharpness", torch.ones(()))

    def forward(self, output: Output, inputs: Mapping[str, dict[str, Tensor]]) -> Output:
        """Return the output mixed; of classes the answer is the mean of the log-probabilities."""
        own = output[self.output]
        given = [self._comparable(one.to(own.dtype)) for one in (own, *(part(inputs) for part in self.parts.values()))]
        return {**output, self.output: self.sharpness * _weighed(self.share, given)}

    def _comparable(self, answers: Tensor) -> Tensor:
        if self.is_score:
            return _standardized(answers)
        return answers.log_softmax(-1) if self.output == LOGITS else answers


def _weighed(shares: Tensor, given: Sequence[Tensor]) -> Tensor:
    return torch.stack([share * one for share, one in zip(shares, given, strict=True)]).sum(0)


def _standardized(scores: Tensor) -> Tensor:
    """Return the rows of scores [B, N] with mean zero and spread one; a row without any spread is all zero."""
    scores = scores.float()
    spread = scores.std(1, keepdim=True, unbiased=False)
    return (scores - scores.mean(1, keepdim=True)) / spread.clamp_min(1e-9)
