"""Tools: offered where the chat template knows them, and their calls told from text, in one piece or in many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.service.app import make_app
from noria.service.asking.operation import View, Written
from noria.service.dialects.openai.chat import ChatCompletions
from noria.service.dialects.openai.tools import Call, CallReader, Tools, split
from noria.service.request.exchange import Request
from noria.service.request.inputs import inputs_of
from noria.service.request.limits import Limits
from noria.types import Chunk
from service.conftest import Ask
from service.openai.conftest import error_of

TALK = [{"role": "user", "content": "Is it raining?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"at": {"enum": ["sea"]}},
    "required": ["at"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
FLAT = [{"type": "function", "name": "weather", "parameters": PARAMETERS}]
TEMPLATE = (
    "{% for one in tools or [] %}{{ one | tojson }} call as <tool_call>{% endfor %}"
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ (m.tool_calls or []) | tojson }}\n{% endfor %}assistant: "
)
OFFERED = Tools(tuple(TOOLS))
CALL = '<tool_call>\n{"name": "weather", "arguments": {"at": "sea"}}\n</tool_call>'
WEATHER = Call("weather", '{"at": "sea"}')


@pytest.fixture
def app(served: Any) -> Iterator[Any]:
    """A chat whose template has a place for tools."""
    predictor, _ = served("chat")
    state = predictor.states["inputs"]["messages"]
    before, state["template"] = state["template"], {"jinja": TEMPLATE, "tokens": {}}
    try:
        yield make_app(predictor, Limits(answer_tokens=64))
    finally:
        state["template"] = before


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}], ids=str)
def test_a_call_that_is_demanded_is_made(app: Any, ask: Ask, choice: Any) -> None:
    body = {"messages": TALK, "tools": TOOLS, "tool_choice": choice, "max_tokens": 64}
    found = ask(app, "POST", "/v1/chat/completions", json=body).json()["choices"][0]
    assert found["finish_reason"] == "tool_calls"
    assert found["message"]["content"] is None
    (call,) = found["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert json.loads(call["function"]["arguments"]) == {"at": "sea"}
    flat = {**body, "tools": FLAT, "input": "Is it raining?", "max_output_tokens": 64}
    flat["tool_choice"] = choice if isinstance(choice, str) else {"type": "function", "name": "weather"}
    del flat["messages"], flat["max_tokens"]
    (item,) = ask(app, "POST", "/v1/responses", json=flat).json()["output"]
    assert (item["type"], item["name"], json.loads(item["arguments"])) == ("function_call", "weather", {"at": "sea"})


def test_what_a_tool_answered_goes_back_to_the_model(app: Any, ask: Ask, served: Any) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"at": "sea"}'}}
    answered = [*TALK, {"role": "assistant", "content": None, "tool_calls": [call]}]
    answered += [{"role": "tool", "tool_call_id": "c1", "content": "Yes."}]
    body = {"messages": answered, "tools": TOOLS, "max_tokens": 8}
    found = ask(app, "POST", "/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    made = {**call, "function": {"name": "weather", "arguments": {"at": "sea"}}}
    record = {"messages": [*TALK, {"role": "assistant", "tool_calls": [made]}, answered[2]], "tools": TOOLS}
    record["messages"][1]["content"] = ""
    filled = [{**tool, "function": {"description": "", **tool["function"]}} for tool in TOOLS]
    pieces = served("chat")[0].stream({"messages": {**record, "tools": filled}}, max_tokens=8)
    assert found == "".join(str(one.content) for one in pieces)
    items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Is it raining?"}]}]
    items += [{"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"at": "sea"}'}]
    items += [{"type": "function_call_output", "call_id": "c1", "output": "Yes."}]
    body = {"input": items, "tools": FLAT, "max_output_tokens": 8}
    (item,) = ask(app, "POST", "/v1/responses", json=body).json()["output"]
    assert item["content"][0]["text"] == found


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tool_choice": "required", "tools": []}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tool_choice": "wheel"}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": [{"role": "tool", "content": "Yes."}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "messages[0].tool_calls[0].function.name"),
    ],
    ids=str,
)
def test_what_is_wrong_with_tools_is_told_with_its_place(app: Any, ask: Ask, more: Any, param: str) -> None:
    response = ask(app, "POST", "/v1/chat/completions", json={"messages": TALK, "tools": TOOLS, **more})
    assert param in error_of(response)["message"]


def read(pieces: list[str]) -> tuple[str, list[Call]]:
    reader = CallReader(OFFERED)
    found = [one for piece in pieces for one in reader.push(piece)] + list(reader.end())
    return "".join(one for one in found if isinstance(one, str)), [one for one in found if isinstance(one, Call)]


@pytest.mark.parametrize(
    ("text", "said", "calls"),
    [
        (CALL, "", [WEATHER]),
        (f"Let me look.\n{CALL}\n{CALL}", "Let me look.\n", [WEATHER, WEATHER]),
        (CALL.removesuffix("\n</tool_call>"), "", [WEATHER]),  # a stop text has cut the end
        ("a <tool", "a <tool", []),
        ("a < b", "a < b", []),
        ('<tool_call>{"name": "wea', '<tool_call>{"name": "wea', []),
        ("<tool_call>wheel</tool_call>.", "<tool_call>wheel</tool_call>.", []),
        ("", "", []),
    ],
)
@given(data=st.data())
def test_calls_are_told_from_text_however_it_is_cut(text: str, said: str, calls: list[Call], data: Any) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    assert read(pieces) == (said, calls) == split(text, OFFERED)


def test_a_streamed_call_is_whole_in_one_delta_and_text_before_it_is_not_held_back(served: Any) -> None:
    predictor, _ = served("chat")
    view = View("chat", "1", predictor, inputs_of(predictor.bundle), Limits())
    asked = ChatCompletions().read(request({"messages": TALK, "stream": True}), view)
    more = asked.more.__class__(**{**vars(asked.more), "tools": OFFERED})
    asked = asked.__class__(asked.records, asked.settings, True, more)
    writer = ChatCompletions().writer(asked, view)
    sent = [
        writer.piece(0, Chunk(piece))
        for piece in ("Let me ", "look. <to", "ol_call>{", CALL.removeprefix("<tool_call>\n{"))
    ]
    sent.append(writer.piece(0, Chunk("", "end", (-0.1,), 0, ("x",))))
    deltas = [
        json.loads(event.removeprefix("data: "))["choices"][0]
        for one in sent
        for event in one.decode().split("\n\n")
        if event
    ]
    assert [one["delta"].get("content") for one in deltas] == ["Let me ", "look. ", None, None]
    (call,) = deltas[2]["delta"]["tool_calls"]
    assert call["index"] == 0
    assert call["function"] == {"name": "weather", "arguments": '{"at": "sea"}'}
    assert deltas[3]["finish_reason"] == "tool_calls"
    whole = json.loads(ChatCompletions().write_written([Written(f"Let me look. {CALL}", "end")], asked, view).body)
    assert whole["choices"][0]["message"]["content"] == "Let me look. "
    assert whole["choices"][0]["message"]["tool_calls"][0]["id"] == call["id"]


def request(body: Any) -> Request:
    return Request("openai.chat", json.dumps(body).encode(), {"content-type": "application/json"}, id="r1")
