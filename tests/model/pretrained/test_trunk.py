"""A checkpoint in the place of the trunk gives what `transformers` gives, however its rows are padded or cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from checkpoints import DECODERS, ENCODER_DECODERS, ENCODERS
from noria.errors import UserError
from noria.job import Job
from noria.model.network import Model
from noria.model.pretrained import trunk as pretrained
from noria.model.pretrained.llama import LlamaBlocks
from noria.model.token_embedder import TextEmbedder
from noria.pipeline.assembly import build
from noria.pipeline.warm_start import load_origin, origin_states
from noria.types import PAD, Tokens

pytest.importorskip("transformers", reason="needs transformers")

LENGTHS = (5, 1, 3)
NEAR = {"atol": 2e-4, "rtol": 1e-4}


def loaded(folder: Path) -> tuple[Any, Any]:
    """Return our trunk with a checkpoint's weights, and the checkpoint as `transformers` loads it."""
    from noria.model.pretrained.files import PretrainedFiles

    files = PretrainedFiles.find(str(folder))
    state = json.loads(json.dumps(files.trunk()))
    theirs = files.model(state)
    trunk = pretrained.pretrained_trunk(state)
    weights = theirs.base_model.state_dict()
    trunk.model.load_state_dict({name: weights[name] for name in trunk.model.state_dict()})
    if state["family"] == "encoder-decoder":
        embedder = TextEmbedder(300, 32)
        embedder.table.weight = theirs.get_input_embeddings().weight
        trunk.answer = (embedder,)
    return trunk.eval(), theirs


def rows_of(lengths: tuple[int, ...] = LENGTHS) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(10, 200, (length,), generator=generator) for length in lengths]


