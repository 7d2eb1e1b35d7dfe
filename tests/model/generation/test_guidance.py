"""Guided answers: what is asked for counts for more, whatever rows stand beside and however rows are dropped."""

from __future__ import annotations

import pytest
import torch

from model.speaking import alone, prompts, speaker, tokenizer_of
from noria.model.generation.generate import generate
from noria.model.generation.guidance import Guided
from noria.model.generation.sampling import Sampling

LENGTHS = [1, 7, 3, 5, 2, 9]
IS_GUIDED = torch.tensor([True, False, True, True, False, True])
TOKENIZER = tokenizer_of("character")
DRAWN = Sampling(max_tokens=30, temperature=1.5, seed=3)


@pytest.fixture(scope="module")
def model():
    return speaker(TOKENIZER)


@pytest.fixture(scope="module")
def asked():
    return prompts(TOKENIZER, LENGTHS)


@pytest.fixture(scope="module")
def nothing():
    """Return inputs of the twins of guided rows, of other lengths than theirs."""
    return prompts(TOKENIZER, [2] * int(IS_GUIDED.sum()))


def logits_of(model, inputs, answers):
    with torch.inference_mode():
        logits, cache = model.start(inputs, answers.shape[1])
        return torch.stack([logits, *(model.step(ids, cache) for ids in answers.T)], 1)


def test_guided_rows_go_beyond_the_model_and_the_others_are_as_it_says(model, asked, nothing):
    answers = torch.randint(TOKENIZER.size, (len(LENGTHS), 4), generator=torch.Generator().manual_seed(1))
    found = logits_of(Guided(model, nothing, IS_GUIDED, 3.0), asked, answers)
    expected = logits_of(model, asked, answers).clone()
    without = logits_of(model, nothing, answers[IS_GUIDED])
    expected[IS_GUIDED] = without + 3.0 * (expected[IS_GUIDED] - without)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("way", [DRAWN, Sampling(max_tokens=12, beams=3)], ids=["drawn", "beams"])
def test_a_row_is_answered_alone_as_beside_others_that_end_before_it(model, asked, nothing, way):
    together = generate(Guided(model, nothing, IS_GUIDED, 2.0), asked, way, TOKENIZER)
    assert len({len(ids) for ids in together.ids}) > 1 or way.beams > 1
    twins = iter(range(len(LENGTHS)))
    for row, is_guided in enumerate(IS_GUIDED.tolist()):
        one = Guided(model, alone(nothing, next(twins)), IS_GUIDED[row : row + 1], 2.0) if is_guided else model
        assert generate(one, alone(asked, row), way, TOKENIZER).ids == [together.ids[row]]


def test_a_strength_of_one_changes_nothing(model, asked, nothing):
    guided = generate(Guided(model, nothing, IS_GUIDED, 1.0), asked, DRAWN, TOKENIZER)
    assert guided.ids == generate(model, asked, DRAWN, TOKENIZER).ids
