"""POST /api/embed: what texts mean, as vectors of length 1; POST /api/embeddings is the same for one text."""

from __future__ import annotations

import time
from collections.abc import Sequence

from noria.contract.capabilities import GivesVector, declared
from noria.errors import UserError
from noria.service.asking.operation import Asked, Reply, Request, Said, View
from noria.service.dialects.ollama.asking import ALWAYS, OllamaOperation
from noria.service.dialects.ollama.options import PASSES as OPTIONS
from noria.service.dialects.ollama.options import check_context
from noria.service.dialects.openai.asking import beside, text_input, tokens_of
from noria.service.request.http_error import HTTPError
from noria.types import Prediction


class Embed(OllamaOperation):
    """Return the vectors of texts."""

    name = "ollama.embed"
    path = "/api/embed"
    aliases = ("/api/embeddings",)  # with `prompt` in the place of `input`
    summary = "Return the vectors of texts, as Ollama does."

    def is_offered(self, view: View) -> bool:
        """Say whether the model answers a text with a vector."""
        return text_input(view) is not None and declared(view.predictor.task.target, GivesVector) is not None

    def read(self, request: Request, view: View) -> Asked:
        """Return the texts."""
        name, body, start = text_input(view) or "", self.body_of(request, view), time.monotonic()
        body.needed("model")
        model, is_old = body.text("model"), not body.has("input") and body.has("prompt")
        texts = body.texts("prompt" if is_old else "input")
        if not 1 <= len(texts) <= view.limits.records:
            body.wrong("input", f"1 to {view.limits.records} texts", texts)
        size, is_cut = body.whole("dimensions", 1, 1 << 20), body.flag("truncate", usual=True)
        if options := body.object("options"):
            check_context(options, view)
            options.end(OPTIONS)
        body.end(ALWAYS)
        body.check()
        if not is_cut:
            tokens_of(texts, name, view, "input")
        return Asked([{name: text} for text in texts], more=(model, is_old, size, start))

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return the vectors in the order of the texts; raise HTTPError for another size than theirs."""
        model, is_old, size, start = asked.more
        vectors = [one.value for one in answers]
        if size not in (None, len(vectors[0])):
            error = UserError("the vectors of this model cannot be cut", expected=str(len(vectors[0])), found=str(size))
            raise HTTPError(error, code="unsupported_value", param="dimensions")
        if is_old:
            return Reply.json({"embedding": vectors[0], **beside(said)})
        duration = round((time.monotonic() - start) * 1e9)
        told = {"model": model, "embeddings": vectors, "total_duration": duration, "load_duration": 0}
        return Reply.json({**told, **beside(said)})
