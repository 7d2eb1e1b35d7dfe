"""A checkpoint's own chat template: from messages to the one text that the checkpoint was taught with.

It is Jinja, run in a sandbox as `transformers` runs it, without the day's date: the same messages always give the same
text. What a message says is never read as a special token. Read next: modalities/messages.py.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noria.errors import UserError
from noria.text.conversation import Message
from noria.text.tokenizer import Tokenizer

SAFE_JINJA = (3, 1, 6)  # older ones have ways out of the sandbox
PRIVATE = range(0xE000, 0xF8FF)  # characters that no text means anything by
NOT_RENDERED = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
MOST_CHARACTERS = 1_000_000  # that a template may write beside eight times what the conversation says
CALL, CALL_END = "<tool_call>", "</tool_call>"  # around the JSON of a call, in the templates of Hermes, Qwen, SmolLM3
ASKED, ANSWERED = "a question", "an answer"  # what a template is tried with


@dataclass(frozen=True)
class ChatTemplate:
    """`jinja` is the template, `tokens` the spellings of special tokens that it names: {"bos_token": "<s>"}."""

    jinja: str
    tokens: Mapping[str, str]

    @staticmethod
    def of(settings: Mapping[str, Any], jinja: str | None) -> dict[str, Any] | None:
        """Return the state of a template, {"jinja", "tokens"}, from a tokenizer's settings or a file of its own."""
        given = jinja or settings.get("chat_template")
        if isinstance(given, list):  # several by name
            given = {str(one.get("name")): one.get("template") for one in given if isinstance(one, Mapping)}
        if isinstance(given, Mapping):
            given = given.get("default")
        if not isinstance(given, str) or not given.strip():
            return None
        spelled = {
            name: one.get("content") if isinstance(one, Mapping) else one
            for name, one in settings.items()
            if name.endswith("_token")
        }
        return {"jinja": given, "tokens": {name: one for name, one in spelled.items() if isinstance(one, str)}}

    @property
    def takes_tools(self) -> bool:
        """Say whether it tells the model of tools, and has it call them as CALL and CALL_END say."""
        return CALL in self.jinja and re.search(r"\btools\b", self.jinja) is not None

    def render(self, messages: Sequence[Message], opens_reply: bool, tools: Sequence[Any] = ()) -> str:
        """Return the text of messages, with the beginning of a reply if wanted; ValueError where it refuses them."""
        from jinja2 import TemplateError

        given = [dict(message) for message in messages]
        most = MOST_CHARACTERS + 8 * len(str(given)) + 8 * len(str(tools))
        pieces: list[str] = []
        try:
            for piece in _compiled(self.jinja).generate(
                messages=given,
                add_generation_prompt=opens_reply,
                tools=list(tools) or None,
                documents=None,
                **self.tokens,
            ):
                pieces.append(piece)
                most -= len(piece)
                if most < 0:
                    raise ValueError("it writes without end")
            return "".join(pieces)
        except (TemplateError, *NOT_RENDERED) as error:
            raise ValueError(f"the chat template refuses this conversation: {error}"[:300]) from error

    def encode(
        self, messages: Sequence[Message], tokenizer: Tokenizer, tools: Sequence[Any] = ()
    ) -> tuple[list[int], list[int], str]:
        """Return the ids of messages and of the opened reply, where each token starts in the text, and that text."""
        first, last = self._marks([list(messages), list(tools)])
        named = [re.escape(one) for one in sorted(tokenizer.special_spellings, key=len, reverse=True)]
        said = re.compile("|".join(named)) if named else None

        def guarded(text: str) -> str:
            return said.sub(lambda found: f"{first}{found[0]}{last}", text) if said else text

        rendered = self.render(_each_text(messages, guarded), opens_reply=True, tools=_each_text(tools, guarded))
        pieces = re.split(f"{first}(.*?){last}", rendered, flags=re.DOTALL)
        ids: list[int] = []
        starts: list[int] = []
        text = ""
        for number, piece in enumerate(pieces):  # of the template, of a message, in turn
            plain = piece.replace(first, "").replace(last, "")
            found, places = tokenizer.encode_marked(plain, is_marked=number % 2 == 0)
            ids += found
            starts += [len(text) + place for place in places]
            text += plain
        return ids, starts, text

    def ends(self, messages: Sequence[Message], text: str) -> list[int]:
        """Return where each message ends in the text of all."""
        found: list[int] = []
        for number, message in enumerate(messages, start=1):
            content = message["content"].strip()
            at = text.find(content, found[-1] if found else 0)
            end = at + len(content) if at >= 0 else (found[-1] if found else 0)
            try:
                until = self.render(messages[:number], opens_reply=False)
                end = len(until) if text.startswith(until) and len(until) > end else end
            except ValueError:  # they are no conversation without the others
                pass
            found.append(end)
        return found

    def closing(self, tokenizer: Tokenizer) -> tuple[int, str]:
        """Return the token that ends an answer, and in words how answers are written; ValueError where that fails."""
        asked = [{"role": "user", "content": ASKED}]
        prompt = self.render(asked, opens_reply=True)
        whole = self.render([*asked, {"role": "assistant", "content": ANSWERED}], opens_reply=False)
        before, found, after = whole.rpartition(ANSWERED)
        if not found or ASKED not in prompt:
            raise ValueError("the chat template leaves out what is said")
        ids, _ = tokenizer.encode_marked(after, is_marked=True)
        is_closed = bool(ids) and tokenizer.is_special(ids[0])
        end = ids[0] if is_closed else tokenizer.end
        said = f"an answer ends with {tokenizer.spelling(end)}"
        said += "" if is_closed else ", which the template does not write"
        if before != prompt:
            said += f"; it begins after {prompt[-20:]!r}, and an earlier one stands after {before[-20:]!r}"
        return end, said

    def _marks(self, said: Any) -> tuple[str, str]:
        """Return two characters that stand nowhere."""
        used = set(self.jinja).union(json.dumps(said, ensure_ascii=False))
        free = (chr(point) for point in PRIVATE if chr(point) not in used)
        return next(free), next(free)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value as JSON has it with every text in it changed, names of fields too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(name)): _each_text(one, change) for name, one in value.items()}
    return [_each_text(one, change) for one in value] if isinstance(value, Sequence) else value


@functools.lru_cache(maxsize=16)
def _compiled(jinja: str) -> Any:
    """Compile a template; raise ValueError where it is none. Nothing of Python can be reached from inside."""
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    if tuple(int(one) for one in re.findall(r"\d+", jinja2.__version__)[:3]) < SAFE_JINJA:
        raise UserError("this jinja2 is not safe", found=jinja2.__version__, fix="pip install -U jinja2")

    class Generation(Extension):
        """{% generation %} marks answers for others; here it is what stands in it."""

        tags = {"generation"}  # noqa: RUF012 (jinja2's own way)

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body).set_lineno(line)

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.globals["raise_exception"] = refuse
    environment.filters["tojson"] = _json
    return environment.from_string(jinja)


def _json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **more: Any) -> str:
    """Return JSON without the escapes that pages of HTML need."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **more)
