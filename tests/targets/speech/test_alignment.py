"""Alignment: every token takes frames, in order, on the likeliest way, and those that sound like it."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from noria.targets.speech.alignment import Aligner, diagonal, durations_of


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


def words_of_silence(generator: np.random.Generator, count: int, width: int, num_mels: int):
    """Return short words between long silences, as recordings of single words are: tokens, mel, true durations."""
    keys, sounds = (generator.normal(size=(6, size)).astype(np.float32) for size in (width, num_mels))
    sounds[0] -= 1  # the silence
    rows, mels, durations = [], [], []
    for _ in range(count):
        tokens = np.array([0, *generator.choice(np.arange(1, 6), generator.integers(1, 5), replace=False), 0])
        lasting = np.array([generator.integers(20, 35), *generator.integers(5, 25, len(tokens) - 2), 30])
        frames = np.repeat(sounds[tokens], lasting, 0)
        rows.append(torch.from_numpy(keys[tokens]))
        mels.append(torch.from_numpy(frames + 0.5 * generator.normal(size=frames.shape).astype(np.float32)))
        durations.append(torch.from_numpy(lasting))
    return tuple(torch.nn.utils.rnn.pad_sequence(each, batch_first=True) for each in (rows, mels, durations))


def test_a_silence_takes_the_frames_that_are_silent_and_no_others():
    torch.manual_seed(0)
    tokens, mel, durations = words_of_silence(np.random.default_rng(0), 64, 16, 20)
    num_tokens, num_frames = (durations > 0).sum(1), durations.sum(1)
    aligner = Aligner(16, 20)
    optimizer = torch.optim.AdamW(aligner.parameters(), 1e-2)
    for _ in range(120):
        found, off = aligner(tokens, mel, num_tokens, num_frames)
        optimizer.zero_grad()
        off.mean().backward()
        optimizer.step()
    assert (found - durations).abs().float().mean() < 0.5


def test_what_is_padded_changes_no_duration():
    torch.manual_seed(0)
    tokens, mel, durations = words_of_silence(np.random.default_rng(0), 2, 16, 20)
    num_tokens, num_frames = (durations > 0).sum(1), durations.sum(1)
    aligner = Aligner(16, 20)
    plain, off = aligner(tokens, mel, num_tokens, num_frames)
    pad = torch.nn.functional.pad
    padded, padded_off = aligner(pad(tokens, (0, 0, 0, 3)), pad(mel, (0, 0, 0, 9)), num_tokens, num_frames)
    assert torch.equal(pad(plain, (0, 3)), padded)
    assert torch.allclose(off, padded_off, atol=1e-5)


def test_the_prior_is_a_distribution_over_the_tokens_that_moves_on_with_time():
    prior = diagonal(torch.tensor([5, 3]), torch.tensor([20, 10]), 20, 5).exp()
    assert torch.allclose(prior[0].sum(1), torch.ones(20), atol=1e-4)
    assert torch.allclose(prior[1, :10].sum(1), torch.ones(10), atol=1e-4)
    assert prior[0, 0].argmax() == 0
    assert prior[0, -1].argmax() == 4
    assert not prior[1, :, 3:].any()
