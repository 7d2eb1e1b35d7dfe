"""What is kept of a model's answers so that they can be set beside those to other records: numbers, no record.

Knows no task: targets say what they give a probability, and which of their scores each record has.
Read next: reference.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from noria.contract import Metric, Task, dispatch
from noria.pipeline.pooling import POOLED
from noria.pipeline.predictor import Predictor
from noria.types import Arrays, Prediction, State, rows_of

ARRAYS, VECTORS = ("values", "guide", "answers", "truths", "scores"), "vectors"
WORTHS = ("worth", "expected")  # the same, of a job that says what answers are worth
ABOUT = "about"  # the array that holds, as bytes of JSON, what is no array
MOST_COLUMNS = 100  # classes or labels whose probabilities are kept; of more, how sure the answer was
CONFIDENCE = "confidence"
Kind: TypeAlias = Literal["classes", "labels", "numbers", "confidence"]


@dataclass(frozen=True)
class Observations:
    """The answers to n records. None stands for what the model does not give.

    kind      what the columns of `values` are, whose names are `names`: the probabilities of classes (of which one
              holds) or labels (of which several may), a number, or how sure the answer was
    values    float32[n, columns], NaN where there is none
    guide     float32[n]: what the score is told by where the truth is not known: how sure the answer was, or the number
    answers   int64[n]: the number of the class that is answered; -1 where none is, or where it is no class
    truths    float64[n]: the number of the true class, or the true number; NaN where it is not known
    scores    float64[n]: the record's own score by the first metric that has one; NaN where the truth is not known
    worth     float64[n]: what the answer is worth, in micro-units; NaN where the truth is not known, or its worth
    expected  float64[n]: what the worth is told by where the truth is not known: what is expected, or as `guide`
    vectors   float32[m, D]: pooled embeddings of the first m records
    places    where each record stands
    """

    kind: Kind
    names: tuple[str, ...]
    values: np.ndarray
    guide: np.ndarray
    answers: np.ndarray
    truths: np.ndarray
    scores: np.ndarray
    worth: np.ndarray
    expected: np.ndarray
    vectors: np.ndarray | None
    places: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def likeliest(self) -> np.ndarray:
        """Return the number of the likeliest class of each record, int64[n], which is not always the answer."""
        return np.asarray(self.values.argmax(1), np.int64)

    @property
    def residuals(self) -> np.ndarray:
        """Return by how much the truth is above the number that was answered, float[m], where both are known."""
        known = self.truths - self.values[:, 0] if self.kind == "numbers" else np.full(0, np.nan)
        return np.asarray(known[np.isfinite(known)])

    def last(self, count: int) -> Observations:
        """Return the last records of many."""
        start = max(0, len(self) - count)
        rows = {one: getattr(self, one)[start:] for one in ROWS}
        vectors = self.vectors[start:] if self.vectors is not None and len(self.vectors) == len(self) else self.vectors
        return replace(self, **rows, vectors=vectors)

    def as_arrays(self, **more: Any) -> dict[str, np.ndarray]:
        """Return arrays that `of_arrays` makes the same of; `more`, which is JSON, is found by about_in(arrays)."""
        places = self.places if any(self.places) else None
        about = {"kind": self.kind, "names": self.names, "places": places, **more}
        arrays = {name: getattr(self, name) for name in ARRAYS}
        arrays |= {name: values for name in WORTHS if np.isfinite(values := getattr(self, name)).any()}
        arrays |= {} if self.vectors is None else {VECTORS: self.vectors.astype(np.float16)}
        return arrays | {ABOUT: np.frombuffer(json.dumps(about).encode(), np.uint8)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Observations:
        """Return what `as_arrays` was of; raise LookupError, TypeError or ValueError where it is damaged."""
        about, untold = about_in(arrays), np.full(len(arrays[ARRAYS[0]]), np.nan)
        rows = {name: arrays[name] for name in ARRAYS} | {name: arrays.get(name, untold) for name in WORTHS}
        vectors = arrays[VECTORS].astype(np.float32) if VECTORS in arrays else None
        places = tuple(about.get("places") or ("",) * len(untold))
        return cls(about["kind"], tuple(about["names"]), **rows, vectors=vectors, places=places)


def about_in(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what stands beside observations as JSON."""
    found: dict[str, Any] = json.loads(arrays[ABOUT].tobytes())
    return found


# What has a row for each record.
ROWS = ("values", "guide", "answers", "truths", "scores", "worth", "expected", "places")


