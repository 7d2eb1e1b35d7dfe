"""POST /v1/completions: how texts go on. For models with one text as their input that write their answer."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from noria.contract import streaming
from noria.service.asking.operation import Asked, Said, View, Writer, Written
from noria.service.dialects.openai.asking import FILED, OpenAIOperation, new_id, text_input, tokens_of
from noria.service.dialects.openai.body import Body, Passes
from noria.service.dialects.openai.writing import (
    AS_THEY_ARE,
    DONE,
    FINISHED,
    answers_of,
    error_event,
    event,
    read_sampling,
    text_of,
    usage_of,
)
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError
from noria.types import Chunk, Prediction

PASSES: Passes = {**FILED, **AS_THEY_ARE, "suffix": ("",), "best_of": (1,)}
NO_IDS = "token ids of another tokenizer mean something else here"


@dataclass(frozen=True)
class CompletionRequest:
    """What writing completions needs of its request. echoes: what stands before each answer; count: per prompt."""

    id: str
    echoes: tuple[str, ...]
    count: int
    with_logprobs: bool
    with_usage: bool
    created: int = field(default_factory=lambda: int(time.time()))


class Completions(OpenAIOperation):
    """Go on from prompts."""

    name = "openai.completions"
    path = "/v1/completions"
    verb = "stream"
    is_batched = True
    summary = "Go on from one or several prompts, as OpenAI's completions do."
    param = "prompt"

    def is_offered(self, view: View) -> bool:
        """Say whether the model goes on from a text."""
        return text_input(view) is not None and streaming.can_generate(view.predictor.task.target)

    def read(self, request: Request, view: View) -> Asked:
        """Return each prompt, once for each answer that is wanted to it."""
        name, most = text_input(view) or "", view.limits.streams
        body = Body(request.json(view.limits))
        body.text("model")
        prompts = read_texts(body, "prompt", most)
        count = body.whole("n", 1, most) or 1
        if len(prompts) * count > most:
            body.wrong("n", f"at most {most} answers in all", f"{count} to each of {len(prompts)} prompts")
        settings = read_sampling(body, view, ("max_tokens",))
        if stop := body.texts("stop"):
            settings["stop"] = stop
        is_echo, logprobs = body.flag("echo"), body.whole("logprobs", 0, 0)
        if is_echo and logprobs is not None:
            body.refuse("logprobs", "the probabilities of a prompt's own tokens are not told", "leave it or echo out")
        is_streamed, options = body.flag("stream"), body.object("stream_options")
        with_usage = options is not None and options.flag("include_usage")
        if options is not None:
            options.end({"include_obfuscation": (False,)})
        body.end(PASSES)
        body.check()
        tokens_of(prompts, name, view, "prompt")
        records = [{name: prompt} for prompt in prompts for _ in range(count)]
        echoes = tuple(prompt if is_echo else "" for prompt in prompts for _ in range(count))
        more = CompletionRequest(new_id("cmpl-", request), echoes, count, logprobs is not None, with_usage)
        return Asked(records, answers_of(settings, count) * len(prompts), is_streamed, more)

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Never asked: all answers are written by settings."""
        raise NotImplementedError

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        """Return the completions."""
        more: CompletionRequest = asked.more
        choices = [
            _choice(i, more.echoes[i] + text_of(one), one.ended, _logprobs(one.tokens, one.logprobs, more))
            for i, one in enumerate(answers)
        ]
        prompt_tokens = sum(one.prompt_tokens for one in answers) // more.count
        usage = usage_of(prompt_tokens, sum(len(one.logprobs) for one in answers))
        return Reply.json({**_head(more, view), "choices": choices, "usage": usage})

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes completions as they come."""
        return CompletionWriter(asked.more, view)


class CompletionWriter(Writer):
    """Completions with what is new of one choice each."""

    def __init__(self, request: CompletionRequest, view: View) -> None:
        self._request, self._head = request, _head(request, view)
        if request.with_usage:
            self._head["usage"] = None  # of all but the last
        self._prompt_tokens = self._tokens = 0

    def begin(self, prompt_tokens: Sequence[int]) -> bytes:
        """Return the prompts, where they are to be repeated."""
        self._prompt_tokens = sum(prompt_tokens) // self._request.count
        echoes = enumerate(self._request.echoes)
        return b"".join(self._event(_choice(index, echo)) for index, echo in echoes if echo)

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return new text; with the last piece, why the answer ends and its probabilities."""
        self._tokens += len(chunk.logprobs)
        logprobs = _logprobs(chunk.tokens, chunk.logprobs, self._request) if chunk.ended else None
        return self._event(_choice(record, str(chunk.content), chunk.ended, logprobs))

    def end(self) -> bytes:
        """Return what was used, where that is wanted, and the mark of the end."""
        if not self._request.with_usage:
            return DONE
        return event({**self._head, "choices": [], "usage": usage_of(self._prompt_tokens, self._tokens)}) + DONE

    def error(self, error: HTTPError) -> bytes:
        """Return the error as an event."""
        return error_event(error)

    def _event(self, choice: dict[str, Any]) -> bytes:
        return event({**self._head, "choices": [choice]})


def read_texts(body: Body, field: str, most: int) -> list[str]:
    """Return a text or a list of texts that must be there; token ids are refused."""
    value = body.needed(field)
    items = value if isinstance(value, list) else [value]
    if any(isinstance(one, int | list) and not isinstance(one, bool) for one in items):
        body.refuse(field, NO_IDS, "send texts (LangChain: check_embedding_ctx_length=False)", "invalid_value")
        return []
    found = body.texts(field)
    if isinstance(value, list) and not 1 <= len(value) <= most:
        body.wrong(field, f"1 to {most} texts", f"{len(value)} texts")
    return found


def _head(request: CompletionRequest, view: View) -> dict[str, Any]:
    return {
        "id": request.id,
        "object": "text_completion",
        "created": request.created,
        "model": view.name,
        "system_fingerprint": view.version,
    }


def _choice(index: int, text: str, ended: str | None = None, logprobs: Any = None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": ended and FINISHED[ended]}


def _logprobs(tokens: Sequence[str], logprobs: Sequence[float], request: CompletionRequest) -> dict[str, Any] | None:
    if not request.with_logprobs:
        return None
    ends = itertools.accumulate(map(len, tokens), initial=0)
    return {
        "tokens": list(tokens),
        "token_logprobs": list(logprobs),
        "top_logprobs": None,
        "text_offset": [place for place, _ in zip(ends, tokens, strict=False)],
    }
