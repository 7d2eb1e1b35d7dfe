"""What Hugging Face calls a task: how its inputs become records, and answers what its clients read."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from noria.service.asking.operation import Asked, Reply, Said, View, Writer, Written
from noria.service.dialects.openai.body import Body, Passes
from noria.service.request.records import checked
from noria.types import Prediction

MOST_SAID = 2000  # characters of sentences in a header


@dataclass(frozen=True)
class Sent:
    """What a client sent. file: the bytes of a body that is no JSON; body: the object that it is else."""

    body: Body
    parameters: Body
    file: bytes | None = None


class Payload(ABC):
    """A task of Hugging Face's. task: its name there.

    takes_file: whether a body may be the bytes of its input. passes: parameters that ask for nothing.
    """

    takes_file: ClassVar[bool] = False
    passes: ClassVar[Passes] = {}

    def __init__(self, task: str) -> None:
        self.task = task

    @abstractmethod
    def read(self, sent: Sent, view: View) -> Asked:
        """Return what is asked; what is wrong with fields and parameters is noted in their Body or raised."""

    @abstractmethod
    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        """Return the JSON that answers, or the Media that the answer is."""

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return the reply with answers of `predict`; lists have no place for what is said of records but a header."""
        reply = Reply.json(self.content(answers, asked, view))
        return Reply(reply.body, reply.status, {**reply.headers, **headers_of(said)})

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        """Return the reply with answers that were written by settings."""
        raise NotImplementedError

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes a streamed answer."""
        raise NotImplementedError


def headers_of(said: Said) -> dict[str, str]:
    """Return what is to be said of a request's records as headers, JSON in ASCII."""
    found = {"x-noria-unlike-training": said.unlike_training, "x-noria-not-read": said.not_read}
    return {name: json.dumps(one)[:MOST_SAID] for name, one in found.items() if one}


def texts_of(body: Body, name: str, view: View) -> list[str]:
    """Return one text or several; raise HTTPError where there is none, or too many."""
    value = body.needed(name)
    texts = [value] if isinstance(value, str) else value
    are_texts = isinstance(texts, list) and all(isinstance(one, str) for one in texts)
    if not are_texts or not 1 <= len(texts) <= view.limits.records:
        body.wrong(name, f"a text, or a list of 1 to {view.limits.records} texts", value)
    body.check()
    return list(texts)


def records_of(values: Sequence[Mapping[str, Any]], view: View) -> list[dict[str, Any]]:
    """Return records as the predictor takes them."""
    return checked(values, view.inputs)


def text_records(body: Body, view: View) -> list[dict[str, Any]]:
    """Return the records of `inputs`, one text or several, for a model with one input."""
    return records_of([{view.inputs[0].name: text} for text in texts_of(body, "inputs", view)], view)


def file_records(sent: Sent, view: View) -> list[dict[str, Any]]:
    """Return the record of a body that is a file, or of `inputs` in base64, for a model with one input."""
    value = sent.body.needed("inputs") if sent.file is None else sent.file
    sent.body.check()
    return records_of([{view.inputs[0].name: value}], view)
