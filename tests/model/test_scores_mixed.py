"""Scores of a network and of a linear model of another scale have the same say where each has half of it."""

from __future__ import annotations

import torch
from torch import nn

from noria.model.linear_part import LinearPart
from noria.model.mixture import Mixture
from noria.types import Features


class Ones(nn.Module):
    """Each record has its own one of two features."""

    size, plain, is_counts = 2, 2, False

    def forward(self, arrays):
        return Features(arrays["place"][:, None], torch.ones(len(arrays["place"]), 1))


def test_scores_are_brought_to_one_spread_before_they_are_mixed():
    part = LinearPart({"field": Ones()}, 3)
    part.weight.copy_(torch.tensor([[0.0, 1000.0, 2000.0], [5.0, 5.0, 5.0]]))
    mixture = Mixture({"linear": part}, "scores", is_score=True)
    own = torch.tensor([[0.02, 0.01, 0.0], [0.0, 0.0, 1.0]])

    mixed = mixture({"scores": own}, {"field": {"place": torch.tensor([0, 1])}})["scores"]

    assert torch.allclose(mixed[0], torch.zeros(3), atol=1e-5)
    assert mixed[1].argmax() == 2