def joined(parts: Sequence[Observations]) -> Observations:
    """Return the observations of several stretches of records, one after another; there is at least one."""
    whole = {one.name: [getattr(part, one.name) for part in parts] for one in fields(Observations)}
    vectors = None if any(one is None for one in whole["vectors"]) else np.concatenate(whole["vectors"])
    rows = {name: np.concatenate(whole[name]) for name in ROWS if name != "places"}
    places = tuple(place for one in whole["places"] for place in one)
    return Observations(parts[0].kind, parts[0].names, **rows, vectors=vectors, places=places)


def own_score(task: Task, state: State) -> Metric | None:
    """Return the first metric of a target that each record has a score of by itself."""
    return next((one for one in task.target.metrics(state) if one.scores is not None), None)


def observe(
    predictor: Predictor, output: Arrays, places: Sequence[str], truth: Arrays | None = None,
    is_known: np.ndarray | None = None, predictions: Sequence[Prediction] | None = None,
) -> Observations:  # fmt: skip
    """Return what is kept of the outputs for n records.

    is_known: bool[n], whose truth counts; None: of all. predictions: the outputs decoded, where they are at hand.
    """
    task, state = predictor.task, predictor.states["target"]
    kind, names, values, answers = _answered(task, state, output)
    if kind == "confidence" and not values.size:
        given = task.target.decode(output, state) if predictions is None else predictions
        values = np.array([[np.nan if one.confidence is None else one.confidence] for one in given], np.float32)
    count, guide, worth = len(values), _guide(kind, values), predictor.worth
    expected = np.full(count, np.nan) if worth is None else guide.astype(np.float64)
    if worth is not None and worth.table is not None:
        answers, expected = worth.decide(output)
    known = np.arange(count) if is_known is None else np.flatnonzero(is_known)
    truths, scores, worths = _known(predictor, rows_of(output, known), rows_of(truth, known)) if truth else (None,) * 3
    vectors = None if POOLED not in output else np.asarray(output[POOLED], np.float32)
    return Observations(
        kind, names, values, guide, answers, _spread(truths, known, count), _spread(scores, known, count),
        _spread(worths, known, count), expected, vectors, tuple(places) or ("",) * count,
    )  # fmt: skip


def _known(predictor: Predictor, output: Arrays, truth: Arrays) -> tuple[np.ndarray | None, ...]:
    """Return truths, scores and worths of records whose truth is known; None for what the answers do not have."""
    target, worth = predictor.task.target, predictor.worth
    metric = own_score(predictor.task, predictor.states["target"])
    return (
        dispatch.single_values(target, truth),
        None if metric is None or metric.scores is None else metric.scores(output, truth),
        None if worth is None else worth.micro(output, truth),
    )


def _spread(values: np.ndarray | None, known: np.ndarray, count: int) -> np.ndarray:
    """Return values of known records among all, float64[count], the others NaN."""
    found = np.full(count, np.nan)
    if values is not None:
        found[known] = values
    return found


def _answered(task: Task, state: State, output: Arrays) -> tuple[Kind, tuple[str, ...], np.ndarray, np.ndarray]:
    """Return kind, names, values and answers as Observations has them; values are empty where decoding gives them."""
    name, classes = dispatch.answer_output(task.target), dispatch.class_names(task.target, state)
    labels = dispatch.label_names(task.target, state)
    if name is None or name not in output:
        return "confidence", (CONFIDENCE,), np.zeros((0, 1), np.float32), np.zeros(0, np.int64)
    given = np.asarray(output[name], np.float64)
    none = np.full(len(given), -1, np.int64)
    if classes is None and labels is None:
        return "numbers", (name,), given[:, :1].astype(np.float32), none
    if labels is not None:
        kind, names, answers, values = "labels", tuple(labels), none, 1 / (1 + np.exp(-np.clip(given, -500, 500)))
    else:
        exponents = np.exp(given - given.max(1, keepdims=True))
        kind, names, answers = "classes", tuple(classes or ()), given.argmax(1)
        values = exponents / exponents.sum(1, keepdims=True)
    if len(names) > MOST_COLUMNS:
        return "confidence", (CONFIDENCE,), _sureness(values, kind)[:, None], answers
    return kind, names, values.astype(np.float32), answers  # type: ignore[return-value]  # a Kind by then


def _guide(kind: Kind, values: np.ndarray) -> np.ndarray:
    return values[:, 0] if kind in ("numbers", "confidence") else _sureness(values, kind)


def _sureness(values: np.ndarray, kind: str) -> np.ndarray:
    """Return how sure an answer is: the greatest probability, or of labels the mean of each one's."""
    sure = values.max(1) if kind == "classes" else np.maximum(values, 1 - values).mean(1)
    return np.asarray(sure, np.float32)
