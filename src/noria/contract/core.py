"""The core of what a component fills in: Modality, Target, Task. Raw value -> tokens -> features -> answer.

Sixteen members, and a few facts as plain data; all beyond them is a capability that a component declares.

A component is a frozen dataclass; its fields are its settings, and so the schema of `inputs.<field>` and `target` in a
job file. A new one is one new file or folder in modalities/, targets/ or tasks/; nothing else is edited. The stages
never ask which one they serve. Read next: capabilities.py, dispatch.py, registry.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from noria.contract.metric import Metric
from noria.errors import UserError
from noria.types import Arrays, Batch, Encoded, Output, Prediction, Record, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

Attention = Literal["full", "causal", "prefix"]
RawType = Literal["file", "cell", "columns"]  # the bytes of a file, one cell of a table, several columns at once


@dataclass(frozen=True)
class Modality(ABC):
    """How a raw value becomes tokens."""

    # Its name in the registry; modalities and targets of one kind share what they learn: `text` for both of that name.
    kind: ClassVar[str]
    # The kind whose states fit this one too, where it is not its own: messages are read by the tokenizer of a text.
    state_kind: ClassVar[str] = ""
    # What one raw value is.
    raw_type: ClassVar[RawType] = "cell"
    # How many training records `fit` is shown at most, drawn at random.
    num_fit_records: ClassVar[int] = 100_000
    # How the names of its files end, where one raw value is a file: a folder of such files is proposed to it first.
    file_suffixes: ClassVar[tuple[str, ...]] = ()
    is_optional: bool = False
    """Whether records may lack this field. Its tokens are then hidden, and the model learns from the other fields."""

    @abstractmethod
    def fit(self, values: Values) -> State:
        """Learn what `encode` needs (sizes, means, vocabularies) from training values only.

        JSON-able, but for arrays of numpy, which may stand anywhere in it.
        """

    @abstractmethod
    def encode(self, values: Values, state: State) -> Encoded:
        """Turn n raw values into arrays [n, ...] or Ragged; name those that cannot be encoded (their rows are left at
        zero, or empty)."""

    @abstractmethod
    def embedder(self, state: State, width: int) -> nn.Module:
        """Return a module: dict of tensors [B, ...] -> Tokens [B, T, D], with D as its attribute `width`.

        D may differ from the width asked for; the model then projects. A Ragged array comes padded: integers with
        PAD, others with zeros, and how long their rows are stands beside them (`lengths_of` the array's name).
        """


class Target(ABC):
    """How features become an answer."""

    # Its name in the registry, and the name of the answer's field.
    kind: ClassVar[str]
    # The kind whose states fit this one too, where it is not its own.
    state_kind: ClassVar[str] = ""
    # What one raw answer is: a cell, the bytes of a file (a mask), or several columns, where one may do as well.
    raw_type: ClassVar[RawType] = "cell"
    # Whether held-out answers can be unknown to what `fit` learnt from training answers, as classes can.
    has_closed_vocabulary: ClassVar[bool] = False

    @abstractmethod
    def fit(self, values: Values) -> State:
        """Learn what `encode` and `head` need (classes, mean and spread) from training answers only.

        JSON-able, but for arrays of numpy, which may stand anywhere in it.
        """

    @abstractmethod
    def encode(self, values: Values, state: State) -> Encoded:
        """Turn raw answers into arrays [n, ...] or Ragged."""

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


class Task(ABC):
    """Which inputs go with which target. The answer's field is named after the target's kind (`label`, `number`)."""

    inputs: Mapping[str, Modality]
    target: Target
    attention: Attention = "full"
    # Fields (the answer's among them) that learn one state together, from the values of all: one vocabulary for both.
    shared_vocabulary: tuple[str, ...] = ()
    # The field or column whose equal values are of one thing (a conversation, a paragraph), where the data has it: an
    # interval draws their records together, unless data.split.group names another column.
    grouped_by: str = ""
    # Job settings this task starts from, under the user's own: {"model": {"depth": 0}, "train": {...}}.
    defaults: Mapping[str, Any] = {}
    # The same, over `defaults`, where a job says nothing of its `model`: what is learnt best by the network that nobody
    # has asked for may suit no other one, as a checkpoint.
    defaults_without_model: Mapping[str, Any] = {}

    @abstractmethod
    def example(self) -> Record:
        """Return one tiny real record, answer included: tests, docs, trace and the HTTP schema use it."""

    @abstractmethod
    def fit_baseline(self, train: Arrays) -> Arrays:
        """Learn the trivial answer to beat from training answers alone: arrays [1, ...].

        They are the output of that answer, the same for every record, unless the task declares PredictsBaseline.
        """


def answer_field(task: Task) -> str:
    """Return the field name of the task's answer: the kind of its target (`label`, `number`, ...)."""
    return task.target.kind


def only_input(task: Task, use: str) -> str:
    """Return the field name of the one input of a task; raise UserError where it has several: `use` says what for."""
    if len(task.inputs) != 1:
        raise UserError(f"only a model with one input can {use}", found=f"inputs {', '.join(task.inputs)}")
    (only,) = task.inputs
    return only
