"""Which output tensors a model has, and the answers in them.

value          FP64 [n] of numbers, FP64 [n, d] of vectors; of all others BYTES [n]: texts, or else their JSON
confidence     FP64 [n], NaN where an answer has none
labels         BYTES [n, k], of classes the k likeliest, the likeliest first; of labels that may hold together all
probabilities  FP64 [n, k], of these labels
media          BYTES [n], the file that an answer is
details        BYTES [n], JSON: all else that an answer says
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from noria.contract import dispatch
from noria.contract.capabilities import GivesVector, SingleValued, declared
from noria.errors import UserError
from noria.service.asking.operation import View
from noria.service.dialects.oip.tensors import BYTES, Tensor
from noria.service.request.http_error import HTTPError, json_bytes
from noria.types import Prediction

PROBABILITIES = "probabilities"


def outputs_of(view: View) -> list[dict[str, Any]]:
    """Return the metadata of a model's output tensors."""
    target, state = view.predictor.task.target, view.predictor.states["target"]
    names = dispatch.probability_names(target, state)
    value = ("FP64", [-1, -1]) if _is_vector(view) else ("FP64", [-1])
    found = {"value": value if is_numeric(view) else (BYTES, [-1]), "confidence": ("FP64", [-1])}
    if names:
        found |= {"labels": (BYTES, [-1, -1]), PROBABILITIES: ("FP64", [-1, -1])}
    if dispatch.media_type(target) is not None:
        found["media"] = (BYTES, [-1])
    found["details"] = (BYTES, [-1])
    return [{"name": name, "datatype": kind, "shape": shape} for name, (kind, shape) in found.items()]


def is_numeric(view: View) -> bool:
    """Say whether an answer is a number, or a vector of them."""
    target, state = view.predictor.task.target, view.predictor.states["target"]
    is_number = declared(target, SingleValued) is not None and dispatch.class_names(target, state) is None
    return is_number or _is_vector(view)


def _is_vector(view: View) -> bool:
    return declared(view.predictor.task.target, GivesVector) is not None


def tensors_of(answers: Sequence[Prediction], names: Sequence[str], view: View) -> list[Tensor]:
    """Return the answers in the output tensors of some names."""
    makers = {
        "value": lambda: _values(answers, is_numeric(view)),
        "confidence": lambda: [Tensor("confidence", "FP64", (len(answers),), [_or_nan(one) for one in answers])],
        "labels": lambda: [_labels(answers)],
        PROBABILITIES: lambda: [_probabilities(answers)],
        "media": lambda: [Tensor("media", BYTES, (len(answers),), [_media(one) for one in answers])],
        "details": lambda: [Tensor("details", BYTES, (len(answers),), _details(answers))],
    }
    return [tensor for name in names for tensor in makers[name]()]


def _values(answers: Sequence[Prediction], are_numbers: bool) -> list[Tensor]:
    values = [one.value for one in answers]
    if not are_numbers:
        texts = [one if isinstance(one, str) else _json(one, index) for index, one in enumerate(values)]
        return [Tensor("value", BYTES, (len(texts),), texts)]
    shape = (len(values), len(values[0])) if isinstance(values[0], list) else (len(values),)
    flat = [number for one in values for number in (one if isinstance(one, list) else [one])]
    for index, number in enumerate(flat):
        if not math.isfinite(number):
            raise _not_finite(index * len(values) // len(flat))
    return [Tensor("value", "FP64", shape, flat)]


def _labels(answers: Sequence[Prediction]) -> Tensor:
    rows = [list(_chances(one)) for one in answers]
    width = max(map(len, rows))
    return Tensor("labels", BYTES, (len(rows), width), [name for row in rows for name in _wide(row, width, "")])


def _probabilities(answers: Sequence[Prediction]) -> Tensor:
    rows = [list(_chances(one).values()) for one in answers]
    width = max(map(len, rows))
    flat = [number for row in rows for number in _wide(row, width, math.nan)]
    return Tensor(PROBABILITIES, "FP64", (len(rows), width), flat)


def _wide(row: list[Any], width: int, filler: Any) -> list[Any]:
    return row + [filler] * (width - len(row))


def _chances(answer: Prediction) -> Mapping[str, float]:
    chances: Mapping[str, float] = answer.details.get(PROBABILITIES, {})
    return chances


def _or_nan(answer: Prediction) -> float:
    return math.nan if answer.confidence is None else answer.confidence


def _media(answer: Prediction) -> bytes:
    return b"" if answer.media is None else answer.media.data


def _details(answers: Sequence[Prediction]) -> list[str]:
    others = [{name: one for name, one in answer.details.items() if name != PROBABILITIES} for answer in answers]
    return [_json(one, index) for index, one in enumerate(others)]


def _json(value: Any, index: int) -> str:
    try:
        return json_bytes(value).decode()
    except ValueError as error:
        raise _not_finite(index) from error


def _not_finite(index: int) -> HTTPError:
    told = UserError("the model has no finite answer to this", where=f"record {index}")
    return HTTPError(told, HTTPStatus.UNPROCESSABLE_ENTITY, code="not_finite", param=f"records[{index}]")