def laid_out(rows: list[torch.Tensor], side: str, length: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids int[B, length] and which are real; padding on the left, on the right, or between."""
    is_real = torch.zeros(len(rows), length, dtype=torch.bool)
    for i, row in enumerate(rows):
        places = {"right": range(len(row)), "left": range(length - len(row), length)}
        places["between"] = [*range(len(row) // 2), *range(length - len(row) + len(row) // 2, length)]
        is_real[i, list(places[side])] = True
    ids = torch.full(is_real.shape, 7)
    ids[is_real] = torch.cat(rows)
    return ids, is_real


def embedded(theirs: Any, ids: torch.Tensor, is_real: torch.Tensor | None) -> Tokens:
    features = theirs.get_input_embeddings()(ids)
    if is_real is not None:
        features = features.masked_fill(~is_real[:, :, None], float("nan"))  # so that reading it shows
    return Tokens(features, is_real)


@pytest.mark.parametrize("side", ["right", "left", "between"])
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_gives_each_row_what_it_gives_it_alone(name, side, checkpoint):
    trunk, theirs = loaded(checkpoint(name))
    rows = rows_of()
    ids, is_real = laid_out(rows, side)
    with torch.inference_mode():
        given = trunk(embedded(theirs, ids, is_real), "full").features
        for i, row in enumerate(rows):
            torch.testing.assert_close(given[i][is_real[i]], theirs(row[None]).last_hidden_state[0], **NEAR)
    assert given.isfinite().all()


@pytest.mark.parametrize("side", ["right", "left", "between"])
@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_gives_each_row_what_it_gives_it_alone(name, side, checkpoint):
    trunk, theirs = loaded(checkpoint(name))
    rows = rows_of()
    ids, is_real = laid_out(rows, side)
    with torch.inference_mode():
        given = theirs.get_output_embeddings()(trunk(embedded(theirs, ids, is_real), "causal").features)
        for i, row in enumerate(rows):
            torch.testing.assert_close(given[i][is_real[i]], theirs(row[None]).logits[0], **NEAR)
    assert given.isfinite().all()


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_goes_on_from_its_cache_as_if_it_read_all_again(name, checkpoint):
    trunk, theirs = loaded(checkpoint(name))
    rows = rows_of()
    ids, is_real = laid_out(rows, "left", 5)
    more = torch.tensor([[20, 21], [22, 23], [24, 25]])
    with torch.inference_mode():
        cache = trunk.new_cache(3, 7)
        trunk(embedded(theirs, ids, is_real), "causal", None, cache)
        trunk(embedded(theirs, more[:, :1], None), "causal", None, cache)
        cache.select(torch.tensor([2, 0, 0]))
        given = trunk(embedded(theirs, more[[2, 0, 0], 1:], None), "causal", None, cache).features[:, -1]
        for i, row in enumerate([2, 0, 0]):
            whole = theirs(torch.cat((rows[row], more[row]))[None]).logits[0, -1]
            torch.testing.assert_close(theirs.get_output_embeddings()(given[i]), whole, **NEAR)


@pytest.mark.parametrize("name", ENCODER_DECODERS)
def test_an_encoder_decoder_reads_the_prefix_and_answers(name, checkpoint):
    trunk, theirs = loaded(checkpoint(name))
    rows, answers = rows_of(), rows_of((4, 4, 4))
    ids, is_real = laid_out(rows, "left", 5)
    prefix, answer = embedded(theirs, ids, is_real), embedded(theirs, torch.stack(answers), None)
    stream = Tokens(
        torch.cat((prefix.features, answer.features), 1),
        torch.cat((is_real, torch.ones(3, 4, dtype=torch.bool)), 1),
    )
    is_prefix = (torch.arange(9) < 5).expand(3, -1)
    with torch.inference_mode():
        given = theirs.get_output_embeddings()(trunk(stream, "prefix", is_prefix).features[:, 4:])
        cache = trunk.new_cache(3, 9)
        steps = [trunk(prefix, "prefix", torch.ones(3, 5, dtype=torch.bool), cache).features[:, -1:]]
        cache.select(torch.tensor([1, 0]))
        for k in range(4):
            steps.append(trunk(Tokens(answer.features[[1, 0], k : k + 1]), "prefix", None, cache).features)
        for i, row in enumerate(rows):
            decoder_ids = torch.cat((torch.zeros(1, dtype=torch.long), answers[i]))[None]
            expected = theirs(input_ids=row[None], decoder_input_ids=decoder_ids).logits[0]
            torch.testing.assert_close(given[i], expected, **NEAR)
            if i < 2:
                cached = torch.cat([steps[0][i : i + 1], *(step[1 - i : 2 - i] for step in steps[1:])], 1)
                torch.testing.assert_close(theirs.get_output_embeddings()(cached)[0], expected, **NEAR)


@pytest.mark.parametrize("name", ["llama", "tied_llama", "qwen"])
def test_the_short_way_through_llama_gives_what_the_modules_of_transformers_give(name, checkpoint, monkeypatch):
    short, theirs = loaded(checkpoint(name))
    monkeypatch.setattr(pretrained, "is_llama", lambda config: False)
    general, _ = loaded(checkpoint(name))
    assert isinstance(short.model, LlamaBlocks)
    assert not isinstance(general.model, LlamaBlocks)
    ids, is_real = laid_out(rows_of(), "left")
    tokens = embedded(theirs, ids, is_real)
    with torch.inference_mode():
        given, expected = (trunk(tokens, "causal").features[is_real] for trunk in (short, general))
    torch.testing.assert_close(given, expected, **NEAR)
    assert set(short.model.state_dict()) == set(general.model.state_dict())


def test_what_the_short_way_does_not_know_goes_the_long_way(checkpoint):
    for name in ("scaled_llama", "gpt2"):
        assert not isinstance(loaded(checkpoint(name))[0].model, LlamaBlocks)


@pytest.mark.parametrize(("name", "attention"), [("bert", "causal"), ("llama", "full"), ("t5", "causal")])
def test_an_attention_that_a_checkpoint_cannot_do_is_refused(name, attention, checkpoint):
    trunk, _ = loaded(checkpoint(name))
    with pytest.raises(UserError, match=rf"attention '{attention}'"):
        trunk(Tokens(torch.zeros(1, 2, 32)), attention)


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_more_tokens_than_a_checkpoint_has_positions_for_are_refused_in_plain_words(name, checkpoint):
    trunk, _ = loaded(checkpoint(name))
    with pytest.raises(UserError, match="at most 64"):
        trunk(Tokens(torch.zeros(1, 65, 32)), trunk.attentions[0])


def chat_model(folder: Path) -> tuple[Model, dict[str, Any]]:
    from noria.tasks.chat import Chat

    job = Job.model_validate({"task": "chat", "model": {"pretrained": str(folder)}})
    origin, task = origin_states(job), Chat()
    states = {
        "inputs": {"messages": task.inputs["messages"].warm_start(origin["text"])},
        "target": task.target.warm_start(task.inputs["messages"].warm_start(origin["text"]) or {}),
        "trunk": origin["trunk"],
    }
    model = build(job, task, json.loads(json.dumps(states)))
    load_origin(model, job, states)
    return model.eval(), states


@pytest.mark.parametrize("name", ["llama", "tied_llama", "gpt2"])
def test_a_whole_model_gives_the_logits_of_its_checkpoint(name, checkpoint):
    import transformers

    model, _ = chat_model(checkpoint(name))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(checkpoint(name)).eval()
    rows, answers = rows_of(), rows_of((2, 4, 3))
    ids, is_real = laid_out(rows, "right", 5)
    padded = torch.full((3, 4), PAD)
    for i, answer in enumerate(answers):
        padded[i, : len(answer)] = answer
    with torch.inference_mode():
        given = model({"messages": {"ids": ids.masked_fill(~is_real, PAD)}}, {"ids": padded})["logits"]
        for i, (row, answer) in enumerate(zip(rows, answers, strict=True)):
            expected = theirs(torch.cat((row, answer))[None]).logits[0, len(row) - 1 : -1]
            torch.testing.assert_close(given[i, : len(answer)], expected, **NEAR)


def test_a_tied_head_is_one_weight_with_the_table(checkpoint):
    model, _ = chat_model(checkpoint("tied_llama"))
    assert model.head.linear.weight is model.answer.table.weight
    apart, _ = chat_model(checkpoint("llama"))
    assert apart.head.linear.weight is not apart.answer.table.weight


def test_weights_of_half_the_size_answer_nearly_the_same(checkpoint):
    trunk, theirs = loaded(checkpoint("llama"))
    ids, is_real = laid_out(rows_of(), "left")
    tokens = embedded(theirs, ids, is_real)
    with torch.inference_mode():
        exact = trunk(tokens, "causal").features[is_real]
        given = trunk.bfloat16()(Tokens(tokens.features.bfloat16(), is_real), "causal").features[is_real]
    assert given.dtype == torch.bfloat16
    torch.testing.assert_close(given.float(), exact, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("name", [*ENCODERS, *DECODERS])
def test_attention_weights_are_not_dropped_whatever_the_checkpoint_says(name, checkpoint):
    trunk, _ = loaded(checkpoint(name))
    named = [one for one in pretrained.ATTENTION_DROPOUTS if one in trunk.config]
    trunk = type(trunk)({**trunk.config, **dict.fromkeys(named, 0.9)})
    if isinstance(trunk.model, LlamaBlocks):
        pytest.skip("blocks of ours, which drop nothing")
    assert [getattr(trunk.model.config, one) for one in named] == [0.0]
    assert [trunk.config[one] for one in named] == [0.9]  # what is given back is the checkpoint's own
