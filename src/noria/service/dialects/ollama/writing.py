"""An answer as Ollama writes it: JSON objects, of which the last says why it ends and what was counted."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from noria.service.asking.operation import Writer
from noria.service.dialects.ollama.asking import error_line, moment
from noria.service.request.http_error import HTTPError, json_bytes
from noria.types import Chunk

FINISHED = {"end": "stop", "stop": "stop", "length": "length"}  # why an answer ended
NANOSECONDS = 1e9


@dataclass(frozen=True)
class Wanted:
    """What writing an answer needs of its request. model: as it was called there."""

    model: str
    with_logprobs: bool = False
    start: float = field(default_factory=time.monotonic)

    def line(self, content: dict[str, Any], is_done: bool = False) -> dict[str, Any]:
        """Return one object of an answer."""
        return {"model": self.model, "created_at": moment(), **content, "done": is_done}

    def last(
        self, content: dict[str, Any], ended: str, prompt_tokens: int, tokens: Sequence[str], logprobs: Sequence[float]
    ) -> dict[str, Any]:
        """Return the last object of an answer."""
        told = self.line(content, is_done=True)
        if self.with_logprobs:
            pairs = zip(tokens, logprobs, strict=True)
            told["logprobs"] = [{"token": token, "logprob": one, "bytes": list(token.encode())} for token, one in pairs]
        counts = {"prompt_eval_count": prompt_tokens, "eval_count": len(logprobs)}
        durations = {"total_duration": _since(self.start), "load_duration": 0}
        return {**told, "done_reason": FINISHED[ended], **durations, **counts}


class LineWriter(Writer):
    """The pieces of an answer as lines of JSON."""

    media_type = "application/x-ndjson"

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._prompt_tokens = 0
        self._begun = time.monotonic()

    def begin(self, prompt_tokens: Sequence[int]) -> bytes:
        """Remember how much was read, and when writing began."""
        self._prompt_tokens, self._begun = prompt_tokens[0], time.monotonic()
        return b""

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return the lines of a piece."""
        lines = [self._wanted.line(content) for content in self.contents(chunk)]
        if chunk.ended:
            last = self._wanted.last(self.empty(), chunk.ended, self._prompt_tokens, chunk.tokens, chunk.logprobs)
            durations = {
                "prompt_eval_duration": round((self._begun - self._wanted.start) * NANOSECONDS),
                "eval_duration": _since(self._begun),
            }
            lines.append(last | durations)
        return b"".join(json_bytes(line) + b"\n" for line in lines)

    def error(self, error: HTTPError) -> bytes:
        """Return the error as a line: the client raises it."""
        return error_line(error)

    @abstractmethod
    def contents(self, chunk: Chunk) -> Sequence[dict[str, Any]]:
        """Return what is new, a line each."""

    @abstractmethod
    def empty(self) -> dict[str, Any]:
        """Return what stands in the last line in the place of something new."""


def loaded(wanted: Wanted, content: dict[str, Any], keep_alive: Any) -> dict[str, Any]:
    """Return the answer to a request that asks for nothing but that the model is loaded, which it is."""
    return {**wanted.line(content, is_done=True), "done_reason": "unload" if keep_alive == 0 else "load"}


def _since(start: float) -> int:
    return round((time.monotonic() - start) * NANOSECONDS)
