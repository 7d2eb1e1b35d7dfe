"""Tools that a reply may call: what a request offers, and the calls in what a model writes.

A call is JSON between the marks of its chat template, or, where a call is demanded, the whole answer. It is returned
and never run. Read next: text/chat_template.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from noria.contract.capabilities import Converses, declared
from noria.service.asking.operation import View
from noria.service.dialects.openai.body import Body
from noria.text.chat_template import CALL, CALL_END

MOST_TOOLS = 128


@dataclass(frozen=True)
class Tools:
    """tools: as chat templates read them. forced: whether the answer must be a call, and nothing else."""

    tools: tuple[dict[str, Any], ...] = ()
    forced: bool = False

    def settings(self, is_one: bool) -> dict[str, Any]:
        """Return how the answer must be written for it. is_one: at most one call."""
        if not self.forced:
            return {"stop": [CALL_END]} if self.tools and is_one else {}
        calls = [_call_schema(one["function"]) for one in self.tools]
        return {"json_schema": calls[0] if len(calls) == 1 else {"anyOf": calls}}


@dataclass(frozen=True)
class Call:
    """A call: the tool, and its arguments as JSON."""

    name: str
    arguments: str


def read_tools(body: Body, view: View, name: str, is_flat: bool = False) -> Tools:
    """Return what may be called, and whether something must be. name: the input that is the conversation.

    is_flat: each tool has its fields at the top, as in responses, and not in `function`.
    """
    tools = [_tool(one, is_flat) for one in body.objects("tools")]
    if len(tools) > MOST_TOOLS:
        body.wrong("tools", f"at most {MOST_TOOLS} tools", f"{len(tools)} tools")
    own = declared(view.predictor.task.inputs[name], Converses)
    if tools and not (own and own.takes_tools(view.predictor.states["inputs"][name])):
        body.refuse("tools", "this model's chat template has no place for tools")
    choice = body.take("tool_choice")
    if choice in (None, "auto"):
        return Tools(tuple(tools))
    if choice == "none":
        return Tools()
    wanted = _named(body.inside("tool_choice", choice), is_flat) if isinstance(choice, dict) else None
    chosen = [one for one in tools if wanted in (None, one["function"]["name"])]
    if (wanted is None and choice != "required") or not chosen:
        body.wrong("tool_choice", "none, auto, required, or a function of `tools`", choice)
    return Tools(tuple(chosen), forced=bool(chosen))


class CallReader:
    """Tells calls from text in an answer that comes in pieces."""

    def __init__(self, tools: Tools) -> None:
        self._tools, self._waiting, self._has_called = tools, "", False

    def push(self, piece: str) -> Iterator[str | Call]:
        """Yield the text and the calls that are certain by now."""
        if not self._tools.tools:
            yield from [piece] if piece else []
            return
        self._waiting += piece
        if not self._tools.forced:
            yield from self._certain()

    def end(self) -> Iterator[str | Call]:
        """Yield what is left: a call that was cut at its end mark, and what is none after all as text."""
        left, self._waiting = self._waiting, ""
        content = left if self._tools.forced else left.removeprefix(CALL)
        call = _call_of(content) if self._tools.forced or left.startswith(CALL) else None
        if call is not None:
            yield call
        elif left and not (self._has_called and left.isspace()):
            yield left

    def _certain(self) -> Iterator[str | Call]:
        while True:
            before, mark, after = self._waiting.partition(CALL)
            if not mark:
                held = _beginning_of(CALL, self._waiting)
                text, self._waiting = (
                    self._waiting[: len(self._waiting) - held],
                    self._waiting[len(self._waiting) - held :],
                )
                if self._has_called and text.isspace():  # line breaks between calls
                    text = ""
                yield from [text] if text else []
                return
            if before and not (self._has_called and before.isspace()):
                yield before
            content, end, rest = after.partition(CALL_END)
            if not end:
                self._waiting = mark + after
                return
            self._waiting = rest
            call = _call_of(content)
            self._has_called = self._has_called or call is not None
            yield f"{mark}{content}{end}" if call is None else call


def split(text: str, tools: Tools) -> tuple[str, list[Call]]:
    """Return the text of a whole answer, and its calls."""
    reader = CallReader(tools)
    found = [*reader.push(text), *reader.end()]
    return "".join(one for one in found if isinstance(one, str)), [one for one in found if isinstance(one, Call)]


def arguments_of(text: str) -> Any:
    """Return the arguments of an earlier call as templates read them: an object, where they are JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _tool(outer: Body, is_flat: bool) -> dict[str, Any]:
    if outer.needed("type") != "function":
        if outer.has("type"):
            outer.refuse("type", "only functions can be called", "offer functions alone")
        return {"type": "function", "function": {"name": "", "parameters": {}}}
    function = outer if is_flat else outer.object("function") or outer.inside("function", {})
    name, parameters = function.needed("name"), function.take("parameters")
    if not isinstance(name, str):
        function.wrong("name", "a text", name)
    if not isinstance(parameters, dict | None):
        function.wrong("parameters", "a JSON schema, an object", parameters)
    found = {"name": name, "description": function.text("description"), "parameters": parameters or {"type": "object"}}
    function.flag("strict")
    for one in (function, outer):
        one.end({})
    return {"type": "function", "function": found}


def _named(choice: Body, is_flat: bool) -> str:
    choice.one_of("type", ("function",))
    function = choice if is_flat else choice.object("function")
    return function.text("name") if function else ""


def _call_schema(function: dict[str, Any]) -> dict[str, Any]:
    properties = {"name": {"const": function["name"]}, "arguments": function["parameters"]}
    needed = ["name", "arguments"]
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _call_of(text: str) -> Call | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        return None
    arguments = found.get("arguments", found.get("parameters", {}))
    as_text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return Call(found["name"], as_text)


def _beginning_of(mark: str, text: str) -> int:
    """Return the length of the longest end of the text that the mark begins with."""
    return next((size for size in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:size])), 0)
