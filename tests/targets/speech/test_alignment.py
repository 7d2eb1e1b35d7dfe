"""Alignment: every token takes frames, in order, on the likeliest way; the sum is over all such ways."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from noria.targets.speech.alignment import diagonal, durations_of, forward_sum


def ways(tokens, frames):
    """Yield the durations of all ways of reading in order."""
    for cuts in itertools.combinations(range(1, frames), tokens - 1):
        yield np.diff([0, *cuts, frames])


def test_durations_are_those_of_the_likeliest_way():
    logarithms = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    num_tokens, num_frames = torch.tensor([4, 3, 2]), torch.tensor([7, 6, 2])
    found = durations_of(logarithms, num_tokens, num_frames).numpy()
    for row, (tokens, frames) in enumerate(zip(num_tokens.tolist(), num_frames.tolist(), strict=True)):
        scores = logarithms[row].numpy()
        best = max(ways(tokens, frames), key=lambda way: scores[np.arange(frames), np.repeat(range(tokens), way)].sum())
        assert found[row, :tokens].tolist() == best.tolist()
        assert not found[row, tokens:].any()


def test_what_is_padded_does_not_change_the_sum():
    logarithms = torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    alone = forward_sum(logarithms, torch.tensor([3]), torch.tensor([6]))
    padded = torch.nn.functional.pad(logarithms, (0, 2, 0, 3), value=-1e4)
    assert torch.allclose(forward_sum(padded, torch.tensor([3]), torch.tensor([6])), alone, atol=1e-5)


def test_the_prior_is_a_distribution_over_the_tokens_that_moves_on_with_time():
    prior = diagonal(torch.tensor([5, 3]), torch.tensor([20, 10]), 20, 5).exp()
    assert torch.allclose(prior[0].sum(1), torch.ones(20), atol=1e-4)
    assert torch.allclose(prior[1, :10].sum(1), torch.ones(10), atol=1e-4)
    assert prior[0, 0].argmax() == 0
    assert prior[0, -1].argmax() == 4
    assert not prior[1, :, 3:].any()
