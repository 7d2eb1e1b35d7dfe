"""Vectors of tokens, which see those before them."""

from __future__ import annotations

import pytest
import torch

from noria.contract import Task
from noria.contract.examples import fitted, records_like
from noria.errors import UserError
from noria.job import Job
from noria.model.token_embedder import TextEmbedder, text_embedder
from noria.pipeline.assembly import build
from noria.tasks.text_generation import TextGeneration
from noria.types import PAD


def test_what_is_written_token_by_token_has_no_runs() -> None:
    from dataclasses import replace

    task: Task = TextGeneration()
    task.inputs = {"prompt": replace(task.inputs["prompt"], ngrams=2)}  # type: ignore[type-var]
    states = fitted(task, records_like(task, 8))
    with pytest.raises(UserError, match="token by token"):
        build(Job.model_validate({"task": "text-generation", "model": {"size": "tiny"}}), task, states)


def test_a_token_sees_the_two_before_it_that_are_real() -> None:
    torch.manual_seed(0)
    embedder = TextEmbedder(9, 4)
    ids = {"ids": torch.tensor([[7, 1, 4, 5], [8, 1, 4, 5], [PAD, 1, 4, 5], [8, PAD, 4, 5]])}
    at_first = embedder(ids).features
    assert torch.equal(at_first[0, 1:], at_first[1, 1:])
    assert embedder.before is not None
    torch.nn.init.normal_(embedder.before)
    features = embedder(ids).features
    assert [torch.equal(features[0, place], features[1, place]) for place in range(4)] == [False, False, False, True]
    alone = embedder({"ids": torch.tensor([[1, 4, 5]])}).features[0]
    assert torch.allclose(features[2, 1:], alone)  # nothing stands at a padded place
    assert torch.allclose(features[3, 2], embedder.table.weight[4] + embedder.before[1] * embedder.table.weight[8])


def test_the_table_of_a_checkpoint_stays_what_it_is() -> None:
    own, theirs = ({"vocabulary": 9, "kind": kind} for kind in ("bpe", "pretrained"))
    assert (text_embedder(own, 4).reach, text_embedder(theirs, 4).reach) == (2, 0)
