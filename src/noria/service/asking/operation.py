"""One way of asking a model: what a dialect writes for each of its paths.

An Operation runs in the model's process: `read` turns what a client sent into records as the predictor takes them,
`write` turns the answers into a reply. It computes nothing, waits for nothing and keeps nothing. A Lookup is answered
by the process that listens, from what it knows of the models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Literal

from noria.errors import UserError
from noria.pipeline.predictor import Predictor
from noria.service.request.exchange import JSON, Reply, Request
from noria.service.request.http_error import HTTPError
from noria.service.request.inputs import Input
from noria.service.request.limits import Limits
from noria.types import Chunk, Prediction

Verb = Literal["predict", "stream", "admin", "metrics"]  # what a key may allow


@dataclass(frozen=True)
class View:
    """The model that is asked, as an operation sees it."""

    name: str
    version: str
    predictor: Predictor
    inputs: list[Input]
    limits: Limits


@dataclass(frozen=True)
class Asked:
    """What a request asks for.

    records: as `Predictor.predict` takes them, checked. settings: one for each record where the answers are to be
    written token by token (as `Predictor.stream` takes them); None where they come whole from `predict`.
    is_streamed: whether the client wants the pieces as they come. more: what the operation needs again to write.
    """

    records: list[dict[str, Any]]
    settings: Sequence[Mapping[str, Any]] | None = None
    is_streamed: bool = False
    more: Any = None


@dataclass(frozen=True)
class Written:
    """An answer that was written token by token, whole. ended: end, stop or length. tokens: as of a Chunk."""

    content: str | bytes
    ended: str
    logprobs: tuple[float, ...] = ()
    prompt_tokens: int = 0
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """What is to be said of a request's records beside the answers, a sentence each."""

    unlike_training: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)


class Writer(ABC):
    """Writes one streamed answer. Every method returns bytes to send; what it needs to remember is its own."""

    media_type: str = "text/event-stream"

    def begin(self, prompt_tokens: Sequence[int]) -> bytes:
        """Return what stands before the first piece; prompt_tokens of each record."""
        return b""

    @abstractmethod
    def piece(self, record: int, chunk: Chunk) -> bytes:
        """Return a piece of a record's answer; of the last one `chunk.ended` says why it ends."""

    def end(self) -> bytes:
        """Return what stands after the last piece of the last record."""
        return b""

    @abstractmethod
    def error(self, error: HTTPError) -> bytes | None:
        """Return what is sent last where the answer breaks off; None to break the connection."""


class Operation(ABC):
    """A path that asks a model. `name` is its own, dotted (openai.chat); it stands in metrics and logs."""

    name: ClassVar[str]
    path: ClassVar[str]  # as Starlette writes paths: /predict/{model}
    aliases: ClassVar[tuple[str, ...]] = ()  # further paths of the same operation
    verb: ClassVar[Verb] = "predict"
    method: ClassVar[str] = "POST"
    summary: ClassVar[str]
    is_batched: ClassVar[bool] = False  # whether a line of a batch may ask it: JSON in, JSON out

    def is_offered(self, view: View) -> bool:
        """Say whether this model can be asked in this way: it then stands in what the model says of itself."""
        return True

    def described(self, view: View) -> dict[str, Any]:
        """Return what the OpenAPI document says of it beyond the usual: requestBody, responses."""
        return {}

    def told(self, view: View) -> dict[str, Any]:
        """Return what the lookups of its dialect need to know of this model: JSON, asked for once, when loaded."""
        return {}

    def model_of(self, request: Request, limits: Limits) -> str | None:
        """Return the model that a request names, by default in its path; None for the only one there is.

        The one method that runs in the process that listens: it must be quick, and survive anything.
        """
        return request.path.get("model")

    @abstractmethod
    def read(self, request: Request, view: View) -> Asked:
        """Return what is asked; raise HTTPError naming all that is wrong with it."""

    @abstractmethod
    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return the reply with answers of `predict`, in the order of the records."""

    def write_written(self, answers: Sequence[Written], asked: Asked, view: View) -> Reply:
        """Return the reply with answers that were written by settings and not streamed."""
        raise NotImplementedError

    def writer(self, asked: Asked, view: View) -> Writer:
        """Return what writes a streamed answer."""
        raise NotImplementedError

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error in this dialect's shape."""
        return Reply.refusal(error)

    def broken_off(self, error: HTTPError, media_type: str) -> bytes | None:
        """Return what is sent last of a streamed answer whose model died; None to break the connection."""
        return None


@dataclass(frozen=True)
class About:
    """What the process that listens knows of a model.

    told: what the model says of itself: name, task, noria, version, schema, scores, inputs, media_type, is_writing,
    operations (names of those it offers), example, created (seconds), valuing (what says what its answers were worth;
    empty where nothing does); and under the name of each operation that it
    offers, what that one `told` of it, where it did.
    """

    name: str
    version: str
    is_ready: bool
    told: Mapping[str, Any]


class Lookup(ABC):
    """A path that is answered from what is known of the models."""

    name: ClassVar[str]
    path: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    method: ClassVar[str] = "GET"
    verb: ClassVar[Verb] = "predict"
    summary: ClassVar[str]
    media_types: ClassVar[tuple[str, ...]] = (JSON,)  # that its reply may have, for the OpenAPI document

    @abstractmethod
    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return the reply; raise HTTPError where what is asked for is not there."""

    def refusal(self, error: HTTPError) -> Reply:
        """Return an error in this dialect's shape."""
        return Reply.refusal(error)


def named(models: Sequence[About], name: str | None) -> About:
    """Return the model of a name, without one the only model; raise HTTPError (404)."""
    if name is None and len(models) == 1:
        return models[0]
    if name is None:
        raise many_models([one.name for one in models])
    for one in models:
        if one.name == name:
            return one
    raise no_model(name, [one.name for one in models])


def no_model(name: str, names: Sequence[str]) -> HTTPError:
    """Return the error of a model that is not served."""
    error = UserError(f"there is no model {name[:60]!r}", found=", ".join(names))
    return HTTPError(error, HTTPStatus.NOT_FOUND, code="model_not_found", param="model")


def many_models(names: Sequence[str]) -> HTTPError:
    """Return the error of a request that says not which of several models it asks."""
    error = UserError("the request does not say which model it asks", found=", ".join(names))
    return HTTPError(error, HTTPStatus.NOT_FOUND, code="model_not_found", param="model")


__all__ = ["JSON", "About", "Asked", "Lookup", "Operation", "Reply", "Request", "Said", "View", "Writer", "Written"]
