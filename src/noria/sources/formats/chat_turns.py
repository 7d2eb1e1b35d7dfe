"""Conversations as records: one for each answer of the assistant, with what was said before it.

    {"messages": [{"role": "user", "content": "Hi"}, ...]}       the form that most programs write
    {"conversations": [{"from": "human", "value": "Hi"}, ...]}   ShareGPT
    {"instruction": "Translate", "input": "Hi", "output": "..."} Alpaca

Columns: `messages` (those before the answer), `text` (the answer) and `opening` (what the conversation begins with):
records of one conversation have it in common, so data.split.group=opening keeps them on one side.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.sources.core.wrapped import MappedSource
from noria.sources.formats.opening import open_source
from noria.sources.formats.text_pieces import json_list

Message = dict[str, str]  # role and content

_ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "chatgpt", "model"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation"), "tool"),
}


def chat_turns(path: Path, encoding: str | None = None) -> Source | None:
    """Return the reader of conversations, or None where the path holds none: it has no column of such a name."""
    source = json_list(path, encoding) or open_source(path, encoding=encoding)
    if {"messages", "text"} <= set(source.columns):  # turned into records before
        return None
    is_chat = {"messages"}, {"conversations"}, {"instruction", "output"}
    return ChatTurns(source) if any(names <= set(source.columns) for names in is_chat) else None


class ChatTurns(MappedSource):
    """Conversations of another source, one record an answer; a conversation that is not whole is bad."""

    def __init__(self, source: Source):
        super().__init__(source, ["messages", "text", "opening"])

    def converted(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        turns = _turns(_messages(fields))
        return [{"messages": history, "text": text, "opening": _opening(history)} for history, text in turns]


def _messages(record: Mapping[str, Any]) -> list[Message]:
    """Return the messages of a record of any of the forms; raise ValueError where it has none."""
    given = record.get("messages")
    if given is None:
        given = record.get("conversations")
    if given is not None:
        if not isinstance(given, list):
            raise ValueError(f"expected a list of messages, found {type(given).__name__}")
        return [_message(number, message) for number, message in enumerate(given, start=1)]
    asked, answer = record.get("instruction"), record.get("output")
    if not isinstance(asked, str) or not isinstance(answer, str):
        missing = "output" if isinstance(asked, str) else "messages" if asked is None else "instruction"
        raise ValueError(f"{missing} is missing")
    more = record.get("input") or ""
    if not isinstance(more, str):
        raise ValueError(f"expected a text as input, found {type(more).__name__}")
    user = f"{asked}\n\n{more}" if more.strip() else asked
    return [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]


def _message(number: int, given: object) -> Message:
    if not isinstance(given, Mapping):
        raise ValueError(f"message {number} is no object, but {type(given).__name__}")
    role, content = given.get("role", given.get("from")), given.get("content", given.get("value"))
    if not isinstance(role, str) or role not in _ROLES:
        raise ValueError(f"message {number} has {'no role' if role is None else f'the unknown role {role!r}'}")
    if isinstance(content, list) and all(isinstance(part, Mapping) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str):
        raise ValueError(f"message {number} has no text")
    return {"role": _ROLES[role], "content": content}


def _turns(messages: list[Message]) -> list[tuple[list[Message], str]]:
    """Return each answer with what was said before; an answer to nothing, as a greeting, is only said before."""
    turns = []
    is_asked = False
    for place, message in enumerate(messages):
        if message["role"] == "assistant" and is_asked:
            if not message["content"].strip():
                raise ValueError(f"message {place + 1}, of the assistant, is blank")
            turns.append((messages[:place], message["content"]))
        is_asked = is_asked or message["role"] == "user"
    if not turns:
        raise ValueError("there is no answer of the assistant to a user")
    return turns


def _opening(history: list[Message]) -> str:
    """Return the first thing that the user says."""
    return next(message["content"] for message in history if message["role"] == "user")
