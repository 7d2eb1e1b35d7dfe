"""POST /v1/embeddings: what texts mean, as vectors. For models with one text as their input and a vector as answer.

Without `encoding_format` OpenAI's own client asks for base64: little-endian float32.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from noria.contract.capabilities import GivesVector, declared
from noria.errors import UserError
from noria.service.asking.operation import Asked, Said, View
from noria.service.dialects.openai.asking import FILED, OpenAIOperation, beside, text_input, tokens_of
from noria.service.dialects.openai.body import Body
from noria.service.dialects.openai.completions import read_texts
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError
from noria.types import Prediction

BASE64 = "base64"


class Embeddings(OpenAIOperation):
    """Return a vector for each text."""

    name = "openai.embeddings"
    path = "/v1/embeddings"
    is_batched = True
    summary = "Return the vector of each text, as OpenAI's embeddings do."
    param = "input"

    def is_offered(self, view: View) -> bool:
        """Say whether the model answers a text with a vector."""
        return text_input(view) is not None and declared(view.predictor.task.target, GivesVector) is not None

    def read(self, request: Request, view: View) -> Asked:
        """Return the texts."""
        name = text_input(view) or ""
        body = Body(request.json(view.limits))
        body.text("model")
        texts = read_texts(body, "input", view.limits.records)
        form = body.one_of("encoding_format", ("float", BASE64), "float")
        size = body.whole("dimensions", 1, 1 << 20)
        body.end(FILED)
        body.check()
        tokens = sum(tokens_of(texts, name, view, "input"))
        return Asked([{name: text} for text in texts], more=(form, size, tokens))

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return the vectors in the order of the texts; raise HTTPError for another size than theirs."""
        form, size, tokens = asked.more
        if size not in (None, len(answers[0].value)):
            raise _other_size(size, len(answers[0].value))
        data = [
            {"object": "embedding", "index": index, "embedding": _written(one.value, form)}
            for index, one in enumerate(answers)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Reply.json({"object": "list", "data": data, "model": view.name, "usage": usage, **beside(said)})


def _written(vector: Any, form: str) -> Any:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode("ascii") if form == BASE64 else vector


def _other_size(asked: int, size: int) -> HTTPError:
    error = UserError(
        "the vectors of this model cannot be cut: it was not taught that their first numbers mean something alone",
        where="dimensions",
        expected=str(size),
        found=str(asked),
        fix="leave it out, or train with target.dimensions",
    )
    return HTTPError(error, code="unsupported_value", param="dimensions")
