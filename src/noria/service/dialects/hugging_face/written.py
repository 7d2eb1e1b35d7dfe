"""Texts that a model writes: a summary, a translation, how a text goes on.

A summary or a translation is written as the job says, unless generation parameters say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from noria.service.asking.operation import Asked, Reply, View, Writer, Written
from noria.service.dialects.hugging_face.payload import Payload, Sent, text_records
from noria.service.dialects.openai.asking import tokens_of
from noria.service.dialects.openai.body import ANY, Body, Passes
from noria.service.dialects.openai.writing import event, text_of
from noria.service.request.http_error import HTTPError
from noria.types import Chunk, Prediction

MOST_SEED = 2**62
FINISHED = {"end": "eos_token", "stop": "stop_sequence", "length": "length"}  # why an answer ended
# How an answer is written in no other way than ours: these values ask for nothing else.
AS_IT_IS: Passes = {
    "best_of": (1,),
    "num_beams": (1,),
    "num_beam_groups": (1,),
    "use_cache": ANY,
    "details": (False,),
    "decoder_input_details": (False,),
    "watermark": (False,),
    "typical_p": (1,),
    "frequency_penalty": (0,),
    "epsilon_cutoff": (0,),
    "eta_cutoff": (0,),
}


class TextFromText(Payload):
    """Texts in, texts out, each in an object under one name: summary_text."""

    passes: ClassVar[Passes] = {"clean_up_tokenization_spaces": (False,)}

    def __init__(self, task: str, field: str) -> None:
        super().__init__(task)
        self._field = field

    def read(self, sent: Sent, view: View) -> Asked:
        parameters = sent.parameters
        truncation = parameters.one_of("truncation", ("do_not_truncate", "longest_first", "only_first"))
        settings = read_nested(parameters, "generate_parameters", view)
        records = text_records(sent.body, view)
        if truncation == "do_not_truncate":
            check_whole(records, view)
        return Asked(records, several(settings, records, sent.body, view))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        return [{self._field: one.value} for one in answers]

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        return Reply.json([{self._field: text_of(one)} for one in answers])


class Continuation(Payload):
    """A text in, how it goes on out: whole, or with `stream` piece by piece."""

    passes = AS_IT_IS

    def read(self, sent: Sent, view: View) -> Asked:
        parameters = sent.parameters
        settings = read_generation(parameters, view)
        is_whole = parameters.flag("return_full_text")
        is_streamed = sent.body.flag("stream")
        records = text_records(sent.body, view)
        if is_streamed and len(records) > 1:
            sent.body.wrong("inputs", "a single text, where the answer is streamed", f"{len(records)} texts")
        if is_streamed and is_whole:
            parameters.refuse("return_full_text", "what is streamed is what is new")
        check_whole(records, view)
        return Asked(records, several(settings, records, sent.body, view), is_streamed, more=is_whole)

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        raise NotImplementedError  # it is written by settings, always

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        name = view.inputs[0].name
        starts = [record[name] if asked.more else "" for record in asked.records]
        texts = [start + text_of(one) for start, one in zip(starts, answers, strict=True)]
        return Reply.json([{"generated_text": text} for text in texts])

    def writer(self, asked: Asked, view: View) -> Writer:
        return GenerationWriter()


class GenerationWriter(Writer):
    """The pieces of a text as events; the last has the whole text and why it ends."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._index = 0
        self._prompt_tokens = 0

    def begin(self, prompt_tokens: Sequence[int]) -> bytes:
        """Remember how long the prompt is."""
        self._prompt_tokens = prompt_tokens[0]
        return b""

    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return a piece; texts of pieces are not those of tokens, whose numbers are not told."""
        self._parts.append(str(chunk.content))
        self._index += 1
        told: dict[str, Any] = {"index": self._index, "token": {"text": chunk.content, "special": False}}
        told |= {"generated_text": None, "details": None}
        if chunk.ended:
            told["generated_text"] = "".join(self._parts)
            told["details"] = {
                "finish_reason": FINISHED[chunk.ended],
                "generated_tokens": len(chunk.logprobs),
                "input_length": self._prompt_tokens,
                "seed": None,
            }
        return event(told)

    def error(self, error: HTTPError) -> bytes:
        """Return the error as an event: the client raises it."""
        return event({"error": error.content()["error"]["message"], "error_type": "generation"})


def read_generation(body: Body, view: View) -> dict[str, Any]:
    """Return the settings that parameters of generation ask for, as `Predictor.stream` takes them."""
    top_k, top_p = body.whole("top_k", 0, MOST_SEED), body.number("top_p", 0, 1)
    settings: dict[str, Any] = {
        "max_tokens": body.whole("max_new_tokens", 1, view.limits.answer_tokens),
        "temperature": body.number("temperature", 0, 100),
        "top_k": top_k or None,  # 0 stands for all tokens
        "top_p": top_p or None,
        "repetition_penalty": body.number("repetition_penalty", 0.01, 100),
        "seed": body.whole("seed", 0, MOST_SEED),
        "stop": [*body.texts("stop"), *body.texts("stop_sequences")] or None,
        **_grammar(body),
    }
    if body.has("do_sample"):
        is_drawn = body.flag("do_sample")
        settings["temperature"] = (settings["temperature"] or 1.0) if is_drawn else 0.0
    return {name: value for name, value in settings.items() if value is not None}


def read_nested(parameters: Body, name: str, view: View) -> dict[str, Any] | None:
    """Return the settings that an object among the parameters asks for; None where it is not there."""
    generation = parameters.object(name)
    if generation is None:
        return None
    settings = read_generation(generation, view)
    generation.end(AS_IT_IS)
    return settings


def check_whole(records: Sequence[dict[str, Any]], view: View) -> None:
    """Raise HTTPError where a text is too long to be read as a whole."""
    name = view.inputs[0].name
    tokens_of([record[name] for record in records], name, view, "inputs")


def several(settings: Any, records: Sequence[Any], body: Body, view: View) -> list[dict[str, Any]] | None:
    """Return the settings of each record; None where answers are written as the job says."""
    if settings is None:
        return None
    if len(records) > view.limits.streams:
        body.wrong("inputs", f"at most {view.limits.streams} texts that are written by parameters", len(records))
    return [settings] * len(records)


def _grammar(body: Body) -> dict[str, Any]:
    grammar = body.object("grammar")
    if grammar is None:
        return {}
    kind, value = grammar.one_of("type", ("json", "json_schema", "regex")), grammar.needed("value")
    grammar.end({})
    is_right = isinstance(value, str if kind == "regex" else dict)
    if not is_right:
        grammar.wrong("value", "a text, the expression" if kind == "regex" else "a JSON schema, an object", value)
    return {"regex" if kind == "regex" else "json_schema": value} if is_right else {}
