"""What stands in a text: names in it, the answer to a question, the word that is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from noria.service.asking.operation import Asked, View
from noria.service.dialects.hugging_face.payload import Payload, Sent, records_of, text_records
from noria.service.dialects.openai.body import Passes
from noria.types import Prediction

MASK = "[MASK]"  # what a text to be filled in has for each hidden token
MOST_CANDIDATES = 5  # of a hidden token that an answer tells


class NamesInText(Payload):
    """Texts in; of each its names, as stretches of characters: Noria has decided where they begin and end."""

    def read(self, sent: Sent, view: View) -> Asked:
        sent.parameters.one_of("aggregation_strategy", ("simple",))
        ignored = sent.parameters.texts("ignore_labels")
        is_one = isinstance(sent.body.take("inputs"), str)
        return Asked(text_records(sent.body, view), more=(ignored, is_one))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        ignored, is_one = asked.more
        found = [[_entity(one) for one in answer.value if one["label"] not in ignored] for answer in answers]
        return found[0] if is_one else found


def _entity(one: dict[str, Any]) -> dict[str, Any]:
    place = {"start": one["start"], "end": one["end"]}
    return {"entity_group": one["label"], "score": one["confidence"], "word": one["text"], **place}


class AnswerInText(Payload):
    """A question and a context in; the stretch of the context that answers out, an empty one where nothing does."""

    passes: ClassVar[Passes] = {"top_k": (1,), "handle_impossible_answer": (True,)}

    def read(self, sent: Sent, view: View) -> Asked:
        inputs = sent.body.object("inputs") or sent.body.inside("inputs", None)
        record = {}
        for name in (one.name for one in view.inputs):  # which are called as they are here
            inputs.needed(name)
            record[name] = inputs.text(name)
        inputs.end({})
        sent.body.check()
        return Asked(records_of([record], view))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        (answer,) = answers
        start, end = (answer.details[name] or 0 for name in ("start", "end"))
        return {"answer": answer.value, "score": answer.confidence, "start": start, "end": end}


class HiddenWords(Payload):
    """A text with hidden tokens in; of each its likeliest tokens out. Several texts give a list of such."""

    def read(self, sent: Sent, view: View) -> Asked:
        top_k = sent.parameters.whole("top_k", 1, MOST_CANDIDATES)
        is_one = isinstance(sent.body.take("inputs"), str)
        return Asked(text_records(sent.body, view), more=(top_k, is_one))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        top_k, is_one = asked.more
        texts = [record[view.inputs[0].name] for record in asked.records]
        found = [_filled(text, answer, top_k) for text, answer in zip(texts, answers, strict=True)]
        return found[0] if is_one else found


def _filled(text: str, answer: Prediction, top_k: int | None) -> Any:
    """Return the candidates of the only hidden token, or a list of such for each of several."""
    masks, parts = answer.details.get("masks", []), text.split(MASK)
    is_spaced = bool(masks) and not str(answer.value).startswith(parts[0] + masks[0][0]["token"])
    found = []
    for place, candidates in enumerate(masks, 1):
        before, after = MASK.join(parts[:place]), MASK.join(parts[place:])
        if is_spaced:  # the space before a word is part of its token
            before = before.removesuffix(" ")
        found.append([_candidate(one, before, after) for one in candidates[:top_k]])
    return found[0] if len(found) == 1 else found


def _candidate(one: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    sequence = before + one["token"] + after
    return {"sequence": sequence, "score": one["probability"], "token": one["id"], "token_str": one["token"]}
