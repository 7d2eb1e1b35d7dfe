"""What was said so far, in the words of chats and in those of responses: messages as a chat template reads them.

Content is text. Pictures, sounds and files are refused where they stand, and no address is ever fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.contract import streaming
from noria.contract.capabilities import Converses, declared
from noria.service.asking.operation import View
from noria.service.dialects.openai.body import ANY, Body, Passes
from noria.service.dialects.openai.tools import Tools, arguments_of

ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
TEXTS = ("text", "input_text", "output_text")  # kinds of parts
# Of an earlier answer that a client gives back as it came.
OF_ANSWERS: Passes = {"refusal": (), "annotations": ([],), "audio": (), "function_call": (), "id": ANY, "status": ANY}
OF_PARTS: Passes = {"annotations": ([],), "logprobs": ANY}


def conversation_input(view: View) -> str | None:
    """Return the model's only input where that is a conversation, and the answer is written; None for others."""
    task = view.predictor.task
    names = [name for name, one in task.inputs.items() if declared(one, Converses) is not None]
    return names[0] if len(task.inputs) == len(names) == 1 and streaming.can_generate(task.target) else None


def record_of(name: str, messages: Sequence[dict[str, Any]], tools: Tools) -> dict[str, Any]:
    """Return the record of a conversation."""
    said: Any = {"messages": list(messages), "tools": list(tools.tools)} if tools.tools else list(messages)
    return {name: said}


def read_messages(body: Body) -> list[dict[str, Any]]:
    """Return the messages of a chat."""
    if not body.has("messages"):
        body.needed("messages")
    given = body.objects("messages")
    if body.has("messages") and not given:
        body.wrong("messages", "at least one message", [])
    return [_chat_message(one) for one in given]


def read_input(body: Body) -> list[dict[str, Any]]:
    """Return the messages of a response's `input`, a text or a list of items, after its `instructions`."""
    found: list[dict[str, Any]] = []
    if instructions := body.text("instructions"):
        found.append({"role": "system", "content": instructions})
    value = body.needed("input")
    if isinstance(value, str):
        return [*found, {"role": "user", "content": value}]
    if value is not None and (not isinstance(value, list) or not value):
        body.wrong("input", "a text, or a list with at least one item", value)
    for index, one in enumerate(value if isinstance(value, list) else []):
        _take_item(body.inside(f"input[{index}]", one), found)
    return found


def _chat_message(one: Body) -> dict[str, Any]:
    role = ROLES[one.one_of("role", tuple(ROLES), "user")]
    one.needed("role")
    message: dict[str, Any] = {"role": role, "content": _content(one)}
    if role == "assistant" and (calls := [_call(call) for call in one.objects("tool_calls")]):
        message["tool_calls"] = calls
    elif not one.has("content"):
        one.needed("content")
    if role == "tool":
        one.needed("tool_call_id")
        one.text("name")
    one.end({**OF_ANSWERS, "tool_calls": ([],)})
    return message


def _content(one: Body, field: str = "content") -> str:
    value = one.take(field)
    if isinstance(value, str | None):
        return value or ""
    if not isinstance(value, list):
        one.wrong(field, "a text or a list of parts", value)
        return ""
    return "".join(_part(one.inside(f"{field}[{index}]", part)) for index, part in enumerate(value))


def _part(part: Body) -> str:
    if part.needed("type") not in TEXTS:
        part.refuse("type", "this model reads text alone", "leave the part out")
        return ""
    part.needed("text")
    found = part.text("text")
    part.end(OF_PARTS)
    return found


def _call(call: Body) -> dict[str, Any]:
    call.needed("id")
    call.one_of("type", ("function",))
    function = call.object("function") or call.inside("function", {})
    found = _called(function, call.text("id"))
    function.end({})
    call.end({"index": ANY})
    return found


def _called(function: Body, number: str) -> dict[str, Any]:
    name, arguments = function.needed("name"), function.text("arguments", "{}")
    return {"id": number, "type": "function", "function": {"name": name, "arguments": arguments_of(arguments)}}


def _take_item(item: Body, found: list[dict[str, Any]]) -> None:
    """Add an item of a response's input to the messages before it."""
    kind = item.one_of("type", ("message", "function_call", "function_call_output"), "message")
    if kind == "message":
        role = ROLES[item.one_of("role", ("developer", "system", "user", "assistant"), "user")]
        item.needed("role")
        item.needed("content")
        found.append({"role": role, "content": _content(item)})
    elif kind == "function_call":
        item.needed("call_id")
        if not (found and "tool_calls" in found[-1]):
            found.append({"role": "assistant", "content": "", "tool_calls": []})
        found[-1]["tool_calls"].append(_called(item, item.text("call_id")))
    else:
        item.needed("call_id")
        item.needed("output")
        found.append({"role": "tool", "content": _content(item, "output")})
    item.end({"id": ANY, "status": ANY, "phase": ANY})
