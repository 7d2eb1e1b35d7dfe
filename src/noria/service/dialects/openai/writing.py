"""How an answer is to be written, in OpenAI's words and in ours; and what is counted of it.

What a request does not say is as the model's job says: a model answers here as it does everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from noria.service.asking.operation import View, Written
from noria.service.dialects.openai.body import Body, Passes
from noria.service.request.http_error import HTTPError, json_bytes

MOST_SEED = 2**62
OTHER_ANSWERS = 2**32  # seeds of the second answer to a record and those after it, far from any that a job sets
EVENTS = "text/event-stream"
DONE = b"data: [DONE]\n\n"
FINISHED = {"end": "stop", "stop": "stop", "length": "length"}  # why an answer ended
# What would bend the probabilities of tokens otherwise than a model here can; these values leave them as they are.
AS_THEY_ARE: Passes = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
}


def read_sampling(body: Body, view: View, lengths: Sequence[str]) -> dict[str, Any]:
    """Return the settings that a body asks for, as `Predictor.stream` takes them. lengths: names of the longest answer.

    The last three are those of vLLM and others, which many clients send.
    """
    most = view.limits.answer_tokens
    asked = [body.whole(name, 1, most) for name in lengths]
    found = {
        "max_tokens": next((one for one in asked if one is not None), None),
        "temperature": body.number("temperature", 0, 100),
        "top_p": body.number("top_p", 0, 1),
        "seed": body.whole("seed", -MOST_SEED, MOST_SEED),
        "top_k": body.whole("top_k", 1, MOST_SEED),
        "min_p": body.number("min_p", 0, 1),
        "repetition_penalty": body.number("repetition_penalty", 0.01, 100),
    }
    if found["top_p"] == 0:  # OpenAI's clients mean the likeliest token by it
        found |= {"top_p": None, "temperature": 0}
    if found["seed"] is not None:
        found["seed"] = abs(int(found["seed"]))
    return {name: value for name, value in found.items() if value is not None}


def answers_of(settings: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the settings of several answers to one record: the first is that of a single one."""
    first = int(settings.get("seed", OTHER_ANSWERS))
    return [dict(settings), *({**settings, "seed": first + number} for number in range(1, count))]


def read_format(body: Body) -> dict[str, Any]:
    """Return the setting that makes the answer JSON, from `response_format` or `text.format`; {} for any text."""
    wanted = body.one_of("type", ("text", "json_object", "json_schema"), "text")
    nested = body.object("json_schema")
    for one in (body, *([nested] if nested else [])):
        one.text("name"), one.text("description"), one.flag("strict")
    schema = (nested or body).take("schema") or body.take("value")  # the latter is how Hugging Face's client says it
    if wanted == "text":
        return {}
    if wanted == "json_schema" and not isinstance(schema, dict):
        (nested or body).wrong("schema", "a JSON schema, an object", schema)
    return {"json_schema": schema if isinstance(schema, dict) else {"type": "object"}}


def logprobs_of(tokens: Sequence[str], logprobs: Sequence[float]) -> list[dict[str, Any]]:
    """Return the probability of each token of an answer as chats and responses tell it."""
    return [
        {"token": token, "logprob": logprob, "bytes": list(token.encode()), "top_logprobs": []}
        for token, logprob in zip(tokens, logprobs, strict=True)
    ]


def usage_of(prompt_tokens: int, tokens: int) -> dict[str, Any]:
    """Return how many tokens were read and written, as chats and completions tell it."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": tokens,
        "total_tokens": prompt_tokens + tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def text_of(written: Written) -> str:
    """Return what was written."""
    return written.content if isinstance(written.content, str) else written.content.decode("utf-8", "replace")


def event(content: object, name: str = "") -> bytes:
    """Return a server-sent event."""
    head = b"event: %b\n" % name.encode() if name else b""
    return b"%bdata: %b\n\n" % (head, json_bytes(content))


def error_event(error: HTTPError) -> bytes:
    """Return what ends a stream that breaks off: OpenAI's clients raise it."""
    return event(error.content())
