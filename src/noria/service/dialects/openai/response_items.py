"""What a response is made of: the message and the calls that are its items, and the response itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from noria.service.asking.operation import View
from noria.service.dialects.openai.tools import Call, Tools


@dataclass(frozen=True)
class ResponseRequest:
    """What writing a response needs of its request. given: fields that a response repeats as they came."""

    id: str
    tools: Tools
    with_logprobs: bool
    given: dict[str, Any]
    created: int = field(default_factory=lambda: int(time.time()))

    def item_id(self, kind: str, number: int) -> str:
        """Return the name of the response's n-th item."""
        return f"{kind}_{self.id.removeprefix('resp_')}_{number}"


def items_of(found: Sequence[str | Call], request: ResponseRequest, logprobs: Any) -> list[dict[str, Any]]:
    """Return the items of a reply: its text as one message, and each call."""
    text = "".join(one for one in found if isinstance(one, str))
    calls = [one for one in found if isinstance(one, Call)]
    items = [message_item(request, 0, text, logprobs)] if text or not calls else []
    return items + [call_item(request, len(items) + i, one) for i, one in enumerate(calls)]


def message_item(
    request: ResponseRequest, number: int, text: str, logprobs: Any = (), status: str = "completed"
) -> dict[str, Any]:
    """Return a message; one that is only begun has no content yet."""
    content = [text_part(text, logprobs)] if status == "completed" else []
    item = {"id": request.item_id("msg", number), "type": "message", "status": status, "role": "assistant"}
    return {**item, "content": content}


def text_part(text: str, logprobs: Any = ()) -> dict[str, Any]:
    """Return the content of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": list(logprobs)}


def call_item(request: ResponseRequest, number: int, call: Call, status: str = "completed") -> dict[str, Any]:
    """Return a call; one that is only begun has no arguments yet."""
    return {
        "id": request.item_id("fc", number),
        "type": "function_call",
        "status": status,
        "call_id": request.item_id("call", number),
        "name": call.name,
        "arguments": call.arguments if status == "completed" else "",
    }


def response_of(
    request: ResponseRequest,
    view: View,
    items: Sequence[dict[str, Any]] = (),
    ended: str | None = None,
    usage: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a response: in progress where nothing has ended it yet."""
    status = "in_progress" if ended is None else {"length": "incomplete", "error": "failed"}.get(ended, "completed")
    return {
        "id": request.id,
        "object": "response",
        "created_at": request.created,
        "completed_at": int(time.time()) if status == "completed" else None,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if ended == "length" else None,
        "model": view.name,
        "output": list(items),
        "previous_response_id": None,
        "store": False,
        "usage": usage,
        **request.given,
    }


def usage_of(prompt_tokens: int, tokens: int) -> dict[str, Any]:
    """Return how many tokens were read and written."""
    return {
        "input_tokens": prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt_tokens + tokens,
    }
