"""From tokens to text: as they come, and which bytes a token of a byte-level vocabulary stands for.

Knows no vocabulary but what it is given. Read next: tokenizer.py.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

BROKEN = "\N{REPLACEMENT CHARACTER}"
CONTEXT = 8  # tokens that a decoder looks back where a token is spelled by those before it


class Decoder(Protocol):
    """Turn ids into text as they come; a character is given when its last byte is, one that stays incomplete never."""

    @property
    def is_whole(self) -> bool:
        """Say whether the tokens so far end where a character does."""

    def push(self, token: int) -> str:
        """Return the text that this token makes certain, often "" in the middle of a character."""


class BytesDecoder:
    """The decoder of tokens that are spelled alike everywhere."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._incremental = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def is_whole(self) -> bool:
        """Say whether no byte waits for others."""
        return not self._incremental.getstate()[0]

    def push(self, token: int) -> str:
        """Return the text that this token makes certain."""
        return self._incremental.decode(self._pieces[token]) if 0 <= token < len(self._pieces) else ""


class ContextDecoder:
    """The decoder of tokens that are spelled by what stands before them, such as a space or none."""

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._before: list[int] = []
        self._new: list[int] = []

    @property
    def is_whole(self) -> bool:
        """Say whether no token waits for others."""
        return not self._new

    def push(self, token: int) -> str:
        """Return the text that this token makes certain."""
        self._new.append(token)
        known = self._decode(self._before)
        text = self._decode([*self._before, *self._new])
        if text.endswith(BROKEN) and len(self._new) < CONTEXT:
            return ""
        self._before = [*self._before, *self._new][-CONTEXT:]
        self._new = []
        return text[len(known) :]


def is_byte_level(backend: str) -> bool:
    """Say whether each character of a token stands for one byte (Radford et al. 2019)."""
    decoder = json.loads(backend)["decoder"] or {}
    return "ByteLevel" in [one["type"] for one in decoder.get("decoders", [decoder]) if "type" in one]


def byte_level_pieces(backend: Any) -> list[bytes]:
    """Return the bytes of each id of a byte-level vocabulary; added tokens are spelled as they are."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]  # bytes that stand for themselves
    others = [one for one in range(256) if one not in plain]  # the others are written from U+0100 on
    bytes_of = {chr(one): one for one in plain} | {chr(256 + i): one for i, one in enumerate(others)}
    added = backend.get_added_tokens_decoder()
    pieces = []
    for number in range(backend.get_vocab_size()):
        token = backend.id_to_token(number) or ""
        if number in added or not bytes_of.keys() >= set(token):
            pieces.append(b"" if number in added and added[number].special else token.encode())
        else:
            pieces.append(bytes(bytes_of[one] for one in token))
    return pieces
