"""The events of a response as it is written: each item is begun, filled and ended, then comes the whole response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.service.asking.operation import View, Writer
from noria.service.dialects.openai.response_items import (
    ResponseRequest,
    call_item,
    message_item,
    response_of,
    text_part,
    usage_of,
)
from noria.service.dialects.openai.tools import Call, CallReader
from noria.service.dialects.openai.writing import event, logprobs_of
from noria.service.request.http_error import HTTPError
from noria.types import Chunk

BEGUN = "in_progress"


class ResponseWriter(Writer):
    """Events with numbers; text that comes after a call is a message of its own."""

    def __init__(self, request: ResponseRequest, view: View) -> None:
        self._request, self._view = request, view
        self._reader = CallReader(request.tools)
        self._items: list[dict[str, Any]] = []
        self._text: str | None = None  # of the message that is open
        self._number = self._prompt_tokens = self._tokens = 0
        self._ended = "end"

    def begin(self, prompt_tokens: Sequence[int]) -> bytes:
        """Return that the response is begun."""
        self._prompt_tokens = prompt_tokens[0]
        now = response_of(self._request, self._view)
        return self._event("response.created", response=now) + self._event("response.in_progress", response=now)

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return new text and calls."""
        found = [*self._reader.push(str(chunk.content)), *(self._reader.end() if chunk.ended else ())]
        sent = b"".join(self._said(one) if isinstance(one, str) else self._called(one) for one in found)
        if chunk.ended is None:
            return sent
        self._ended, self._tokens = chunk.ended, len(chunk.logprobs)
        if self._text is None and not self._items:
            sent += self._said("")  # an answer of no token is a message all the same
        logprobs = logprobs_of(chunk.tokens, chunk.logprobs) if self._request.with_logprobs else []
        return sent + self._end_message(logprobs)

    def end(self) -> bytes:
        """Return the whole response."""
        usage = usage_of(self._prompt_tokens, self._tokens)
        whole = response_of(self._request, self._view, self._items, self._ended, usage)
        return self._event(f"response.{whole['status']}", response=whole)

    def error(self, error: HTTPError) -> bytes:
        """Return that the response has failed, and why."""
        whole = response_of(self._request, self._view, self._items, "error")
        why = error.content()["error"]
        whole["error"] = {"code": "server_error", "message": why["message"]}
        return self._event("response.failed", response=whole)

    def _said(self, new: str) -> bytes:
        sent = b""
        if self._text is None:
            self._text = ""
            item = message_item(self._request, len(self._items), "", status=BEGUN)
            sent += self._event("response.output_item.added", output_index=len(self._items), item=item)
            sent += self._event("response.content_part.added", **self._place("msg"), part=text_part(""))
        self._text += new
        if not new:
            return sent
        return sent + self._event("response.output_text.delta", **self._place("msg"), delta=new, logprobs=[])

    def _end_message(self, logprobs: Sequence[Any] = ()) -> bytes:
        if self._text is None:
            return b""
        text, self._text = self._text, None
        part, place = text_part(text, logprobs), self._place("msg")
        item = message_item(self._request, len(self._items), text, logprobs)
        sent = self._event("response.output_text.done", **place, text=text, logprobs=list(logprobs))
        sent += self._event("response.content_part.done", **place, part=part)
        sent += self._event("response.output_item.done", output_index=len(self._items), item=item)
        self._items.append(item)
        return sent

    def _called(self, call: Call) -> bytes:
        sent, number = self._end_message(), len(self._items)
        begun, item = (call_item(self._request, number, call, status) for status in (BEGUN, "completed"))
        place = {"item_id": item["id"], "output_index": number}
        sent += self._event("response.output_item.added", output_index=number, item=begun)
        sent += self._event("response.function_call_arguments.delta", **place, delta=call.arguments)
        done = {"name": call.name, "arguments": call.arguments}
        sent += self._event("response.function_call_arguments.done", **place, **done)
        sent += self._event("response.output_item.done", output_index=number, item=item)
        self._items.append(item)
        return sent

    def _place(self, kind: str) -> dict[str, Any]:
        number = len(self._items)
        return {"item_id": self._request.item_id(kind, number), "output_index": number, "content_index": 0}

    def _event(self, name: str, /, **content: Any) -> bytes:
        sent = event({"type": name, "sequence_number": self._number, **content}, name)
        self._number += 1
        return sent
