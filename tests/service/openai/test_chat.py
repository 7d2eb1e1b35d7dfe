"""Chat completions: the answer of the predictor, in OpenAI's shapes, and every refusal with its field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from noria.pipeline.predictor import Predictor
from service.openai.conftest import Post, error_of, events

TALK = [{"role": "user", "content": "What is a noria?"}]
PATH = "/v1/chat/completions"
WARM = {"temperature": 1.0, "seed": 3, "max_tokens": 12}
HEAD = {"id", "object", "created", "model", "system_fingerprint", "service_tier", "choices", "usage"}


@pytest.fixture
def own(served: Any) -> Predictor:
    predictor: Predictor = served("chat")[0]
    return predictor


def text_of(predictor: Predictor, messages: Any, **settings: Any) -> str:
    return "".join(str(one.content) for one in predictor.stream({"messages": messages}, **settings))


def test_the_answer_is_the_predictors(post: Post, own: Predictor) -> None:
    body = post("chat", PATH, {"model": "run", "messages": TALK, **WARM}).json()
    assert set(body) == HEAD
    assert body["object"] == "chat.completion"
    assert body["model"] == "run"
    (choice,) = body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"] == text_of(own, TALK, **WARM)
    assert (
        choice["finish_reason"]
        == {"end": "stop", "length": "length"}[list(own.stream({"messages": TALK}, **WARM))[-1].ended or ""]
    )
    assert choice["logprobs"] is None
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    assert body["usage"]["prompt_tokens"] > 0


def test_without_settings_it_answers_as_its_job_says(post: Post, own: Predictor) -> None:
    body = post("chat", PATH, {"messages": TALK}).json()
    assert body["choices"][0]["message"]["content"] == own.predict({"messages": TALK})[0].value


def test_parts_and_roles_are_the_messages_that_they_say(post: Post, own: Predictor) -> None:
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "a noria?"}]
    said = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    said += [
        {"role": "assistant", "content": "A wheel.", "refusal": None, "annotations": [], "tool_calls": None},
        TALK[0],
    ]
    plain = [{"role": "system", "content": "Be brief."}, TALK[0], {"role": "assistant", "content": "A wheel."}, TALK[0]]
    found = post("chat", PATH, {"messages": said, **WARM}).json()["choices"][0]["message"]["content"]
    assert found == text_of(own, plain, **WARM)


@pytest.mark.parametrize("with_usage", [True, False])
def test_the_chunks_are_the_answer(post: Post, own: Predictor, with_usage: bool) -> None:
    options = {"stream_options": {"include_usage": True, "include_obfuscation": False}} if with_usage else {}
    found = [one for _, one in events(post("chat", PATH, {"messages": TALK, "stream": True, **WARM, **options}))]
    assert found.pop() == "[DONE]"
    usage = found.pop() if with_usage else None
    assert {one["object"] for one in found} == {"chat.completion.chunk"}
    assert len({one["id"] for one in found}) == 1
    deltas = [one["choices"][0]["delta"] for one in found]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert "".join(one.get("content") or "" for one in deltas) == text_of(own, TALK, **WARM)
    assert [one["choices"][0]["finish_reason"] for one in found[:-1]] == [None] * (len(found) - 1)
    assert found[-1]["choices"][0]["finish_reason"] in ("stop", "length")
    whole = post("chat", PATH, {"messages": TALK, **WARM}).json()
    if with_usage:
        assert usage is not None
        assert usage["choices"] == []
        assert usage["usage"] == whole["usage"]
        assert all(one["usage"] is None for one in found)


def test_several_answers_are_as_many_seeds_and_the_first_is_that_of_one(post: Post, own: Predictor) -> None:
    body = post("chat", PATH, {"messages": TALK, "n": 3, **WARM}).json()
    said = [one["message"]["content"] for one in body["choices"]]
    assert said == [text_of(own, TALK, **{**WARM, "seed": seed}) for seed in (3, 4, 5)]
    assert [one["index"] for one in body["choices"]] == [0, 1, 2]
    unseeded = {name: value for name, value in WARM.items() if name != "seed"}
    body = post("chat", PATH, {"messages": TALK, "n": 2, **unseeded}).json()
    assert body["choices"][0]["message"]["content"] == text_of(own, TALK, **unseeded)
    assert len({one["message"]["content"] for one in body["choices"]}) == 2
    chunks = [one for _, one in events(post("chat", PATH, {"messages": TALK, "n": 3, "stream": True, **WARM}))[:-1]]
    for index, text in enumerate(said):
        own_chunks = [one["choices"][0]["delta"] for one in chunks if one["choices"][0]["index"] == index]
        assert "".join(one.get("content") or "" for one in own_chunks) == text


def test_the_probability_of_each_token_is_told(post: Post, own: Predictor) -> None:
    last = list(own.stream({"messages": TALK}, **WARM))[-1]
    found = post("chat", PATH, {"messages": TALK, "logprobs": True, **WARM}).json()["choices"][0]["logprobs"]["content"]
    assert [one["logprob"] for one in found] == pytest.approx(last.logprobs)
    assert [one["token"] for one in found] == list(last.tokens)
    assert all(bytes(one["bytes"]).decode() == one["token"] for one in found)
    chunks = events(post("chat", PATH, {"messages": TALK, "logprobs": True, "stream": True, **WARM}))[:-1]
    streamed = [one["choices"][0]["logprobs"] for _, one in chunks if one["choices"][0]["logprobs"]]
    assert [one for part in streamed for one in part["content"]] == found


def test_a_stop_text_and_both_names_of_the_longest_answer_count(post: Post, own: Predictor) -> None:
    whole = text_of(own, TALK, max_tokens=12)
    stop = whole[len(whole) // 2]
    body = post("chat", PATH, {"messages": TALK, "max_completion_tokens": 12, "stop": stop}).json()
    assert body["choices"][0]["message"]["content"] == whole[: whole.index(stop)]
    assert body["choices"][0]["finish_reason"] == "stop"
    both = {"max_completion_tokens": 2, "max_tokens": 12}
    assert post("chat", PATH, {"messages": TALK, **both}).json()["usage"]["completion_tokens"] == 2


SCHEMA = {"type": "object", "properties": {"a": {"enum": ["b", "c"]}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    "form",
    [
        {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}},
        {"type": "json_object", "value": SCHEMA},
    ],
    ids=["OpenAI's", "Hugging Face's"],
)
def test_an_answer_follows_the_schema(post: Post, form: Any) -> None:
    body = post("chat", PATH, {"messages": TALK, "response_format": form, "max_tokens": 64}).json()
    assert json.loads(body["choices"][0]["message"]["content"])["a"] in ("b", "c")


def test_json_alone_is_an_object(post: Post) -> None:
    given = {"messages": TALK, "response_format": {"type": "json_object"}, "max_tokens": 4}
    assert post("chat", PATH, given).json()["choices"][0]["message"]["content"].startswith("{")


def test_a_schema_that_cannot_be_followed_is_refused_by_its_name(post: Post) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "wheel"}}}
    error = error_of(post("chat", PATH, {"messages": TALK, "response_format": form}))
    assert error["param"] == "response_format"


@pytest.mark.parametrize(
    ("more", "param", "told"),
    [
        ({"messages": []}, "messages", "at least one message"),
        ({"messages": None}, "messages", "missing"),
        ({"messages": "hello"}, "messages", "a list of objects"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing"),
        ({"messages": [{"content": "a"}]}, "messages[0].role", "missing"),
        ({"messages": [{"role": "wizard", "content": "a"}]}, "messages[0].role", "wizard"),
        ({"messages": [{"role": "user", "content": "a", "name": "Ann"}]}, "messages[0].name", "no such field"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}]},
            "messages[0].content[0].type",
            "reads text alone",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": ""}}]}]},
            "messages[0].content[0].type",
            "reads text alone",
        ),
        ({"top_logprobs": 3}, "top_logprobs", "expected: 0"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "expected: {}"),
        ({"presence_penalty": 1}, "presence_penalty", "expected: 0"),
        ({"frequency_penalty": 0.5}, "frequency_penalty", "expected: 0"),
        ({"store": True}, "store", "expected: false"),
        ({"service_tier": "flex"}, "service_tier", "auto"),
        ({"modalities": ["text", "audio"]}, "modalities", '["text"]'),
        ({"audio": {"voice": "x"}}, "audio", "no such field"),
        ({"reasoning_effort": "high"}, "reasoning_effort", "none"),
        ({"prediction": {"type": "content"}}, "prediction", "no such field"),
        ({"n": 0}, "n", "a whole number"),
        ({"n": 10**9}, "n", "a whole number"),
        ({"max_tokens": 10**9}, "max_tokens", "1 to 64"),
        ({"max_tokens": True}, "max_tokens", "a whole number"),
        ({"temperature": "hot"}, "temperature", "a number"),
        ({"top_p": 2}, "top_p", "a number from 0 to 1"),
        ({"stop": [1]}, "stop", "a text or a list"),
        ({"stream": "yes"}, "stream", "true or false"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "with stream alone"),
        ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation", ""),
        ({"response_format": {"type": "xml"}}, "response_format.type", "json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
            "",
        ),
        ({"chat_template": "{{ x }}"}, "chat_template", "no such field"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "no place for tools"),
        ({"messages": [{"role": "user", "content": "wheel " * 2000}]}, "messages", "at most 512 tokens"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_not_there_is_refused_with_its_field(post: Post, more: Any, param: str, told: str) -> None:
    error = error_of(post("chat", PATH, {"messages": TALK, **more}))
    assert error["param"] == param
    assert told in error["message"]


def test_what_costs_too_much_is_refused_before_its_tokens_are_counted(post: Post) -> None:
    error = error_of(post("chat", PATH, {"messages": [{"role": "user", "content": "wheel " * 400_000}]}), 413)
    assert (error["param"], error["code"]) == ("messages", "too_much")


def test_what_changes_nothing_passes(post: Post, own: Predictor) -> None:
    more = {"user": "ann", "metadata": {"a": "b"}, "store": False, "service_tier": "auto", "logit_bias": {}, "n": 1}
    more |= {"presence_penalty": 0, "frequency_penalty": 0.0, "top_p": 1, "logprobs": False, "tools": [], "stop": None}
    body = post("chat", PATH, {"messages": TALK, **WARM, **more}).json()
    assert body["choices"][0]["message"]["content"] == text_of(own, TALK, **WARM)


def test_a_model_that_does_not_chat_says_so(post: Post) -> None:
    error = error_of(post("text-generation", PATH, {"messages": TALK}), 404)
    assert error["code"] == "not_offered"
    assert "POST /v1/completions" in error["message"]


def test_a_model_that_is_not_served_is_not_found(post: Post) -> None:
    assert error_of(post("chat", PATH, {"model": "gpt-5", "messages": TALK}), 404)["code"] == "model_not_found"
