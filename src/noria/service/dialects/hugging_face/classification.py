"""Classes and labels with their probabilities: of texts, pictures, sounds and clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from noria.contract import dispatch
from noria.errors import UserError
from noria.service.asking.operation import Asked, View
from noria.service.dialects.hugging_face.payload import Payload, Sent, file_records, text_records
from noria.service.dialects.openai.body import Body
from noria.service.request.http_error import HTTPError
from noria.types import Prediction

MOST_CLASSES = 1 << 20


class TextClasses(Payload):
    """Texts in; of each a list of labels and their probabilities, the likeliest first."""

    def read(self, sent: Sent, view: View) -> Asked:
        top_k = read_classes(sent.parameters, view)
        return Asked(text_records(sent.body, view), more=top_k)

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        return [classes_of(one, asked.more, view) for one in answers]  # a list in a list also of a single text


class FileClasses(Payload):
    """A picture, a sound or a clip in; labels and their probabilities out, the likeliest first."""

    takes_file = True

    def read(self, sent: Sent, view: View) -> Asked:
        top_k = read_classes(sent.parameters, view)
        return Asked(file_records(sent, view), more=top_k)

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        return classes_of(answers[0], asked.more, view)


def read_classes(parameters: Body, view: View) -> int | None:
    """Return how many classes are asked for, None for all that the model tells."""
    target, state = view.predictor.task.target, view.predictor.states["target"]
    may_hold_together = dispatch.label_names(target, state) is not None
    parameters.one_of("function_to_apply", ("sigmoid",) if may_hold_together else ("softmax",))
    return parameters.whole("top_k", 1, MOST_CLASSES)


def classes_of(answer: Prediction, top_k: int | None, view: View) -> list[dict[str, Any]]:
    """Return labels and their probabilities; raise HTTPError where more are asked for than a model tells."""
    names = dispatch.probability_names(view.predictor.task.target, view.predictor.states["target"])
    chances = sorted(answer.details["probabilities"].items(), key=lambda one: -one[1])
    if top_k is not None and min(top_k, len(names)) > len(chances):
        expected = f"at most {len(chances)}: of more the model does not tell the probability"
        error = UserError("top_k is too large", where="parameters.top_k", expected=expected, found=str(top_k))
        raise HTTPError(error, code="unsupported_value", param="parameters.top_k")
    return [{"label": name, "score": chance} for name, chance in chances[:top_k]]
