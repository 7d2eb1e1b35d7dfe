"""Responses: what a chat answers, as items, and the events of one that is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from noria.errors import UserError
from noria.pipeline.predictor import Predictor
from noria.service.asking.operation import View
from noria.service.dialects.openai.responses import Responses
from noria.service.dialects.openai.tools import Tools
from noria.service.request.exchange import Request
from noria.service.request.http_error import HTTPError
from noria.service.request.inputs import inputs_of
from noria.service.request.limits import Limits
from noria.types import Chunk
from service.openai.conftest import Post, error_of, events

PATH = "/v1/responses"
WARM = {"temperature": 1.0, "max_output_tokens": 12}


@pytest.fixture
def own(served: Any) -> Predictor:
    predictor: Predictor = served("chat")[0]
    return predictor


def text_of(predictor: Predictor, messages: Any) -> str:
    pieces = predictor.stream({"messages": messages}, temperature=1.0, max_tokens=12)
    return "".join(str(one.content) for one in pieces)


def test_the_reply_is_that_of_the_predictor(post: Post, own: Predictor) -> None:
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a noria?"}]
    body = post("chat", PATH, {"model": "run", "instructions": "Be brief.", "input": said[1]["content"], **WARM}).json()
    assert (body["object"], body["model"], body["store"]) == ("response", "run", False)
    assert body["status"] in ("completed", "incomplete")
    assert body["instructions"] == "Be brief."
    (item,) = body["output"]
    assert (item["type"], item["role"], item["status"]) == ("message", "assistant", "completed")
    assert item["content"] == [{"type": "output_text", "text": text_of(own, said), "annotations": [], "logprobs": []}]
    assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + body["usage"]["output_tokens"]
    earlier = {**item, "content": [{"type": "output_text", "text": "A wheel.", "annotations": [], "logprobs": []}]}
    given = [{"role": "user", "content": "What is a noria?"}, earlier, {"role": "user", "content": "Who turns it?"}]
    again = post("chat", PATH, {"input": given, **WARM}).json()
    plain = [said[1], {"role": "assistant", "content": "A wheel."}, {"role": "user", "content": "Who turns it?"}]
    assert again["output"][0]["content"][0]["text"] == text_of(own, plain)


def test_the_events_are_numbered_and_make_up_the_response(post: Post) -> None:
    given = {"input": "What is a noria?", **WARM}
    found = events(post("chat", PATH, {**given, "stream": True}))
    assert [content["type"] for _, content in found] == [name for name, _ in found]
    assert [content["sequence_number"] for _, content in found] == list(range(len(found)))
    names = [name for name, _ in found]
    assert names[:4] == [
        f"response.{one}" for one in ("created", "in_progress", "output_item.added", "content_part.added")
    ]
    whole = post("chat", PATH, given).json()
    text = whole["output"][0]["content"][0]["text"]
    assert "".join(content["delta"] for name, content in found if name == "response.output_text.delta") == text
    ends = ["response.output_text.done", "response.content_part.done", "response.output_item.done"]
    assert names[-4:] == [*ends, f"response.{whole['status']}"]
    last = found[-1][1]["response"]
    drop = ("id", "created_at", "completed_at", "output")
    assert {k: v for k, v in last.items() if k not in drop} == {k: v for k, v in whole.items() if k not in drop}
    assert last["output"][0]["content"] == whole["output"][0]["content"]
    assert found[-2][1]["item"] == last["output"][0]


def test_probabilities_are_told_to_who_includes_them(post: Post) -> None:
    given = {"input": "What is a noria?", "include": ["message.output_text.logprobs"], **WARM}
    (part,) = post("chat", PATH, given).json()["output"][0]["content"]
    assert "".join(one["token"] for one in part["logprobs"]) == part["text"]
    found = events(post("chat", PATH, {**given, "stream": True}))
    assert found[-1][1]["response"]["output"][0]["content"][0]["logprobs"] == part["logprobs"]


def test_a_reply_follows_a_schema(post: Post) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": ["b"]}}, "required": ["a"], "additionalProperties": False}
    form = {"type": "json_schema", "name": "x", "schema": schema, "strict": True}
    body = post("chat", PATH, {"input": "a", "text": {"format": form}, "max_output_tokens": 64}).json()
    assert json.loads(body["output"][0]["content"][0]["text"]) == {"a": "b"}
    assert body["text"] == {"format": form}


def test_a_conversation_that_is_too_long_is_cut_where_it_is_asked_for_alone(post: Post) -> None:
    given = {"input": "wheel " * 2000, "max_output_tokens": 1}
    assert error_of(post("chat", PATH, given))["code"] == "context_length_exceeded"
    assert post("chat", PATH, {**given, "truncation": "auto"}).status_code == 200


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "input[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://x"}]}]},
            "input[0].content[0].type",
        ),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "c"}, "conversation"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"reasoning": {"effort": "high"}}, "reasoning.effort"),
        ({"include": ["file_search_call.results"]}, "include"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"max_tool_calls": 2}, "max_tool_calls"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"max_output_tokens": 10**9}, "max_output_tokens"),
        ({"tools": [{"type": "function", "name": "f"}]}, "tools"),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "wheel"}}}}, "text.format"),
    ],
    ids=str,
)
def test_what_is_not_there_is_refused_with_its_field(post: Post, more: Any, param: str) -> None:
    assert error_of(post("chat", PATH, {"input": "a", **more}))["param"] == param


def test_calls_and_failures_are_events_too(own: Predictor) -> None:
    view = View("chat", "1", own, inputs_of(own.bundle), Limits())
    body = json.dumps({"input": "a", "stream": True}).encode()
    asked = Responses().read(Request("openai.responses", body, {"content-type": "application/json"}), view)
    tools = Tools(({"type": "function", "function": {"name": "f", "parameters": {}}},))
    more = asked.more.__class__(**{**vars(asked.more), "tools": tools})
    writer = Responses().writer(asked.__class__(asked.records, asked.settings, True, more), view)
    sent = writer.begin([3]) + writer.piece(0, Chunk("Well. <tool_call>{"))
    sent += (
        writer.piece(0, Chunk('"name": "f", "arguments": {}}</tool_call>', "end", (-1.0,), 0, ("x",))) + writer.end()
    )
    found = [json.loads(one.split("data: ")[1]) for one in sent.decode().split("\n\n")[:-1]]
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    message, call = found[-1]["response"]["output"]
    assert message["content"][0]["text"] == "Well. "
    assert (call["type"], call["name"], call["arguments"], call["status"]) == ("function_call", "f", "{}", "completed")
    done = next(one for one in found if one["type"] == "response.function_call_arguments.done")
    assert (done["item_id"], done["output_index"], done["arguments"]) == (call["id"], 1, "{}")
    broken = writer.error(HTTPError(UserError("the wheel stands still"), code="x")) or b""
    failed = json.loads(broken.decode().split("data: ")[1])
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"]["message"] == "the wheel stands still"
