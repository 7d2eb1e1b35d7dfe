"""POST /v1/chat/completions: the next message of a conversation, whole or as it is written.

For models that take a conversation (`Converses`) and write their answer. The chat template is the model's own and is
never taken from a request; what a message says cannot become a special token. Read next: messages.py, tools.py,
writing.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from noria.service.asking.operation import Asked, Said, View, Writer, Written
from noria.service.dialects.openai.asking import FILED, OpenAIOperation, new_id, tokens_of
from noria.service.dialects.openai.body import Body, Passes
from noria.service.dialects.openai.messages import conversation_input, read_messages, record_of
from noria.service.dialects.openai.tools import Call, CallReader, Tools, read_tools, split
from noria.service.dialects.openai.writing import (
    AS_THEY_ARE,
    DONE,
    FINISHED,
    answers_of,
    error_event,
    event,
    logprobs_of,
    read_format,
    read_sampling,
    text_of,
    usage_of,
)
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError
from noria.types import Chunk, Prediction

PASSES: Passes = {
    **FILED,
    **AS_THEY_ARE,
    "modalities": (["text"],),
    "reasoning_effort": ("none",),
    "top_logprobs": (0,),
}


@dataclass(frozen=True)
class ChatRequest:
    """What writing a chat's answer needs of its request."""

    id: str
    tools: Tools
    with_logprobs: bool
    with_usage: bool
    created: int = field(default_factory=lambda: int(time.time()))


class ChatCompletions(OpenAIOperation):
    """Answer a conversation."""

    name = "openai.chat"
    path = "/v1/chat/completions"
    aliases = ("/hf/models/{model}/v1/chat/completions",)  # which Hugging Face's client makes of a model's address
    verb = "stream"
    is_batched = True
    summary = "Answer a conversation, as OpenAI's chat completions do."
    param = "messages"
    settings: ClassVar[Mapping[str, str]] = {"json_schema": "response_format"}

    def is_offered(self, view: View) -> bool:
        """Say whether the model takes conversations."""
        return conversation_input(view) is not None

    def read(self, request: Request, view: View) -> Asked:
        """Return the conversation, once for each answer that is wanted."""
        name = conversation_input(view) or ""
        body = Body(request.json(view.limits))
        body.text("model")
        messages, tools = read_messages(body), read_tools(body, view, name)
        count = body.whole("n", 1, view.limits.streams) or 1
        settings = _settings(body, view, tools)
        is_streamed, options = body.flag("stream"), body.object("stream_options")
        with_usage = options is not None and options.flag("include_usage")
        if options is not None:
            options.end({"include_obfuscation": (False,)})
            if not is_streamed:
                body.refuse("stream_options", "this goes with stream alone")
        more = ChatRequest(new_id("chatcmpl-", request), tools, body.flag("logprobs"), with_usage)
        body.end(PASSES)
        body.check()
        record = record_of(name, messages, tools)
        tokens_of([record[name]], name, view, "messages")
        return Asked([record] * count, answers_of(settings, count), is_streamed, more)

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Never asked: all answers are written by settings."""
        raise NotImplementedError

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        """Return the completion."""
        more: ChatRequest = asked.more
        choices = [_choice(number, one, more) for number, one in enumerate(answers)]
        usage = usage_of(answers[0].prompt_tokens, sum(len(one.logprobs) for one in answers))
        return Reply.json({**_head(more, view, "chat.completion"), "choices": choices, "usage": usage})

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes the chunks of a completion."""
        return ChatWriter(asked.more, view, len(asked.records))


class ChatWriter(Writer):
    """The chunks of a completion, each with what is new of one choice."""

    def __init__(self, request: ChatRequest, view: View, count: int) -> None:
        self._request = request
        self._head = _head(request, view, "chat.completion.chunk")
        if request.with_usage:
            self._head["usage"] = None  # of all but the last
        self._readers = [CallReader(request.tools) for _ in range(count)]
        self._calls = [0] * count
        self._prompt_tokens = self._tokens = 0

    def begin(self, prompt_tokens: Sequence[int]) -> bytes:
        """Return who speaks."""
        self._prompt_tokens = prompt_tokens[0]
        start = {"role": "assistant", "content": "", "refusal": None}
        return b"".join(self._chunk(number, start) for number in range(len(self._readers)))

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return new text and calls; with the last piece, why the answer ends and its probabilities."""
        reader = self._readers[record]
        found = [*reader.push(str(chunk.content)), *(reader.end() if chunk.ended else ())]
        sent = b"".join(self._chunk(record, self._delta(record, one)) for one in found)
        if chunk.ended is None:
            return sent
        self._tokens += len(chunk.logprobs)
        logprobs = {"content": logprobs_of(chunk.tokens, chunk.logprobs), "refusal": None}
        finish = _finish(chunk.ended, self._calls[record])
        return sent + self._chunk(record, {}, finish, logprobs if self._request.with_logprobs else None)

    def end(self) -> bytes:
        """Return what was used, where that is wanted, and the mark of the end."""
        if not self._request.with_usage:
            return DONE
        return event({**self._head, "choices": [], "usage": usage_of(self._prompt_tokens, self._tokens)}) + DONE

    def error(self, error: HTTPError) -> bytes:
        """Return the error as an event."""
        return error_event(error)

    def _delta(self, record: int, new: str | Call) -> dict[str, Any]:
        if isinstance(new, str):
            return {"content": new}
        number = self._calls[record]
        self._calls[record] += 1
        return {"tool_calls": [{"index": number, **_call(self._request, record, number, new)}]}

    def _chunk(self, record: int, delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> bytes:
        choice = {"index": record, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return event({**self._head, "choices": [choice]})


def _settings(body: Body, view: View, tools: Tools) -> dict[str, Any]:
    """Return how the answer is to be written."""
    is_several = body.flag("parallel_tool_calls", usual=True)
    wanted = body.object("response_format")
    form = read_format(wanted) if wanted else {}
    if wanted is not None:
        wanted.end({})
    called = tools.settings(is_one=not is_several)
    if form and tools.tools:
        body.refuse(
            "response_format", "an answer that may call tools cannot be held to a format", "ask for one of both"
        )
    stop = [*body.texts("stop"), *called.pop("stop", [])]
    settings = {**read_sampling(body, view, ("max_completion_tokens", "max_tokens")), **form, **called}
    return {**settings, "stop": stop} if stop else settings


def _head(request: ChatRequest, view: View, kind: str) -> dict[str, Any]:
    return {
        "id": request.id,
        "object": kind,
        "created": request.created,
        "model": view.name,
        "system_fingerprint": view.version,
        "service_tier": "default",
    }


def _choice(number: int, written: Written, request: ChatRequest) -> dict[str, Any]:
    text, calls = split(text_of(written), request.tools)
    message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None}
    message |= {"refusal": None, "annotations": []}
    if calls:
        message["tool_calls"] = [_call(request, number, place, one) for place, one in enumerate(calls)]
    found = {"content": logprobs_of(written.tokens, written.logprobs), "refusal": None}
    return {
        "index": number,
        "message": message,
        "logprobs": found if request.with_logprobs else None,
        "finish_reason": _finish(written.ended, len(calls)),
    }


def _call(request: ChatRequest, record: int, number: int, call: Call) -> dict[str, Any]:
    """Return a call, whose id is its own among all answers."""
    name = f"call_{request.id.removeprefix('chatcmpl-')}_{record}_{number}"
    return {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _finish(ended: str, num_calls: int) -> str:
    return "tool_calls" if num_calls and ended != "length" else FINISHED[ended]
