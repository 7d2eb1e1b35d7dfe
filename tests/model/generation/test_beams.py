"""Beam search: one beam is greedy, enough beams find the best there is, and a batch is its records."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from model.speaking import alone, logprobs_of, prompts, speaker, tokenizer_of
from noria.contract import Attention
from noria.model.generation.beams import search
from noria.model.generation.generate import generate
from noria.model.generation.sampling import MOST_BEAMS, Sampling
from noria.model.network import Model

searched_by = torch.inference_mode()(search)


@pytest.mark.parametrize("attention", ["causal", "prefix"])
def test_one_beam_is_greedy(attention: Attention) -> None:
    tokenizer = tokenizer_of("character")
    model, inputs = speaker(tokenizer, attention), prompts(tokenizer, [1, 6, 3, 2])
    sampling = Sampling(max_tokens=10)
    searched, greedy = searched_by(model, inputs, sampling, tokenizer), generate(model, inputs, sampling, tokenizer)
    assert searched.ids == greedy.ids
    assert searched.ended == greedy.ended
    assert searched.texts == greedy.texts
    for one, other in zip(searched.logprobs, greedy.logprobs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@torch.inference_mode()
def best_of_all(
    model: Model, inputs: dict[str, dict[str, torch.Tensor]], most: int, end: int, penalty: float
) -> list[int]:
    """Return the ids of the best answer of at most so many tokens, by scoring every one there is."""
    width = model.head.linear.out_features
    every = torch.tensor(list(itertools.product(range(width), repeat=most)))
    prompt = inputs["prompt"]["ids"].expand(len(every), -1)
    chances = model({"prompt": {"ids": prompt}}, {"ids": every})["logits"].log_softmax(-1)
    said = chances.gather(2, every[:, :, None])[:, :, 0].cumsum(1)
    scores: dict[tuple[int, ...], float] = {}
    for ids, sums in zip(every.tolist(), said.tolist(), strict=True):
        length = ids.index(end) if end in ids else most
        counted = min(length + 1, most)
        scores[tuple(ids[:length])] = sums[counted - 1] / counted**penalty
    return list(max(scores, key=lambda ids: scores[ids]))


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_enough_beams_find_the_best_of_all_answers(length_penalty: float) -> None:
    tokenizer, most, num_better = tokenizer_of("character", "ab"), 4, 0
    for seed in range(16):
        model, inputs = speaker(tokenizer, seed=seed), prompts(tokenizer, [4, 2], seed)
        sampling = Sampling(max_tokens=most, beams=MOST_BEAMS, length_penalty=length_penalty)
        found = searched_by(model, inputs, sampling, tokenizer)
        greedy = generate(model, inputs, Sampling(max_tokens=most), tokenizer)
        for row in range(2):
            best = best_of_all(model, alone(inputs, row), most, tokenizer.end, length_penalty)
            assert found.ids[row] == best
            assert found.ended[row] == ("length" if len(best) == most else "end")
            scores = logprobs_of(model, alone(inputs, row), best)
            own = [float(scores[place, token]) for place, token in enumerate(best)]
            np.testing.assert_allclose(found.logprobs[row], own, atol=1e-4)
            num_better += best != greedy.ids[row]
    assert num_better >= 3


def test_more_than_one_beam_finds_what_greedy_misses() -> None:
    tokenizer = tokenizer_of("character")
    better = 0
    for seed in range(6):
        model, inputs = speaker(tokenizer, seed=seed), prompts(tokenizer, [3], seed)
        searched, greedy = (
            generate(model, inputs, Sampling(max_tokens=6, beams=beams, length_penalty=0.0), tokenizer)
            for beams in (5, 1)
        )
        scores = [
            sum(one.logprobs[0])
            + (float(logprobs_of(model, inputs, one.ids[0])[-1, tokenizer.end]) if one.ended[0] == "end" else 0.0)
            for one in (searched, greedy)
        ]
        assert scores[0] >= scores[1] - 1e-4
        better += searched.ids != greedy.ids
    assert better > 0


def test_the_beams_of_a_batch_are_those_of_each_record() -> None:
    tokenizer = tokenizer_of("character")
    lengths = [1, 8, 3, 5]
    model, inputs = speaker(tokenizer), prompts(tokenizer, lengths)
    sampling = Sampling(max_tokens=10, beams=4, repetition_penalty=1.2)
    together = generate(model, inputs, sampling, tokenizer)
    for row in range(len(lengths)):
        own = generate(model, alone(inputs, row), sampling, tokenizer)
        assert (own.ids[0], own.texts[0], own.ended[0]) == (together.ids[row], together.texts[row], together.ended[row])
