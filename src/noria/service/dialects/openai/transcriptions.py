"""POST /v1/audio/transcriptions: what is said in a sound. For models with a sound as their input.

The formats are json, verbose_json, text, and srt and vtt where words have times. A model knows one language: that of
what it was taught, and a request cannot name another.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from noria.contract import Task, dispatch
from noria.contract.capabilities import GivesText, TellsTimes, declared
from noria.contract.core import only_input
from noria.errors import UserError
from noria.service.asking.operation import Asked, Said, View
from noria.service.dialects.openai.asking import OpenAIOperation, beside
from noria.service.dialects.openai.body import Body, Passes
from noria.service.dialects.openai.writing import EVENTS, event
from noria.service.request.exchange import Reply, Request
from noria.service.request.form import Part
from noria.service.request.http_error import HTTPError
from noria.service.request.records import MANY
from noria.text.subtitles import lines_of, srt, vtt
from noria.types import Prediction

SUBTITLES = {"srt": srt, "vtt": vtt}
PLAIN = {"content-type": "text/plain; charset=utf-8"}
PASSES: Passes = {"prompt": ("",), "temperature": ("0", "0.0"), "chunking_strategy": ("auto",), "include": ([],)}


@dataclass(frozen=True)
class SoundRequest:
    """What writing a transcription needs of its request."""

    form: str
    seconds: float
    parts: tuple[str, ...]  # word, segment
    is_streamed: bool


class Transcriptions(OpenAIOperation):
    """Write down what is said."""

    name = "openai.transcriptions"
    path = "/v1/audio/transcriptions"
    summary = "Write down what is said in a sound, as OpenAI's transcriptions do."
    param = "file"

    def is_offered(self, view: View) -> bool:
        """Say whether the model answers a sound with what is said in it."""
        return _hears(view.predictor.task) and declared(view.predictor.task.target, GivesText) is not None

    def read(self, request: Request, view: View) -> Asked:
        """Return the sound."""
        name = only_input(view.predictor.task, "write down what is said")
        body = Body(_fields(request.form(view.limits)))
        body.text("model")
        if not isinstance(sound := body.needed("file"), bytes) and sound is not None:
            body.wrong("file", "a file", sound)
        form = body.one_of("response_format", ("json", "text", "srt", "vtt", "verbose_json"), "json")
        if form in SUBTITLES and not _has_times(view):
            body.refuse("response_format", "this model does not tell when words are said", "ask for json or text")
        parts = body.texts("timestamp_granularities")
        for one in parts:
            if one not in ("word", "segment") or form != "verbose_json" or not _has_times(view):
                expected = "word, segment: with verbose_json, of a model that tells when words are said"
                body.wrong("timestamp_granularities", expected, one)
        if body.has("language"):
            body.refuse("language", "this model knows the language alone that it was taught")
            body.take("language")
        is_streamed = body.one_of("stream", ("true", "false"), "false") == "true"
        body.end(PASSES)
        body.check()
        seconds = dispatch.cost(view.predictor.task.inputs[name], sound).seconds
        return Asked([{name: sound}], more=SoundRequest(form, seconds, tuple(parts) or ("segment",), is_streamed))

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return what is said; raise HTTPError (413) for a sound of which the model hears a part alone."""
        (answer,), more = answers, asked.more
        if said.not_read:
            error = UserError("this sound is longer than the model hears", where="file", found="; ".join(said.not_read))
            raise HTTPError(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_long", param="file")
        text, words = str(answer.value), answer.details.get("words", [])
        usage = {"type": "duration", "seconds": math.ceil(more.seconds)}
        if more.is_streamed:
            return Reply(_events(text, usage), headers={"content-type": EVENTS})
        if more.form in SUBTITLES:
            return Reply(SUBTITLES[more.form](lines_of(text, words)).encode(), headers=PLAIN)
        if more.form == "text":
            return Reply(f"{text}\n".encode(), headers=PLAIN)
        if more.form == "json":
            return Reply.json({"text": text, "usage": usage, **beside(said)})
        return Reply.json({**_verbose(text, words, more, _has_times(view)), "usage": usage, **beside(said)})


def _hears(task: Task) -> bool:
    """Say whether the only input is a sound."""
    costs = [dispatch.cost(one, task.example().fields.get(name)) for name, one in task.inputs.items()]
    return len(costs) == 1 and costs[0].seconds > 0 and not costs[0].frames


def _has_times(view: View) -> bool:
    return declared(view.predictor.task.target, TellsTimes) is not None


def _fields(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the parts of a form by name; those of a name that ends with [] are a list."""
    found: dict[str, Any] = {}
    for part in parts[:MANY]:
        if part.name.endswith("[]"):
            found.setdefault(part.name.removesuffix("[]"), []).append(part.value)
        else:
            found[part.name] = part.value
    return found


def _events(text: str, usage: Mapping[str, Any]) -> bytes:
    """Return a transcript, which comes as a whole, as the events of one that is streamed."""
    delta = {"type": "transcript.text.delta", "delta": text}
    done = {"type": "transcript.text.done", "text": text, "usage": usage}
    return event(delta) + event(done)


def _verbose(text: str, words: Sequence[Mapping[str, Any]], more: SoundRequest, has_times: bool) -> dict[str, Any]:
    """Return what is said with its times. The language is not known; clients of strict types want a text there."""
    found: dict[str, Any] = {"task": "transcribe", "language": "", "duration": more.seconds, "text": text}
    if "word" in more.parts:
        found["words"] = [{"word": one["text"], "start": one["start_s"], "end": one["end_s"]} for one in words]
    if "segment" in more.parts and has_times:
        lines = enumerate(lines_of(text, words))
        found["segments"] = [_segment(number, *line, words) for number, line in lines]
    return found


def _segment(number: int, start: float, end: float, text: str, words: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    chances = [one["confidence"] for one in words if start <= one["start_s"] and one["end_s"] <= end]
    data = text.encode()
    return {
        "id": number,
        "seek": 0,
        "start": start,
        "end": end,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": float(sum(map(_log, chances)) / len(chances)) if chances else 0.0,
        "compression_ratio": len(data) / len(zlib.compress(data)),
        "no_speech_prob": 0.0,  # a line is where words were found
    }


def _log(chance: float) -> float:
    return math.log(max(chance, 1e-6))
