"""Conversations as records: one for each answer of the assistant, with what was said before it.

    {"messages": [{"role": "user", "content": "Hi"}, ...]}       the form that most programs write
    {"conversations": [{"from": "human", "value": "Hi"}, ...]}   ShareGPT
    {"instruction": "Translate", "input": "Hi", "output": "..."} Alpaca, with a "history" of pairs
A "system" beside them is the first message; a message of "weight" 0 is said, and no answer to learn.

Columns: `messages` (those before the answer), `text` (the answer), `opening` (the first thing that the user says),
`conversation` (what is the same for its answers and differs for other ones), and those of the data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.sources.core.wrapped import MappedSource
from noria.sources.formats.opening import open_source
from noria.sources.formats.text_pieces import json_list

Message = dict[str, str]  # role and content

NAMES = ("conversation_id", "conversation", "dialogue_id", "dialog_id", "thread_id")  # columns that name conversations
_FORMS = ({"messages"}, {"conversations"}, {"instruction", "output"})  # columns that hold conversations
_BESIDE = ("input", "history", "system")  # columns that belong to a conversation beside these
_TURNED = ({"messages", "text"},)  # were turned into records before

_ROLES = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "chatgpt", "model"), "assistant"),
    **dict.fromkeys(("tool", "function", "observation"), "tool"),
}


def chat_turns(path: Path, encoding: str | None = None) -> Source | None:
    """Return the reader of conversations, or None where the path holds none: it has no column of such a name."""
    source = json_list(path, encoding) or open_source(path, encoding=encoding)
    if any(names <= set(source.columns) for names in _TURNED):
        return None
    return ChatTurns(source) if any(names <= set(source.columns) for names in _FORMS) else None


class ChatTurns(MappedSource):
    """Conversations of another source, one record an answer; a conversation that is not whole is bad."""

    def __init__(self, source: Source):
        made = ["messages", "text", "opening", "conversation"]
        used = {*made, *chain(*_FORMS), *_BESIDE}
        super().__init__(source, [*made, *(name for name in source.columns if name not in used)])
        self._named = next((name for name in NAMES if name in source.columns), None)

    def groups(self) -> Sequence[str]:
        """Return the column that says of which conversation an answer is."""
        return ("conversation",)

    def converted(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        messages = _with_system(_messages(fields), fields.get("system"))
        own = fields[self._named] if self._named else None
        conversation = _digest(messages) if own is None or own == "" else str(own)
        about = {**fields, "opening": _opening(messages), "conversation": conversation}
        return [
            {**about, "messages": history, "text": text}
            for history, text in _turns(messages, _unlearnt(fields, len(messages)))
        ]


def _with_system(messages: list[Message], system: object) -> list[Message]:
    """Return the messages after what a record says beside them; raise ValueError where that is no text."""
    if system is None or system == "":
        return messages
    if not isinstance(system, str):
        raise ValueError(f"expected a text as system, found {type(system).__name__}")
    return [{"role": "system", "content": system}, *messages]


def _unlearnt(record: Mapping[str, Any], count: int) -> set[int]:
    """Return which of so many messages have weight 0: they are context, and nothing to learn."""
    given = record.get("messages")
    messages = given if isinstance(given, list) else []
    first = count - len(messages)  # after what is said beside them
    return {first + place for place, one in enumerate(messages) if isinstance(one, Mapping) and one.get("weight") == 0}


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
    return [
        *_history(record.get("history")),
        {"role": "user", "content": user},
        {"role": "assistant", "content": answer},
    ]


def _history(given: object) -> list[Message]:
    """Return the messages of earlier pairs of question and answer; raise ValueError for anything else."""
    if given is None or given == "":
        return []
    if not isinstance(given, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair) for pair in given
    ):
        raise ValueError("history is no list of pairs of texts")
    roles = ("user", "assistant")
    return [{"role": role, "content": one} for pair in given for role, one in zip(roles, pair, strict=True)]


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


def _turns(messages: list[Message], unlearnt: set[int]) -> list[tuple[list[Message], str]]:
    """Return each answer with what was said before; an answer to nothing, as a greeting, is only said before, and so is
    one that is not to be learnt."""
    turns = []
    is_asked = False
    for place, message in enumerate(messages):
        if message["role"] == "assistant" and is_asked and place not in unlearnt:
            if not message["content"].strip():
                raise ValueError(f"message {place + 1}, of the assistant, is blank")
            turns.append((messages[:place], message["content"]))
        is_asked = is_asked or message["role"] == "user"
    if not turns:
        raise ValueError("there is no answer of the assistant to a user")
    return turns


def _opening(messages: list[Message]) -> str:
    """Return the first thing that the user says."""
    return next((message["content"] for message in messages if message["role"] == "user"), "")


def _digest(messages: list[Message]) -> str:
    """Return a name of a conversation by what is said in it, the same wherever it stands."""
    return hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:16]
