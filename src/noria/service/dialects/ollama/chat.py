"""POST /api/chat: the next message of a conversation, with the tools that it may call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from noria.service.asking.operation import Asked, Reply, Request, Said, View, Writer, Written
from noria.service.dialects.ollama.asking import ALWAYS, OllamaOperation
from noria.service.dialects.ollama.options import read_settings
from noria.service.dialects.ollama.writing import LineWriter, Wanted, loaded
from noria.service.dialects.openai.asking import tokens_of
from noria.service.dialects.openai.body import ANY, Body, Passes
from noria.service.dialects.openai.messages import conversation_input, record_of
from noria.service.dialects.openai.tools import Call, CallReader, Tools, read_tools, split
from noria.service.dialects.openai.writing import text_of
from noria.types import Chunk, Prediction

ROLES = ("system", "user", "assistant", "tool")
OF_MESSAGES: Passes = {"images": ([],), "thinking": ("",), "tool_calls": ([],)}


class ChatMessage(OllamaOperation):
    """Answer a conversation."""

    name = "ollama.chat"
    path = "/api/chat"
    verb = "stream"
    summary = "Answer a conversation, as Ollama does."

    def is_offered(self, view: View) -> bool:
        """Say whether the model takes conversations."""
        return conversation_input(view) is not None

    def read(self, request: Request, view: View) -> Asked:
        """Return the conversation, or nothing where the model is only to be loaded."""
        name, body = conversation_input(view) or "", self.body_of(request, view)
        body.needed("model")
        wanted = Wanted(body.text("model"), body.flag("logprobs"))
        messages = [_message(one) for one in body.objects("messages")]
        tools = read_tools(body, view, name)
        settings, is_streamed = read_settings(body, view), body.flag("stream", usual=True)
        if tools.tools and "json_schema" in settings:
            body.refuse("format", "an answer that may call tools cannot be held to a format", "ask for one of both")
        keep_alive = body.take("keep_alive")
        body.end(ALWAYS)
        body.check()
        if not messages:
            return Asked([], more=(wanted, keep_alive))
        record = record_of(name, messages, tools)
        tokens_of([record[name]], name, view, "messages")
        return Asked([record], [settings], is_streamed, (wanted, tools))

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Say that the model is loaded."""
        wanted, keep_alive = asked.more
        return Reply.json(loaded(wanted, _said(""), keep_alive))

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        """Return the whole message."""
        (one,), (wanted, tools) = answers, asked.more
        content = _said(*split(text_of(one), tools))
        last: dict[str, Any] = wanted.last(content, one.ended, one.prompt_tokens, one.tokens, one.logprobs)
        return Reply.json(last)

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes the message as it comes."""
        return MessageWriter(*asked.more)


class MessageWriter(LineWriter):
    """The pieces of a message: text, and each call as a whole."""

    def __init__(self, wanted: Wanted, tools: Tools) -> None:
        super().__init__(wanted)
        self._reader = CallReader(tools)

    def contents(self, chunk: Chunk) -> Sequence[dict[str, Any]]:
        """Return new text and calls."""
        found = [*self._reader.push(str(chunk.content)), *(self._reader.end() if chunk.ended else ())]
        return [_said("", [one]) if isinstance(one, Call) else _said(one) for one in found]

    def empty(self) -> dict[str, Any]:
        """Return a message without text."""
        return _said("")


def _said(text: str, calls: Sequence[Call] = ()) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        functions = [{"name": one.name, "arguments": _arguments(one.arguments)} for one in calls]
        message["tool_calls"] = [{"function": one} for one in functions]
    return {"message": message}


def _arguments(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"arguments": text}


def _message(one: Body) -> dict[str, Any]:
    one.needed("role")
    message: dict[str, Any] = {"role": one.one_of("role", ROLES, "user"), "content": one.text("content")}
    if message["role"] == "assistant" and (calls := [_call(call) for call in one.objects("tool_calls")]):
        message["tool_calls"] = calls
    elif not one.has("content"):
        one.needed("content")
    if message["role"] == "tool":
        one.text("tool_name")
    one.end(OF_MESSAGES)
    return message


def _call(call: Body) -> dict[str, Any]:
    """Return an earlier call as chat templates read it."""
    function = call.object("function") or call.inside("function", None)
    told = {"name": function.needed("name"), "arguments": function.take("arguments") or {}}
    function.end({"index": ANY, "description": ANY})
    call.end({"id": ANY, "type": ("function",)})
    return {"type": "function", "function": told}
