"""Generation: cached as uncached, alone as in a batch, whole as in pieces, and stopped exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.speaking import Told, alone, logprobs_of, prompts, speaker, tokenizer_of
from noria.contract import Attention
from noria.model.generation.generate import Generated, generate, stream
from noria.model.generation.sampling import Sampling
from noria.text.tokenizer import Tokenizer
from noria.types import PAD, Chunk

MASKS: list[Attention] = ["causal", "prefix"]
CASES: list[tuple[Attention, dict[str, Any]]] = [
    *((mask, {}) for mask in MASKS),
    ("causal", {"block": "recurrent", "block_settings": {"attention_every": 2}}),  # recurrent blocks look back only
    ("causal", {"block": "recurrent"}),
]
WAYS = [
    Sampling(max_tokens=12),
    Sampling(max_tokens=12, temperature=1.0, seed=5),
    Sampling(max_tokens=12, temperature=1.3, top_k=4, seed=6),
    Sampling(max_tokens=12, temperature=0.8, top_p=0.8, min_p=0.05, repetition_penalty=1.3, seed=7),
    Sampling(max_tokens=12, beams=3),
]
LENGTHS = [1, 7, 3, 5, 2, 9]


def joined(pieces: list[Chunk], rows: int) -> list[str]:
    return ["".join(piece.content for piece in pieces if piece.row == row) for row in range(rows)]


@pytest.mark.parametrize(("attention", "trunk"), CASES, ids=str)
def test_with_and_without_a_cache_the_logits_are_the_same(attention: Attention, trunk: dict[str, Any]) -> None:
    tokenizer = tokenizer_of("byte")
    model, inputs = speaker(tokenizer, attention, **trunk), prompts(tokenizer, LENGTHS)
    answers = torch.from_numpy(np.random.default_rng(3).integers(0, tokenizer.size, (len(LENGTHS), 6)))
    with torch.inference_mode():
        logits, cache = model.start(inputs, 6)
        steps = [logits, *(model.step(answers[:, i], cache) for i in range(6))]
    for row in range(len(LENGTHS)):
        expected = logprobs_of(model, alone(inputs, row), answers[row].tolist())
        found = torch.stack([step[row] for step in steps]).log_softmax(-1)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_it_does_not_matter_where_a_text_is_cut_into_prompt_and_answer() -> None:
    tokenizer = tokenizer_of("byte")
    model, text = speaker(tokenizer), prompts(tokenizer, [9])["prompt"]["ids"]
    expected = model({"prompt": {"ids": text[:, :1]}}, {"ids": text[:, 1:]})["logits"]
    with torch.inference_mode():
        for cut in range(2, 9):
            prompt = torch.cat((torch.full((1, 3), PAD), text[:, :cut], torch.full((1, 2), PAD)), 1)
            found = model({"prompt": {"ids": prompt}}, {"ids": text[:, cut:]})["logits"]
            torch.testing.assert_close(found, expected[:, cut - 1 :], atol=1e-5, rtol=1e-5)
            logits, cache = model.start({"prompt": {"ids": prompt}}, 9)
            for place in range(cut, 9):
                torch.testing.assert_close(logits, expected[:, place - 1], atol=1e-5, rtol=1e-5)
                logits = model.step(text[:, place], cache)


@pytest.mark.parametrize("sampling", WAYS, ids=lambda one: f"{one.temperature}-{one.beams}-{one.top_k}-{one.top_p}")
@pytest.mark.parametrize("attention", MASKS)
def test_a_record_gets_the_same_answer_alone_and_in_any_batch(attention: Attention, sampling: Sampling) -> None:
    """Rows end at different steps here, so rows are dropped beside those that go on."""
    tokenizer = tokenizer_of("character")
    model, inputs = speaker(tokenizer, attention), prompts(tokenizer, LENGTHS)
    together = generate(model, inputs, sampling, tokenizer)
    assert len({len(ids) for ids in together.ids}) > 2 or sampling.beams > 1
    for row in range(len(LENGTHS)):
        own = generate(model, alone(inputs, row), sampling, tokenizer)
        assert (own.ids[0], own.ended[0], own.texts[0]) == (together.ids[row], together.ended[row], together.texts[row])
        np.testing.assert_allclose(own.logprobs[0], together.logprobs[row], atol=1e-4)
    back = torch.arange(len(LENGTHS) - 1, -1, -1)
    turned = generate(model, {"prompt": {"ids": inputs["prompt"]["ids"][back]}}, sampling, tokenizer)
    assert turned.ids[::-1] == together.ids


@pytest.mark.parametrize("sampling", WAYS, ids=lambda one: f"{one.temperature}-{one.beams}-{one.top_k}-{one.top_p}")
def test_the_logprobs_are_the_models_own_score_of_the_answer(sampling: Sampling) -> None:
    tokenizer = tokenizer_of("character")
    model, inputs = speaker(tokenizer), prompts(tokenizer, LENGTHS)
    found = generate(model, inputs, sampling, tokenizer)
    for row, ids in enumerate(found.ids):
        scores = logprobs_of(model, alone(inputs, row), ids)
        own = [float(scores[place, token]) for place, token in enumerate(ids)]
        np.testing.assert_allclose(found.logprobs[row], own, atol=1e-4)


def test_greedy_takes_the_likeliest_token_each_time() -> None:
    tokenizer = tokenizer_of("character")
    model, inputs = speaker(tokenizer), prompts(tokenizer, LENGTHS)
    found = generate(model, inputs, Sampling(max_tokens=12), tokenizer)
    for row, ids in enumerate(found.ids):
        best = logprobs_of(model, alone(inputs, row), ids).argmax(-1).tolist()
        assert best[: len(ids)] == ids
        assert (found.ended[row] == "end") == (best[len(ids)] == tokenizer.end and len(ids) < 12)
        assert found.ended[row] == "end" or len(ids) == 12


def test_each_seed_has_an_answer_of_its_own_and_the_same_seed_the_same() -> None:
    tokenizer = tokenizer_of("byte")
    model, one = speaker(tokenizer), prompts(tokenizer, [4])
    many = {"prompt": {"ids": one["prompt"]["ids"].expand(6, -1)}}
    sampling = Sampling(max_tokens=16, temperature=1.0)
    found = generate(model, many, sampling, tokenizer, seeds=[1, 2, 3, 1, 2, 3])
    assert found.ids[:3] == found.ids[3:]
    assert len({tuple(ids) for ids in found.ids}) == 3
    assert found.ids[1] == generate(model, one, Sampling(max_tokens=16, temperature=1.0, seed=2), tokenizer).ids[0]
    assert len({tuple(ids) for ids in generate(model, many, sampling, tokenizer).ids}) == 1
    with pytest.raises(ValueError, match="2 seeds for 6 rows"):
        generate(model, many, sampling, tokenizer, seeds=[1, 2])


@pytest.mark.parametrize("sampling", WAYS, ids=lambda one: f"{one.temperature}-{one.beams}-{one.top_k}-{one.top_p}")
@pytest.mark.parametrize("kind", ["character", "bpe", "byte"])
def test_the_pieces_of_a_stream_are_the_answer(kind: str, sampling: Sampling) -> None:
    tokenizer = tokenizer_of(kind)
    model, inputs = speaker(tokenizer), prompts(tokenizer, LENGTHS)
    whole = generate(model, inputs, sampling, tokenizer)
    pieces = list(stream(model, inputs, sampling, tokenizer))
    assert joined(pieces, len(LENGTHS)) == whole.texts
    for row in range(len(LENGTHS)):
        own = [piece for piece in pieces if piece.row == row]
        assert [piece.ended for piece in own] == [*[None] * (len(own) - 1), whole.ended[row]]
        assert own[-1].logprobs == tuple(whole.logprobs[row])
        assert len(own[-1].tokens) == len(own[-1].logprobs)
        assert all(piece.content for piece in own[:-1])


def test_without_texts_only_the_ids_are_made() -> None:
    tokenizer = tokenizer_of("bpe")
    model, inputs = speaker(tokenizer), prompts(tokenizer, LENGTHS)
    plain = generate(model, inputs, WAYS[0], tokenizer, with_texts=False)
    assert plain.texts == [""] * len(LENGTHS)
    assert plain.ids == generate(model, inputs, WAYS[0], tokenizer).ids


SAID = "水车日夜转动，the wheel turns\nthe river. \U0001f600é水车!"


def told(texts: list[str], tokenizer: Tokenizer, **settings: Any) -> tuple[Generated, list[Chunk]]:
    rows = [tokenizer.encode([text])[0].tolist() for text in texts]
    sampling = Sampling(**{"max_tokens": 200, **settings})
    found = generate(Told(rows, tokenizer), None, sampling, tokenizer)
    return found, list(stream(Told(rows, tokenizer), None, sampling, tokenizer))


def cut(text: str, stops: list[str]) -> str:
    """Return the text before the stop text that is complete first."""
    for size in range(1, len(text) + 1):
        starts = [size - len(stop) for stop in stops if text[:size].endswith(stop)]
        if starts:
            return text[: min(starts)]
    return text


@pytest.mark.parametrize("kind", ["bpe", "byte"])
@given(
    stops=st.lists(
        st.tuples(st.integers(0, len(SAID) - 1), st.integers(1, 8)).map(lambda part: SAID[part[0] : sum(part)])
        | st.text("the水车 \n", min_size=1, max_size=4),
        min_size=1,
        max_size=3,
    )
)
def test_an_answer_is_cut_before_a_stop_text_wherever_its_tokens_end(kind: str, stops: list[str]) -> None:
    tokenizer = tokenizer_of(kind)
    texts = [SAID, SAID[::-1], SAID[:7], "wheel", ""]
    found, pieces = told(texts, tokenizer, stop=tuple(stops))
    expected = [cut(text, stops) for text in texts]
    assert found.texts == expected
    assert joined(pieces, len(texts)) == expected
    assert found.ended == ["stop" if any(stop in text for stop in stops) else "end" for text in texts]
    for row, ids in enumerate(found.ids):
        assert len(ids) == len(found.logprobs[row])
        assert found.texts[row].startswith(tokenizer.decode(ids))  # no token of the stop text, nor a part of one
        assert found.texts[row] == tokenizer.decode(ids) or found.ended[row] == "stop"


def test_what_may_be_a_stop_text_is_held_back_and_given_when_it_is_none() -> None:
    tokenizer = tokenizer_of("byte")
    _, pieces = told(["ab STO STOP c"], tokenizer, stop=("STOP",))
    said = ""
    for piece in pieces:
        said += piece.content
        assert "ab STO STOP".startswith(said)
    assert said == "ab STO "
    _, pieces = told(["ab STO"], tokenizer, stop=("STOP",))
    assert "".join(piece.content for piece in pieces) == "ab STO"
    _, pieces = told(["ab STO"], tokenizer, stop=("STOP",), max_tokens=5)
    assert "".join(piece.content for piece in pieces) == "ab ST"
    assert pieces[-1].ended == "length"


@pytest.mark.parametrize("kind", ["bpe", "byte"])
def test_the_stop_text_that_is_complete_first_counts_however_long_the_tokens_are(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    assert (len(tokenizer.encode(["the"])[0]) == 1) == (kind == "bpe")
    found, _ = told(["turns the wheel"], tokenizer, stop=("the", "h"))
    assert found.texts == ["turns t"]
    found, _ = told(["turns the wheel"], tokenizer, stop=("the", "he"))
    assert found.texts == ["turns "]


def test_bytes_of_a_character_that_ends_the_answer_belong_to_no_text() -> None:
    tokenizer = tokenizer_of("byte")
    found, _ = told(["轮水车"], tokenizer, stop=("水",))
    assert found.ids == [list("轮".encode())]
    found, pieces = told(["轮水车"], tokenizer, max_tokens=5)  # within a character
    assert found.texts == ["轮"] == joined(pieces, 1)
    assert found.ended == ["length"]


def test_rows_that_have_ended_are_dropped() -> None:
    tokenizer = tokenizer_of("byte")
    texts = ["x" * length for length in (1, 2, 3, 4, 40, 5, 6, 0)]
    rows = [tokenizer.encode([text])[0].tolist() for text in texts]
    speaker_ = Told(rows, tokenizer)
    found = generate(speaker_, None, Sampling(max_tokens=64), tokenizer)
    assert found.texts == texts
    assert speaker_.num_asked < 2 * sum(len(text) + 1 for text in texts) < 41 * len(texts)


@pytest.mark.parametrize("kind", ["byte", "bpe", "character"])
def test_the_last_piece_has_the_text_of_each_token_and_these_are_the_answer(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    for stop in ((), ("wh",)):
        found, pieces = told([SAID], tokenizer, stop=stop)
        last = pieces[-1]
        assert len(last.tokens) == len(last.logprobs) == len(found.ids[0])
        assert found.texts[0].startswith("".join(last.tokens))
        assert stop or "".join(last.tokens) == found.texts[0]


def test_whoever_stops_asking_stops_the_generation() -> None:
    tokenizer = tokenizer_of("byte")
    speaker_ = Told([[65] * 100], tokenizer)
    pieces = stream(speaker_, None, Sampling(max_tokens=100), tokenizer)
    assert next(pieces).content == "A"
    asked = speaker_.num_asked
    assert asked < 3
    del pieces
    assert speaker_.num_asked == asked


def test_the_caller_of_a_stream_can_go_on_computing_gradients() -> None:
    tokenizer = tokenizer_of("byte")
    for _ in stream(speaker(tokenizer), prompts(tokenizer, [3]), Sampling(max_tokens=3), tokenizer):
        assert not torch.is_inference_mode_enabled()
