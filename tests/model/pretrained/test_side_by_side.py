"""Answers of a checkpoint that begin at different times are those of each alone, whatever remembers its tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noria.contract import registry
from noria.job import Job
from noria.model.fast_cpu.prepacked import pack
from noria.model.generation.continuous import ContinuousBatch
from noria.model.generation.generate import stream
from noria.model.generation.sampling import Sampling
from noria.model.network import Model
from noria.model.pretrained.trunk import PretrainedMemory
from noria.pipeline.assembly import build
from noria.pipeline.warm_start import load_origin, origin_states
from noria.text.tokenizer import Tokenizer
from noria.types import Batch, Chunk

pytest.importorskip("transformers", reason="needs transformers")

USUAL = Sampling(max_tokens=25)
LENGTHS = (5, 30, 1, 12, 9)
WAYS: list[dict[str, Any]] = [{}, {"max_tokens": 4}, {"temperature": 1.0, "seed": 2}, {"max_tokens": 15}, {}]


def model_of(task_name: str, folder: Path) -> tuple[Model, str, dict[str, Any]]:
    """Return the model of a task that begins as a checkpoint, the field of its input, and what its target learnt."""
    job = Job.model_validate({"task": task_name, "model": {"pretrained": str(folder)}})
    origin, task = origin_states(job), registry.task(task_name)
    ((field, modality),) = task.inputs.items()
    text: Any = modality
    states = {"inputs": {field: text.warm_start(origin["text"])}, "trunk": origin["trunk"]}
    target: Any = task.target
    states["target"] = target.warm_start(states["inputs"][field])
    model = build(job, task, json.loads(json.dumps(states)))
    load_origin(model, job, states)
    return model.eval(), field, states["target"]


def written(model: Model, field: str, tokenizer: Tokenizer) -> tuple[dict[int, list[Chunk]], ContinuousBatch]:
    """Write answers two of which begin at each step."""
    batch = ContinuousBatch(model, tokenizer, USUAL, 300)
    said: dict[int, list[Chunk]] = {number: [] for number in range(len(LENGTHS))}
    pieces: list[tuple[int, Any]] = []
    for number in said:
        batch.begin(number, record(field, number), WAYS[number])
        if number % 2:
            pieces += batch.step()
    groups = len(batch._groups)
    while step := batch.step():
        pieces += step
    for number, piece in pieces:
        assert isinstance(piece, Chunk), piece
        said[number].append(piece)
    assert (groups == 1) == (field == "messages")
    return said, batch


def record(field: str, number: int) -> Batch:
    ids = np.random.default_rng(number).integers(7, 300, LENGTHS[number])
    return Batch({field: {"ids": torch.from_numpy(ids)[None]}}, {}, 1)


@pytest.mark.parametrize(
    ("task", "kind"),
    [("chat", "llama"), ("chat", "scaled_llama"), ("chat", "gpt2"), ("translation", "t5"), ("packed chat", "llama")],
    ids=str,
)
def test_each_says_what_it_would_say_alone(task: str, kind: str, checkpoint: Any) -> None:
    """T5 counts the places of an answer by columns, so each of its answers has a memory of its own."""
    model, field, state = model_of(task.split()[-1], checkpoint(kind))
    if task.startswith("packed"):
        pack(model, torch.float32)
    tokenizer = Tokenizer.from_json(state["tokenizer"], -1)  # nothing ends an answer
    said, _ = written(model, field, tokenizer)
    for number, way in enumerate(WAYS):
        expected = list(stream(model, record(field, number).inputs, USUAL.overridden(way), tokenizer))
        assert [one[:2] for one in said[number] if one.content or one.ended] == [one[:2] for one in expected]
        np.testing.assert_allclose(said[number][-1].logprobs, expected[-1].logprobs, atol=1e-3)


def test_columns_of_those_that_have_left_are_dropped(checkpoint: Any) -> None:
    model, field, _ = model_of("chat", checkpoint("gpt2"))
    with torch.inference_mode():
        short, long = (model.read([record(field, number).inputs], 4) for number in (0, 1))
        short.go_on()
        long.go_on()
        memory = short.cache
        assert isinstance(memory, PretrainedMemory)
        assert memory.join(long.cache)
        assert memory.is_real.shape == (2, 30)
        memory.select(torch.tensor([0]))
        assert memory.is_real.shape == (1, 5)
        assert memory.cache.layers[0].keys.shape[2] == 5
