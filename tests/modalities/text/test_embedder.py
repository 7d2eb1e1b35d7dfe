"""Vectors of runs of tokens, and two readings of a text."""

from __future__ import annotations

import torch

from noria.modalities.text.embedder import USUAL_LENGTH, GramEmbedder, TwoReadings
from noria.model.token_embedder import TextEmbedder
from noria.types import PAD


def drawn(longest: int = 3) -> GramEmbedder:
    torch.manual_seed(0)
    embedder = GramEmbedder(20, 8, longest)
    for table in embedder.grams:
        torch.nn.init.normal_(table.weight)
    return embedder


def test_at_first_runs_add_nothing() -> None:
    embedder = GramEmbedder(20, 8, 3)
    ids = {"ids": torch.tensor([[3, 1, 4, 1]])}
    assert torch.equal(embedder(ids).features, embedder.words(ids).features)


def test_a_vector_depends_on_the_tokens_before_it_up_to_the_longest_run() -> None:
    features = drawn(3)({"ids": torch.tensor([[7, 1, 4, 5], [8, 1, 4, 5]])}).features
    same = [torch.equal(features[0, place], features[1, place]) for place in range(4)]
    assert same == [False, False, False, True]


def test_the_order_of_a_run_matters() -> None:
    features = drawn(2)({"ids": torch.tensor([[3, 4, 4], [4, 3, 4]])}).features
    assert not torch.allclose(features[0, 2], features[1, 2])


def test_a_row_is_the_same_alone_and_beside_a_longer_one() -> None:
    embedder, row = drawn(), [3, 1, 4]
    alone = embedder({"ids": torch.tensor([row])})
    together = embedder({"ids": torch.tensor([[*row, PAD, PAD], [1, 2, 3, 4, 5]])})
    assert torch.equal(alone.features[0], together.features[0, :3])
    assert together.is_real is not None
    assert together.is_real[0].tolist() == [True] * 3 + [False] * 2


def test_no_hash_overflows() -> None:
    ids = torch.full((1, 9), 2**31 - 2)
    embedder = drawn(5)
    embedder.words = TextEmbedder(1, 8)
    embedder.words.forward = lambda arrays: TextEmbedder(1, 8)({"ids": torch.zeros_like(ids)})  # type: ignore[assignment]
    assert bool(embedder({"ids": ids}).features.isfinite().all())


def test_two_readings_are_the_means_of_what_each_embeds_alone_by_the_root_of_the_length() -> None:
    torch.manual_seed(0)
    readings = TwoReadings(drawn(2), drawn(3))
    ids = torch.tensor([[3, 1, 4, 1], [2, 7, PAD, PAD]])
    characters = torch.tensor([[1, 2, 3, 4, 5, 6], [9, 8, 7, PAD, PAD, PAD]])
    tokens = readings({"ids": ids, "characters": characters})
    assert tokens.features.shape == (2, 2, readings.width)
    assert tokens.is_real is None
    for row, lengths in enumerate(((4, 6), (2, 3))):
        alone = zip((readings.tokens, readings.characters), (ids, characters), lengths, strict=True)
        for reading, (embed, values, length) in enumerate(alone):
            mean = embed({"ids": values[row : row + 1, :length]}).features[0].mean(0)
            torch.testing.assert_close(tokens.features[row, reading], mean * (length / USUAL_LENGTH) ** 0.5)
