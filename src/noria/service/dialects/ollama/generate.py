"""POST /api/generate: what a model writes to a text; one that takes conversations reads it as what the user says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.contract import streaming
from noria.service.asking.operation import Asked, Reply, Request, Said, View, Writer, Written
from noria.service.dialects.ollama.asking import ALWAYS, OllamaOperation
from noria.service.dialects.ollama.options import read_settings
from noria.service.dialects.ollama.writing import LineWriter, Wanted, loaded
from noria.service.dialects.openai.asking import text_input, tokens_of
from noria.service.dialects.openai.body import Body, Passes
from noria.service.dialects.openai.messages import conversation_input
from noria.service.dialects.openai.writing import text_of
from noria.types import Chunk, Prediction

# The template is the model's own, and what it reads is text alone.
PASSES: Passes = {**ALWAYS, "suffix": ("",), "template": ("",), "context": ([],), "images": ([],)}


class Generate(OllamaOperation):
    """Write an answer to a text."""

    name = "ollama.generate"
    path = "/api/generate"
    verb = "stream"
    summary = "Write an answer to a text, as Ollama does."

    def is_offered(self, view: View) -> bool:
        """Say whether the model writes an answer to a text."""
        return conversation_input(view) is not None or _written_input(view) is not None

    def read(self, request: Request, view: View) -> Asked:
        """Return the text, or nothing where the model is only to be loaded."""
        body = self.body_of(request, view)
        body.needed("model")
        wanted = Wanted(body.text("model"), body.flag("logprobs"))
        prompt, keep_alive = body.text("prompt"), body.take("keep_alive")
        name, record = _record(body, prompt, view)
        settings, is_streamed = read_settings(body, view), body.flag("stream", usual=True)
        body.end(PASSES)
        body.check()
        if not prompt:
            return Asked([], more=(wanted, keep_alive))
        tokens_of([record[name]], name, view, "prompt")
        return Asked([record], [settings], is_streamed, wanted)

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Say that the model is loaded."""
        wanted, keep_alive = asked.more
        return Reply.json(loaded(wanted, {"response": ""}, keep_alive))

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        """Return the whole answer."""
        (one,) = answers
        wanted: Wanted = asked.more
        content = {"response": text_of(one)}
        return Reply.json(wanted.last(content, one.ended, one.prompt_tokens, one.tokens, one.logprobs))

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes the answer as it comes."""
        return TextWriter(asked.more)


class TextWriter(LineWriter):
    """The pieces of a text."""

    def contents(self, chunk: Chunk) -> Sequence[dict[str, Any]]:
        """Return the piece, where it is not empty."""
        return [{"response": chunk.content}] if chunk.content else []

    def empty(self) -> dict[str, Any]:
        """Return no text."""
        return {"response": ""}


def _written_input(view: View) -> str | None:
    """Return the only input of a model that reads a text and writes one; None for any other."""
    return text_input(view) if streaming.can_generate(view.predictor.task.target) else None


def _record(body: Body, prompt: str, view: View) -> tuple[str, dict[str, Any]]:
    """Return the input that is asked with, and the record."""
    is_raw, system = body.flag("raw"), body.text("system")
    if (name := conversation_input(view)) is None:
        name = _written_input(view) or ""
        if system:
            body.refuse("system", "this model reads one text, and no conversation", "put it into the prompt")
        return name, {name: prompt}
    if is_raw:
        body.refuse("raw", "this model reads conversations, in its own template")
    start = [{"role": "system", "content": system}] if system else []
    return name, {name: [*start, {"role": "user", "content": prompt}]}
