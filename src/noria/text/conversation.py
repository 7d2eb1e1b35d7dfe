"""What a raw value says as a conversation: messages by role, and the tools that a reply may call.

    [{"role": "user", "content": "Is it raining?"}]
    {"messages": [.., {"role": "assistant", "tool_calls": [{"function": {"name": .., "arguments": {..}}}]},
                  {"role": "tool", "content": "14 degrees"}],
     "tools": [{"type": "function", "function": {"name": .., "parameters": {..}}}]}

Whether a model can be told of tools is the affair of its template. Read next: chat_template.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from noria.text.learning import is_missing, text_of

ROLES = ("system", "user", "assistant")
TOOL = "tool"  # the role of what a tool answered
CALLS = "tool_calls"
Message: TypeAlias = Mapping[str, Any]  # role, content; of the assistant also what it calls


class Conversation(NamedTuple):
    """Messages in their order, and the tools as a template reads them."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]

    @property
    def needs_tools(self) -> bool:
        """Say whether only a template that knows tools can write it."""
        return bool(self.tools) or any(one["role"] == TOOL or CALLS in one for one in self.messages)


def conversation_of(value: Any) -> Conversation | str:
    """Return the conversation that a raw value is, or the reason why it is none."""
    tools: Any = []
    if isinstance(value, Mapping) and "messages" in value:
        value, tools = value["messages"], value.get("tools") or []
        if not isinstance(tools, list) or not all(isinstance(one, Mapping) for one in tools):
            return "tools that are not a list of objects"
    messages = messages_of(value)
    return messages if isinstance(messages, str) else Conversation(messages, [dict(one) for one in tools])


def messages_of(value: Any) -> list[dict[str, Any]] | str:
    """Return the messages of a raw value, or the reason why it has none."""
    if isinstance(value, str | bytes) and (text := text_of(value)) is not None:
        try:
            value = json.loads(text) if is_list(text) else [{"role": "user", "content": text}]
        except (ValueError, RecursionError):
            return "not a list of messages"
    if not isinstance(value, list) or not value:
        return "the conversation is missing" if is_missing(value) else "not a list of messages"
    messages: list[dict[str, Any]] = []
    for number, one in enumerate(value, 1):
        if not isinstance(one, Mapping) or one.get("role") not in (*ROLES, TOOL):
            return f"message {number} has no role of {', '.join((*ROLES, TOOL))}"
        calls = one.get(CALLS) if one["role"] == "assistant" else None
        content = text_of(one.get("content"))
        if content is None and not (calls and not one.get("content")):
            return f"message {number} has no content"
        message: dict[str, Any] = {"role": str(one["role"]), "content": content or ""}
        if calls:
            if not _are_calls(calls):
                return f"message {number} has tool calls without a function"
            message[CALLS] = calls
        messages.append(message)
    return messages


def is_list(text: str) -> bool:
    """Say whether a text is the JSON of a list rather than what somebody says."""
    return text.lstrip().startswith("[")


def _are_calls(calls: Any) -> bool:
    return isinstance(calls, Sequence) and all(
        isinstance(one, Mapping) and isinstance(one.get("function"), Mapping) for one in calls
    )
