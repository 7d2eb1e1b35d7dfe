"""POST /v1/moderations: whether texts are harmful, by a classifier of texts whose labels say so.

A category stands in the answer where a label of the model is named like it; other labels stand there under their own
names and flag nothing. A category that the model does not know is not there: it is not said to be absent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from noria.contract import dispatch
from noria.service.asking.operation import Asked, Said, View
from noria.service.dialects.openai.asking import FILED, OpenAIOperation, beside, new_id, text_input, tokens_of
from noria.service.dialects.openai.body import Body
from noria.service.dialects.openai.completions import read_texts
from noria.service.request.exchange import Reply, Request
from noria.types import Prediction

# OpenAI's categories, and how else a label for one is named: in the data of Jigsaw's toxic comments, for one.
CATEGORIES: dict[str, tuple[str, ...]] = {
    "harassment": ("toxic", "toxicity", "insult", "offensive", "abusive"),
    "harassment/threatening": ("threat",),
    "hate": ("hate speech", "identity hate", "hateful"),
    "hate/threatening": (),
    "illicit": (),
    "illicit/violent": (),
    "self-harm": (),
    "self-harm/intent": (),
    "self-harm/instructions": (),
    "sexual": ("nsfw", "sexual explicit", "obscene"),
    "sexual/minors": (),
    "violence": (),
    "violence/graphic": (),
}


class Moderations(OpenAIOperation):
    """Say of each text which categories of harm it belongs to."""

    name = "openai.moderations"
    path = "/v1/moderations"
    is_batched = True
    summary = "Say which texts are harmful and how, as OpenAI's moderations do."
    param = "input"

    def is_offered(self, view: View) -> bool:
        """Say whether the model tells classes or labels of a text, one of them a category of harm."""
        return text_input(view) is not None and bool(categories_of(_labels(view)))

    def read(self, request: Request, view: View) -> Asked:
        """Return the texts."""
        name = text_input(view) or ""
        body = Body(request.json(view.limits))
        body.text("model")
        texts = _parts(body) or read_texts(body, "input", view.limits.records)
        body.end(FILED)
        body.check()
        tokens_of(texts, name, view, "input")
        return Asked([{name: text} for text in texts], more=new_id("modr-", request))

    def write(self, answers: Sequence[Prediction], asked: Asked, view: View, said: Said) -> Reply:
        """Return the categories of each text."""
        labels = _labels(view)
        results = [_result(one, labels) for one in answers]
        return Reply.json({"id": asked.more, "model": view.name, "results": results, **beside(said)})


def categories_of(labels: Sequence[str]) -> dict[str, str]:
    """Return the category that each label stands for, of those that stand for one."""
    known = {_plain(word): name for name, words in CATEGORIES.items() for word in (name, *words)}
    return {label: known[_plain(label)] for label in labels if _plain(label) in known}


def _labels(view: View) -> Sequence[str]:
    return dispatch.probability_names(view.predictor.task.target, view.predictor.states["target"])


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().lower()


def _parts(body: Body) -> list[str]:
    """Return the one text that a list of parts makes up; none where the input is no list of parts."""
    value = body.take("input")
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        return []
    texts = []
    for part in body.objects("input"):
        if part.needed("type") != "text":
            part.refuse("type", "this model reads text alone", "leave the part out")
        texts.append(part.text("text"))
        part.end({})
    return ["\n".join(texts)]


def _result(answer: Prediction, labels: Sequence[str]) -> dict[str, Any]:
    named = categories_of(labels)
    holds = answer.value if isinstance(answer.value, list) else [answer.value]
    chances: dict[str, float] = answer.details["probabilities"]
    categories: dict[str, bool] = {}
    scores: dict[str, float] = {}
    for label in labels:
        name = named.get(label, label)
        categories[name] = categories.get(name, False) or label in holds
        if label in chances:
            scores[name] = max(scores.get(name, 0.0), chances[label])
    return {
        "flagged": any(categories[name] for name in named.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in categories},
    }
