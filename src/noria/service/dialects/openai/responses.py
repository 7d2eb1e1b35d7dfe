"""POST /v1/responses: a reply to a text or to the items so far.

Nothing is kept: `store` is false, there is no earlier one.
For the models that answer chats, in the same way: the items become messages (messages.py), the reply becomes items.
Read next: response_items.py; response_events.py, which says the same piece by piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from noria.service.asking.operation import Asked, Said, View, Writer, Written
from noria.service.dialects.openai.asking import FILED, OpenAIOperation, new_id, tokens_of
from noria.service.dialects.openai.body import Body, Passes
from noria.service.dialects.openai.messages import conversation_input, read_input, record_of
from noria.service.dialects.openai.response_events import ResponseWriter
from noria.service.dialects.openai.response_items import ResponseRequest, items_of, response_of, usage_of
from noria.service.dialects.openai.tools import CallReader, Tools, read_tools
from noria.service.dialects.openai.writing import logprobs_of, read_format, read_sampling, text_of
from noria.service.request.exchange import Reply, Request
from noria.types import Prediction

LOGPROBS = "message.output_text.logprobs"
PASSES: Passes = {**FILED, "background": (False,), "top_logprobs": (0,), "include": ([],)}
REASONING: Passes = {"effort": ("none",)}


class Responses(OpenAIOperation):
    """Reply to what was said."""

    name = "openai.responses"
    path = "/v1/responses"
    verb = "stream"
    is_batched = True
    summary = "Reply to a text or to items, as OpenAI's responses do; nothing is stored."
    param = "input"
    settings: ClassVar[Mapping[str, str]] = {"json_schema": "text.format", "max_tokens": "max_output_tokens"}

    def is_offered(self, view: View) -> bool:
        """Say whether the model takes conversations."""
        return conversation_input(view) is not None

    def read(self, request: Request, view: View) -> Asked:
        """Return the conversation."""
        name = conversation_input(view) or ""
        value = request.json(view.limits)
        body = Body(value)
        body.text("model")
        messages, tools = read_input(body), read_tools(body, view, name, is_flat=True)
        settings = _settings(body, view, tools)
        with_logprobs = body.texts("include") == [LOGPROBS]
        if not with_logprobs and body.has("include") and body.take("include"):
            body.wrong("include", LOGPROBS, body.take("include"), "unsupported_value")
        is_cut = body.one_of("truncation", ("auto", "disabled"), "disabled") == "auto"
        is_streamed, options = body.flag("stream"), body.object("stream_options")
        if options is not None:
            options.end({"include_obfuscation": (False,)})
        if (reasoning := body.object("reasoning")) is not None:
            reasoning.end(REASONING)
        body.end(PASSES)
        body.check()
        record = record_of(name, messages, tools)
        if not is_cut:
            tokens_of([record[name]], name, view, "input")
        more = ResponseRequest(new_id("resp_", request), tools, with_logprobs, _given(value))
        return Asked([record], [settings], is_streamed, more)

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Never asked: all answers are written by settings."""
        raise NotImplementedError

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        """Return the response."""
        (one,) = answers
        more: ResponseRequest = asked.more
        reader = CallReader(more.tools)
        logprobs = logprobs_of(one.tokens, one.logprobs) if more.with_logprobs else []
        items = items_of([*reader.push(text_of(one)), *reader.end()], more, logprobs)
        usage = usage_of(one.prompt_tokens, len(one.logprobs))
        return Reply.json(response_of(more, view, items, one.ended, usage))

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes the events of a response."""
        return ResponseWriter(asked.more, view)


# What a response repeats of its request, and what stands there where nothing was asked.
REPEATED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}


def _given(body: dict[str, Any]) -> dict[str, Any]:
    found = {name: usual if body.get(name) is None else body[name] for name, usual in REPEATED.items()}
    return {**found, "service_tier": "default"}


def _settings(body: Body, view: View, tools: Tools) -> dict[str, Any]:
    """Return how the reply is to be written."""
    is_several = body.flag("parallel_tool_calls", usual=True)
    text, form = body.object("text"), {}
    if text is not None:
        if (wanted := text.object("format")) is not None:
            form = read_format(wanted)
            wanted.end({})
        text.end({})
    if form and tools.tools:
        body.refuse("text", "a reply that may call tools cannot be held to a format", "ask for one of both")
    return {**read_sampling(body, view, ("max_output_tokens",)), **form, **tools.settings(is_one=not is_several)}
