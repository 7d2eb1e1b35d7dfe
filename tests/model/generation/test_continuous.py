"""Answers that begin at different times: each is what it would be alone, whoever comes, goes or breaks beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.speaking import prompts, speaker, tokenizer_of
from noria.contract import Attention
from noria.errors import UserError
from noria.model.generation import continuous
from noria.model.generation.continuous import ContinuousBatch
from noria.model.generation.generate import stream
from noria.model.generation.sampling import Sampling
from noria.model.network import Model
from noria.text.tokenizer import Tokenizer
from noria.types import Batch, Chunk

USUAL = Sampling(max_tokens=12)
CASES: list[tuple[Attention, dict[str, Any]]] = [
    ("causal", {}),
    ("prefix", {}),
    ("causal", {"block": "recurrent", "block_settings": {"attention_every": 2}}),
    ("causal", {"block": "recurrent"}),
]
SETTINGS: list[dict[str, Any]] = [
    {},
    {"max_tokens": 1},
    {"max_tokens": 90},  # more than there is room for at first
    {"temperature": 1.0, "seed": 5},
    {"temperature": 1.3, "top_k": 4, "seed": 6, "repetition_penalty": 1.4},
    {"temperature": 0.8, "top_p": 0.8, "min_p": 0.05, "seed": 7, "max_tokens": 30},
    {"stop": ["a", "bc"], "temperature": 1.0},
    {"repetition_penalty": 1.5, "max_tokens": 40},
]


def batch_of(tokenizer: Tokenizer, length: int, seed: int = 0) -> Batch:
    return Batch(prompts(tokenizer, [length], seed), {}, 1)


def endless(tokenizer: Tokenizer) -> Model:
    """Return a model that hardly ever says the end token."""
    model = speaker(tokenizer)
    with torch.no_grad():
        model.head.linear.weight[tokenizer.end] = 0.0  # type: ignore[union-attr, index]
    return model


def alone(model: Model, tokenizer: Tokenizer, batch: Batch, changes: Mapping[str, Any]) -> list[Chunk]:
    return list(stream(model, batch.inputs, USUAL.overridden(changes), tokenizer))


def check_same(found: list[Chunk], expected: list[Chunk]) -> None:
    """Check that pieces, without empty ones in between, are those of an answer written alone."""
    assert [piece[:2] for piece in found if piece.content or piece.ended] == [piece[:2] for piece in expected]
    np.testing.assert_allclose(found[-1].logprobs, expected[-1].logprobs, atol=1e-4)


@pytest.mark.parametrize(("attention", "trunk"), CASES, ids=str)
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_each_says_what_it_would_say_alone_whoever_comes_and_goes(
    attention: Attention, trunk: dict[str, Any], data: st.DataObject
) -> None:
    tokenizer = tokenizer_of("character")
    model = speaker(tokenizer, attention, **trunk)
    batch = ContinuousBatch(model, tokenizer, USUAL, tokenizer.size)
    asked: dict[int, tuple[Batch, dict[str, Any]]] = {}
    found: dict[int, list[Chunk]] = {}
    live: set[int] = set()
    coming = data.draw(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(SETTINGS)), min_size=1, max_size=7))
    while coming or live:
        for _ in range(data.draw(st.integers(0 if live else 1, 3))):
            if coming:
                length, changes = coming.pop()
                number = len(found)
                asked[number] = batch_of(tokenizer, length, number), changes
                found[number] = []
                batch.begin(number, *asked[number])
                live.add(number)
        if len(live) > 1 and data.draw(st.integers(0, 9)) == 0:  # a client goes away
            number = data.draw(st.sampled_from(sorted(live)))
            live.remove(number)
            del asked[number]
            assert batch.end(number).ended == "length"
        said = batch.step()
        assert {number for number, _ in said} == live  # each comes on by a token
        for number, piece in said:
            assert isinstance(piece, Chunk)
            found[number].append(piece)
            if piece.ended:
                live.remove(number)
    assert not batch.step()
    for number, (own, changes) in asked.items():
        check_same(found[number], alone(model, tokenizer, own, changes))


def test_long_inputs_are_read_in_parts_while_others_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuous, "MOST_READ", 8)
    tokenizer = tokenizer_of("character")
    model = endless(tokenizer)
    asked = [(batch_of(tokenizer, 3), {"max_tokens": 40}), (batch_of(tokenizer, 61), {})]
    batch = ContinuousBatch(model, tokenizer, USUAL, tokenizer.size)
    for number, one in enumerate(asked):
        batch.begin(number, *one)
    steps = [batch.step() for _ in range(60)]
    first = [next(i for i, said in enumerate(steps) if number in dict(said)) for number in (0, 1)]
    assert first[0] == 0
    assert first[1] >= 7  # 8 tokens a step, and the first step read another's
    assert all(0 in dict(said) for said in steps[: first[1]])
    for number, (own, changes) in enumerate(asked):
        found = [piece for said in steps for other, piece in said if other == number and isinstance(piece, Chunk)]
        check_same(found, alone(model, tokenizer, own, changes))


def test_short_inputs_that_wait_are_read_together_and_long_ones_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuous, "MOST_READ", 32)
    tokenizer = tokenizer_of("character")
    model = endless(tokenizer)
    batch = ContinuousBatch(model, tokenizer, USUAL, tokenizer.size)
    read, together = model.read, []
    monkeypatch.setattr(model, "read", lambda some, room: together.append(len(some)) or read(some, room))
    lengths = [3, 9, 8, 30, 2, 2]
    for number, length in enumerate(lengths):
        batch.begin(number, batch_of(tokenizer, length, number), {})
    said = [piece for _ in range(20) for piece in batch.step()]
    assert together == [3, 1, 2]
    for number, length in enumerate(lengths):
        found = [piece for other, piece in said if other == number and isinstance(piece, Chunk)]
        check_same(found, alone(model, tokenizer, batch_of(tokenizer, length, number), {}))


def test_who_goes_away_while_inputs_are_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuous, "MOST_READ", 8)
    tokenizer = tokenizer_of("character")
    model = endless(tokenizer)
    batch = ContinuousBatch(model, tokenizer, USUAL, tokenizer.size)
    for number in range(3):
        batch.begin(number, batch_of(tokenizer, 20, number), {})
    assert batch.step() == []
    assert batch.end(0) == Chunk("", "length")
    batch.begin(3, batch_of(tokenizer, 2, 3), {})
    said = [piece for _ in range(30) for piece in batch.step()]
    assert {number for number, _ in said} == {1, 2, 3}
    for number in (1, 2):
        found = [piece for other, piece in said if other == number and isinstance(piece, Chunk)]
        check_same(found, alone(model, tokenizer, batch_of(tokenizer, 20, number), {}))


def test_each_follows_a_grammar_of_its_own() -> None:
    pytest.importorskip("llguidance")
    tokenizer = tokenizer_of("byte")
    model = speaker(tokenizer)
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    ways: list[dict[str, Any]] = [
        {"regex": "[0-9]{3,9}", "max_tokens": 20},
        {"json_schema": schema, "max_tokens": 60, "temperature": 1.0, "seed": 3},
        {"regex": "(ab)+", "max_tokens": 9, "temperature": 0.7},
        {"max_tokens": 30},
    ]
    batch = ContinuousBatch(model, tokenizer, USUAL, tokenizer.size)
    said: dict[int, list[Chunk]] = {number: [] for number in range(len(ways))}
    for number, way in enumerate(ways):
        batch.begin(number, batch_of(tokenizer, 4 + number), way)
        for other, piece in batch.step():
            assert isinstance(piece, Chunk)
            said[other].append(piece)
    while pieces := batch.step():
        for other, piece in pieces:
            assert isinstance(piece, Chunk)
            said[other].append(piece)
    for number, way in enumerate(ways):
        check_same(said[number], alone(model, tokenizer, batch_of(tokenizer, 4 + number), way))
    text = "".join(piece.content for piece in said[1] if isinstance(piece.content, str))
    assert said[1][-1].ended == "length" or isinstance(json.loads(text)["a"], int)


@pytest.mark.parametrize(
    "changes", [{"temprature": 1}, {"top_k": 0}, {"max_tokens": "3"}, {"beams": 3}, {"regex": "("}], ids=str
)
def test_a_setting_that_cannot_be_used_is_refused_at_once_and_takes_no_place(changes: dict[str, Any]) -> None:
    pytest.importorskip("llguidance")
    tokenizer = tokenizer_of("byte")
    batch = ContinuousBatch(speaker(tokenizer), tokenizer, USUAL, tokenizer.size)
    with pytest.raises(UserError):
        batch.begin(0, batch_of(tokenizer, 3), changes)
    assert batch.step() == []


def test_what_breaks_one_answer_leaves_the_others_as_they_are() -> None:
    """One cannot be read, and the grammar of another comes to nothing in the midst of it."""
    tokenizer = tokenizer_of("character")
    model = endless(tokenizer)
    batch = ContinuousBatch(model, tokenizer, USUAL, tokenizer.size)
    own = batch_of(tokenizer, 5)
    batch.begin(0, own, {"max_tokens": 20, "temperature": 1.0})
    batch.begin(1, Batch({"prompt": {}}, {}, 1), {})
    batch.begin(2, own, {"max_tokens": 20})
    steps = [batch.step()]
    assert {number: type(piece) for number, piece in steps[0]} == {0: Chunk, 1: KeyError, 2: Chunk}
    (broken,) = [one for group in batch._groups for one in group.answers if one.number == 2]
    broken.chooser = None  # type: ignore[assignment]
    steps.append(batch.step())
    assert {number: type(piece) for number, piece in steps[1]} == {0: Chunk, 2: AttributeError}
    while said := batch.step():
        steps.append(said)
    found = [piece for said in steps for number, piece in said if number == 0 and isinstance(piece, Chunk)]
    check_same(found, alone(model, tokenizer, own, {"max_tokens": 20, "temperature": 1.0}))


def test_where_a_step_breaks_all_that_share_the_memory_are_told_and_the_next_ones_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokenizer = tokenizer_of("character")
    model = endless(tokenizer)
    batch = ContinuousBatch(model, tokenizer, USUAL, tokenizer.size)
    for number in range(3):
        batch.begin(number, batch_of(tokenizer, 4), {"temperature": 1.0, "seed": 4})
    assert all(isinstance(piece, Chunk) for _, piece in batch.step())
    with monkeypatch.context() as patch:
        patch.setattr(model, "step", lambda *_: torch.zeros(1) @ torch.zeros(2))
        assert [type(piece) for _, piece in batch.step()] == [RuntimeError] * 3
    batch.begin(3, batch_of(tokenizer, 4), {})
    assert [number for number, _ in batch.step()] == [3]


def test_an_answer_that_is_ended_early_gives_what_was_held_back() -> None:
    tokenizer = tokenizer_of("character")
    model = endless(tokenizer)
    batch = ContinuousBatch(model, tokenizer, USUAL, tokenizer.size)
    own = batch_of(tokenizer, 5)
    ways: dict[str, Any] = {"max_tokens": 30, "repetition_penalty": 1.2}
    whole = "".join(str(piece.content) for piece in alone(model, tokenizer, own, ways))
    batch.begin(0, own, {**ways, "stop": [whole[:4] + "ddd"]})
    assert [piece for _, piece in batch.step()] == [Chunk("")]
    piece = batch.end(0)
    assert (piece.content, piece.ended, len(piece.logprobs)) == (whole[0], "length", 1)
    batch.begin(1, own, {})
    assert batch.end(1) == Chunk("", "length")
    assert batch.step() == []
