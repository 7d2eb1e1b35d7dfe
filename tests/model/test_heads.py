"""Heads: the mean over real tokens, and votes whose mean is the answer."""

from __future__ import annotations

import torch

from noria.model.heads import PooledLinear, VotingLinear, pooled
from noria.types import Tokens

FEATURES = torch.randn(5, 4, 8, generator=torch.Generator().manual_seed(0))


def test_pooling_takes_the_mean_of_the_real_tokens() -> None:
    is_real = torch.tensor([[True, True, False, False]]).expand(5, -1)
    torch.testing.assert_close(pooled(Tokens(FEATURES, is_real)), FEATURES[:, :2].mean(1))
    torch.testing.assert_close(pooled(Tokens(FEATURES)), FEATURES.mean(1))


def test_a_row_of_padding_alone_pools_to_zero() -> None:
    assert torch.equal(pooled(Tokens(FEATURES, torch.zeros(5, 4, dtype=torch.bool))), torch.zeros(5, 8))


def test_a_pooled_head_is_a_linear_layer_on_the_mean() -> None:
    head = PooledLinear(8, 3, "logits")
    expected = FEATURES.mean(1) @ head.linear.weight.T + head.linear.bias
    torch.testing.assert_close(head(Tokens(FEATURES))["logits"], expected)


def test_votes_are_averaged_as_probabilities_where_the_answer_is_logits() -> None:
    head = VotingLinear(8, 3, "logits").eval()
    output = head(Tokens(FEATURES))
    assert output.keys() == {"logits"}
    votes = head.linear(FEATURES)
    torch.testing.assert_close(output["logits"].softmax(-1), votes.softmax(-1).mean(1))
    assert not torch.allclose(output["logits"].softmax(-1), votes.mean(1).softmax(-1), atol=1e-3)


def test_votes_are_averaged_as_they_are_where_the_answer_is_a_number() -> None:
    head = VotingLinear(8, 1, "number").eval()
    torch.testing.assert_close(head(Tokens(FEATURES))["number"], head.linear(FEATURES).mean(1))


def test_votes_come_along_in_training_only() -> None:
    head = VotingLinear(8, 3, "logits")
    assert head.train()(Tokens(FEATURES))["votes"].shape == (5, 4, 3)
    assert "votes" not in head.eval()(Tokens(FEATURES))


def test_padding_does_not_vote() -> None:
    head = VotingLinear(8, 3, "logits").eval()
    is_real = torch.tensor([[True, True, True, False]]).expand(5, -1)
    padded = head(Tokens(FEATURES, is_real))["logits"]
    torch.testing.assert_close(padded, head(Tokens(FEATURES[:, :3]))["logits"])
