"""What is said in a sound, and sounds as answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from noria.contract import dispatch, streaming
from noria.contract.capabilities import TellsTimes, declared
from noria.service.asking.operation import Asked, Reply, Said, View, Written
from noria.service.dialects.hugging_face.payload import Payload, Sent, file_records, headers_of, text_records
from noria.service.dialects.hugging_face.written import read_nested
from noria.service.dialects.openai.body import Passes
from noria.service.dialects.openai.writing import text_of
from noria.types import Prediction


class WordsInSound(Payload):
    """A sound in, what is said in it out; with return_timestamps each word and its seconds."""

    takes_file = True

    def read(self, sent: Sent, view: View) -> Asked:
        target, parameters = view.predictor.task.target, sent.parameters
        has_times = parameters.flag("return_timestamps")
        if has_times and not declared(target, TellsTimes):
            parameters.refuse("return_timestamps", "this model does not tell when a word is said")
        settings = None
        if streaming.can_generate(target):
            settings = read_nested(parameters, "generation_parameters", view)
        return Asked(file_records(sent, view), None if settings is None else [settings], more=has_times)

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        (answer,) = answers
        if not asked.more:
            return {"text": answer.value}
        words = dispatch.times(view.predictor.task.target, answer)
        chunks = [{"text": one.name, "timestamp": [one.start, one.end]} for one in words]
        return {"text": answer.value, "chunks": chunks}

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        return Reply.json({"text": text_of(answers[0])})


class SpokenText(Payload):
    """A text in, the sound of it out: a file, not JSON."""

    passes: ClassVar[Passes] = {"generation_parameters": ({},)}

    def read(self, sent: Sent, view: View) -> Asked:
        if not isinstance(sent.body.needed("inputs"), str):
            sent.body.wrong("inputs", "a text", sent.body.take("inputs"))
        return Asked(text_records(sent.body, view))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        raise NotImplementedError  # it is a file

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        media = answers[0].media
        assert media is not None
        return Reply(media.data, headers={"content-type": media.mime, **headers_of(said)})


class SoundFromSound(Payload):
    """A sound in, a sound out, in base64."""

    takes_file = True

    def read(self, sent: Sent, view: View) -> Asked:
        return Asked(file_records(sent, view))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        media = answers[0].media
        assert media is not None
        told = media.as_json()
        return [{"label": answers[0].value, "blob": told["base64"], "content-type": told["mime"]}]
