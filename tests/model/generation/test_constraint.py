"""Answers that must match: whatever the weights say, every answer that was not cut short matches."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from model.speaking import prompts, speaker, tokenizer_of
from noria.errors import UserError
from noria.model.generation.generate import generate, stream
from noria.model.generation.sampling import Sampling

pytest.importorskip("llguidance")

ROWS = [3, 1, 5, 2, 4, 6]
KINDS = ["bpe", "byte"]


def answers(kind: str, seed: int, **settings: Any) -> list[tuple[str, str]]:
    tokenizer = tokenizer_of(kind)
    sampling = Sampling(**{"max_tokens": 120, "temperature": 1.0, **settings})
    inputs = prompts(tokenizer, ROWS, seed)
    model = speaker(tokenizer, seed=seed)
    found = generate(model, inputs, sampling, tokenizer, seeds=range(len(ROWS)))
    pieces = list(stream(model, inputs, sampling, tokenizer, seeds=range(len(ROWS))))
    for row, text in enumerate(found.texts):
        assert "".join(piece.content for piece in pieces if piece.row == row) == text
    return list(zip(found.texts, found.ended, strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "regex", ["(ab|cd){1,3}", "[0-9]{4}-[0-9]{2}", "a/b\\n[xyz]", "(水车|轮)+日?", "", "[^a-z]{2,5}"]
)
def test_every_answer_matches_the_regular_expression(kind: str, regex: str) -> None:
    ended = 0
    for seed in range(3):
        for temperature in (0.0, 1.0):
            for text, why in answers(kind, seed, regex=regex, temperature=temperature):
                assert why in ("end", "length")
                if why == "end":
                    assert re.fullmatch(regex, text), text
                    ended += 1
    assert ended > 0


def is_wheel(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"name", "turns", "kind"}
        and isinstance(value["name"], str)
        and len(value["name"]) <= 5
        and isinstance(value["turns"], list)
        and len(value["turns"]) <= 2
        and all(isinstance(one, int) and 0 <= one <= 99 for one in value["turns"])
        and value["kind"] in ("水车", "wheel", None)
    )


WHEEL = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "turns": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 99}, "maxItems": 2},
        "kind": {"enum": ["水车", "wheel", None]},
    },
    "required": ["name", "turns", "kind"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_is_json_that_the_schema_allows(kind: str) -> None:
    ended = 0
    for seed in range(4):
        for temperature in (0.0, 1.0, 3.0):
            for text, why in answers(kind, seed, json_schema=WHEEL, temperature=temperature):
                if why == "end":
                    assert is_wheel(json.loads(text)), text
                    ended += 1
    assert ended > 40


def test_filters_choose_among_what_matches() -> None:
    for settings in ({"top_k": 1}, {"top_p": 0.1}, {"min_p": 0.9}, {"repetition_penalty": 5.0}):
        for text, why in answers("bpe", 1, regex="[ab]{3}", **settings):
            assert why == "end"
            assert re.fullmatch("[ab]{3}", text)


def test_characters_can_be_constrained_too() -> None:
    tokenizer = tokenizer_of("character")
    found = generate(
        speaker(tokenizer), prompts(tokenizer, ROWS), Sampling(max_tokens=9, regex="(ab){2}c*d"), tokenizer
    )
    for text, why in zip(found.texts, found.ended, strict=True):
        assert why == "length" or re.fullmatch("(ab){2}c*d", text)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"regex": "["}, "regex"), ({"json_schema": {"type": "nonsense"}}, "json_schema")],
)
def test_what_cannot_be_followed_is_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(UserError, match=f"this {name} cannot be followed"):
        answers("bpe", 0, **settings)


def test_a_vocabulary_without_the_characters_is_told_so() -> None:
    tokenizer = tokenizer_of("character")
    with pytest.raises(UserError, match="cannot be followed"):
        generate(speaker(tokenizer), prompts(tokenizer, ROWS), Sampling(regex="[0-9]+"), tokenizer)


def test_a_vocabulary_whose_tokens_are_spelled_by_their_neighbours_is_refused() -> None:
    with pytest.raises(UserError, match="spelled alike"):
        answers("unigram", 0, regex="a")
