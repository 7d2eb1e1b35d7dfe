"""Conversations: what was said so far, by whom, as one text for the model to go on from.

The template is in the state, and so in the bundle: that of the checkpoint, or what opens a message and what closes it.
Read next: text/chat_template.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import Attributable, Converses, Displays, Truncates, WarmStarts
from noria.errors import UserError
from noria.text.chat_template import ChatTemplate
from noria.text.conversation import Conversation, conversation_of, is_list, messages_of
from noria.text.learning import learn_text
from noria.text.tokenizer import Tokenizer
from noria.types import Arrays, Encoded, Ragged, Span, State, Values

if TYPE_CHECKING:
    from torch import nn

OPEN, CLOSE = "<|im_start|>", "<|im_end|>"  # of ChatML, where a checkpoint's vocabulary has them


@dataclass(frozen=True)
class Messages(Modality, WarmStarts, Truncates, Displays, Attributable, Converses):
    """A conversation, list of {"role", "content"} or its JSON; a text alone is the user's only message.
    With tools, where the template knows them: {"messages", "tools"}, as text/conversation.py says.

    Arrays: `ids` Ragged int.

    A conversation is written as the checkpoint's own chat template says. Without one, each message is an opening token,
    its role, a line break, its content and a closing token; then the assistant's message is opened. What a message says
    is never read as a special token.
    """

    kind: ClassVar[str] = "messages"
    state_kind: ClassVar[str] = "text"
    num_fit_records: ClassVar[int] = 50_000

    tokenizer: str = "bpe"
    """`bpe`, `unigram`, `character`, `byte`, or a folder with a tokenizer.json. Characters suit names."""
    vocabulary: int = 8192
    """Number of tokens that `bpe` or `unigram` learn. Raise it for much text, lower it for little."""
    max_tokens: int = 512
    """Longest conversation in tokens; of a longer one the oldest part is left out. Memory grows with it."""
    template: Literal["own", "plain"] = "own"
    """`own`: the chat template of the checkpoint, where it has one; `plain`: two marks around each message."""

    def fit(self, values: Values) -> State:
        texts: list[Any] = []
        for value in values:
            messages = messages_of(value)
            if isinstance(value, str) and not is_list(value):  # a reply that shares the vocabulary
                texts.append(value)
            elif isinstance(messages, list):
                texts += _contents(messages)
        return _with_marks(learn_text(texts, self.tokenizer, self.vocabulary, lowercase=False))

    def warm_start(self, state: State) -> State | None:
        if self.template == "own" and "jinja" in state.get("template", {}):
            return state if "answer_end" in state else _with_own_template(state)
        made = _with_marks(state)
        if state.get("kind") != "pretrained":
            return made
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        marks = " and ".join(tokenizer.spelling(one) or "a mark" for one in made["template"].values())
        why = "as the job says" if "jinja" in state.get("template", {}) else "as the checkpoint has none of its own"
        return {**made, "chat_template": f"each message stands between {marks}, {why}"}

    def encode(self, values: Values, state: State) -> Encoded:
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        rows, bad = [], {}
        for index, value in enumerate(values):
            said = conversation_of(value)
            ids: list[int] = []
            if isinstance(said, str):
                bad[index] = said
            elif said.needs_tools and not self.takes_tools(state):
                bad[index] = "the model's chat template has no place for tools"
            else:
                try:
                    ids = self._ids(said, tokenizer, state["template"])
                except ValueError as error:
                    bad[index] = str(error)
            rows.append(ids)
        cut = Ragged.of(rows, np.int32).beyond(self.max_tokens)
        return Encoded({"ids": Ragged.of([row[-self.max_tokens :] for row in rows], np.int32)}, bad, cut)

    def takes_tools(self, state: State) -> bool:
        return "jinja" in state["template"] and ChatTemplate(**state["template"]).takes_tools

    def most_read(self) -> tuple[str, int]:
        return "max_tokens", self.max_tokens

    def display(self, arrays: Arrays, state: State) -> str:
        return Tokenizer.from_json(state["tokenizer"]).decode(np.asarray(arrays["ids"]))

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.model.token_embedder import text_embedder

        return text_embedder(state, width)

    def spans(self, value: Any, state: State) -> list[Span]:
        said = conversation_of(value)
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        said = Conversation([], []) if isinstance(said, str) else said
        if "jinja" in state["template"]:
            return _spans(said, tokenizer, state["template"])[-self.max_tokens :]
        found = said.messages
        spans: list[Span] = []
        for number, message in enumerate(found):
            length = len(self._message(message, tokenizer, state["template"]))
            spans += [Span("message", number, number + 1, message["role"])] * length
        spans += [Span("message", len(found), len(found), "reply")] * len(
            self._opening("assistant", tokenizer, state["template"])
        )
        return spans[-self.max_tokens :]

    def _ids(self, given: Conversation, tokenizer: Tokenizer, template: Mapping[str, Any]) -> list[int]:
        if "jinja" in template:
            return ChatTemplate(**template).encode(given.messages, tokenizer, given.tools)[0]
        said = [one for message in given.messages for one in self._message(message, tokenizer, template)]
        return said + self._opening("assistant", tokenizer, template)

    def _message(self, message: Mapping[str, str], tokenizer: Tokenizer, template: Mapping[str, int]) -> list[int]:
        said, after = (
            tokenizer.encode([one])[0].tolist() for one in (f"{message['role']}\n{message['content']}", "\n")
        )
        return [template["open"], *said, template["close"], *after]

    def _opening(self, role: str, tokenizer: Tokenizer, template: Mapping[str, int]) -> list[int]:
        return [template["open"], *tokenizer.encode([f"{role}\n"])[0].tolist()]


def _with_marks(state: State) -> State:
    """Add a template: the checkpoint's marks of ChatML where it has them, else the end and mask tokens of ours."""
    tokenizer = Tokenizer.from_json(state["tokenizer"])
    opening, closing = tokenizer.id_of(OPEN), tokenizer.id_of(CLOSE)
    if opening is None or closing is None:
        opening, closing = tokenizer.begin if tokenizer.mask is None else tokenizer.mask, tokenizer.end
    template = {"open": opening, "close": closing}
    return {**state, "template": template, "answer_end": closing}


def _with_own_template(state: State) -> State:
    """Add what ends an answer in the checkpoint's own template; raise UserError where it cannot be used."""
    try:
        end, said = ChatTemplate(**state["template"]).closing(Tokenizer.from_json(state["tokenizer"]))
    except ValueError as error:
        raise UserError(
            "the checkpoint's own chat template cannot be used",
            found=str(error),
            fix="put two marks around each message instead: inputs.messages.template=plain",
        ) from error
    return {**state, "answer_end": end, "chat_template": f"the checkpoint's own; {said}"}


def _spans(said: Conversation, tokenizer: Tokenizer, template: Mapping[str, Any]) -> list[Span]:
    """Return, for each token of a conversation in the checkpoint's own template, which message it is of."""
    chat, messages = ChatTemplate(**template), said.messages
    try:
        _, starts, text = chat.encode(messages, tokenizer, said.tools)
    except ValueError:  # it is no conversation for this template
        return []
    numbers = np.searchsorted(chat.ends(messages, text), starts, side="right").tolist()
    roles = [*(message["role"] for message in messages), "reply"]
    count = len(messages)
    return [Span("message", number, min(number + 1, count), roles[number]) for number in numbers]


def _contents(messages: Iterable[Mapping[str, str]]) -> list[str]:
    return [f"{one['role']}\n{one['content']}\n" for one in messages]
