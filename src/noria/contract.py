"""What every spoke fills in: Modality (raw value -> tokens), Target (features -> answer), Task (which go together).

A spoke is a frozen dataclass; its fields are its settings, and so the schema of `inputs.<field>` and `target` in a
job file. A new spoke is one new file in modalities/, targets/ or tasks/; nothing else is edited. The stages call only
what stands here and never ask which task they serve. checks.py runs the contract. Read next: find.py, stages/.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.nouns import Arrays, Batch, Encoded, Output, Panel, Prediction, Record, Span, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.sources import Source

Attention = Literal["full", "causal", "prefix"]
Takes = Literal["file", "cell", "columns"]


class Modality(ABC):
    """How a raw value becomes tokens."""

    # What one raw value is: the bytes of a file, one cell of a table, or several columns at once.
    takes: ClassVar[Takes] = "cell"
    # How many training records `fit` is shown at most, drawn at random.
    fit_records: ClassVar[int] = 100_000

    @abstractmethod
    def fit(self, values: Values) -> State:
        """Learn what `encode` needs (sizes, means, vocabularies) from training values only; JSON-able."""

    @abstractmethod
    def encode(self, values: Values, state: State) -> Encoded:
        """Turn n raw values into arrays [n, ...]; name those that cannot be encoded (their rows are left at zero)."""

    @abstractmethod
    def decode(self, arrays: Arrays, state: State) -> Any:
        """Return what a person would look at, from the arrays [...] of one value: a picture uint8[H, W(, 3)], a text,
        a dict of cells. Reports show it by its type."""

    def vary(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the arrays [B, ...] of a training batch, varied at random (torch's global seed)."""
        return arrays

    @abstractmethod
    def embedder(self, state: State, width: int) -> nn.Module:
        """Return a module: dict of tensors [B, ...] -> Tokens [B, T, D], with D as its attribute `width`.

        D may differ from the width asked for; the model then projects.
        """

    @abstractmethod
    def spans(self, value: Any, state: State) -> list[Span]:
        """Return, for each token of this value, the part of the raw value it stands for."""


@dataclass(frozen=True)
class Metric:
    """A score with a unit and a direction.

    value(output, truth, weights): the scores of R weighted sets of the same n records at once, weights float[R, n] ->
    float[R]; a row of ones is the set itself, rows of counts are its bootstrap resamples. NaN means "cannot be computed
    here" and is written as null.
    scores(output, truth): where the score is a mean over records, each record's own, float[n]; `mean_metric` makes
    such a metric.
    """

    name: str
    unit: str
    direction: Literal["higher", "lower"]
    value: Callable[[Arrays, Arrays, np.ndarray], np.ndarray]
    scores: Callable[[Arrays, Arrays], np.ndarray] | None = None


def mean_metric(
    name: str, unit: str, direction: Literal["higher", "lower"], scores: Callable[[Arrays, Arrays], np.ndarray]
) -> Metric:
    """Return the metric that is the mean of a score per record."""

    def value(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ scores(output, truth) / weights.sum(1))

    return Metric(name, unit, direction, value, scores)


class Target(ABC):
    """How features become an answer."""

    @abstractmethod
    def fit(self, values: Values) -> State:
        """Learn what `encode` and `head` need (classes, mean and spread) from training answers only; JSON-able."""

    @abstractmethod
    def encode(self, values: Values, state: State) -> Encoded:
        """Turn raw answers into arrays [n, ...]."""

    @abstractmethod
    def head(self, state: State, width: int) -> nn.Module:
        """Return a module: Tokens [B, T, width] -> Output."""

    @abstractmethod
    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return "loss", the mean over the batch that is minimised; "each", float[B], per record; and named parts."""

    @abstractmethod
    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        """Turn outputs [n, ...] into answers a person can read, with confidence."""

    @abstractmethod
    def metrics(self, state: State) -> Sequence[Metric]:
        """Return the scores of this answer; training selects on the first."""

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        """Return what the report shows beside the scores: a table per class, a confusion matrix, ..."""
        return []


class Task(ABC):
    """Which inputs go with which target. The answer's field is named after the target's file (`label`, `number`)."""

    inputs: Mapping[str, Modality]
    target: Target
    attention: Attention = "full"
    # Job settings this task starts from, under the user's own: {"model": {"depth": 0}, "train": {...}}.
    defaults: Mapping[str, Any] = {}

    @abstractmethod
    def example(self) -> Record:
        """Return one tiny real record, answer included: tests, docs, trace and the HTTP schema use it."""

    @abstractmethod
    def baseline(self, train: Arrays) -> Arrays:
        """Return the output [1, ...] of the trivial answer to beat, the same for every record, learnt from training
        answers alone."""

    def read(self, path: Path) -> Source | None:
        """Return the reader of a format that only this task has; None leaves the path to sources/."""
        return None

    def vary(self, batch: Batch) -> Batch:
        """Return a training batch with its inputs varied; a task whose answer moves with its input varies both."""
        inputs = {name: modality.vary(batch.inputs[name]) for name, modality in self.inputs.items()}
        return Batch(inputs, batch.target, batch.size)

    def step(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the loss and its parts for one batch: the one escape hatch for unusual training."""
        return self.target.loss(model(batch.inputs), batch)


def answer_field(task: Task) -> str:
    """Return the field name of the task's answer: the file name of its target (`label`, `number`, ...)."""
    return type(task.target).__module__.rsplit(".", 1)[-1]
