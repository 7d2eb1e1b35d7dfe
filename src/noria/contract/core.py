"""What every spoke fills in: Modality (raw value -> tokens), Target (features -> answer), Task (which go together).

A spoke is a frozen dataclass; its fields are its settings, and so the schema of `inputs.<field>` and `target` in a
job file. A new spoke is one new file in modalities/, targets/ or tasks/; nothing else is edited. The stages call only
what stands here and never ask which task they serve. contract/checks runs it. Read next: registry.py, stages/.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract.metric import Metric
from noria.contract.source import Source
from noria.errors import UserError
from noria.types import (
    Arrays,
    Batch,
    Dataset,
    Encoded,
    Output,
    Panel,
    Piece,
    Prediction,
    Record,
    Span,
    State,
    Values,
    repeated,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

Attention = Literal["full", "causal", "prefix"]
Takes = Literal["file", "cell", "columns"]
MAPPED: Mapping[str, Any] = {}  # no column is named


class Modality(ABC):
    """How a raw value becomes tokens."""

    # Its name in the registry; modalities and targets of one kind share what they learn: `text` for both of that name.
    kind: ClassVar[str]
    # The kind whose states fit this one too, where it is not its own: messages are read by the tokenizer of a text.
    state_kind: ClassVar[str] = ""
    # What one raw value is: the bytes of a file, one cell of a table, or several columns at once.
    takes: ClassVar[Takes] = "cell"
    # How many training records `fit` is shown at most, drawn at random.
    fit_records: ClassVar[int] = 100_000
    # Whether a record may come without this field: its values are then None, and `encode` takes None for nothing.
    is_optional: bool = False

    @abstractmethod
    def fit(self, values: Values) -> State:
        """Learn what `encode` needs (sizes, means, vocabularies) from training values only; JSON-able."""

    def inherit(self, state: State) -> State | None:
        """Return this modality's state where training starts from a model that had `state` for the same modality.

        None: it is learnt anew.
        """
        return state

    @abstractmethod
    def encode(self, values: Values, state: State) -> Encoded:
        """Turn n raw values into arrays [n, ...] or Ragged; name those that cannot be encoded (their rows are left at
        zero, or empty)."""

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

        D may differ from the width asked for; the model then projects. A Ragged array comes padded with PAD.
        """

    @abstractmethod
    def spans(self, value: Any, state: State) -> list[Span]:
        """Return, for each token of this value, the part of the raw value it stands for."""


class Target(ABC):
    """How features become an answer."""

    # Its name in the registry, and the name of the answer's field.
    kind: ClassVar[str]
    # The kind whose states fit this one too, where it is not its own.
    state_kind: ClassVar[str] = ""
    # What one raw answer is: one cell of a table, or the bytes of a file (a mask).
    takes: ClassVar[Takes] = "cell"
    # Whether held-out answers can be unknown to what `fit` learnt from training answers, as classes can.
    is_closed: ClassVar[bool] = False

    @abstractmethod
    def fit(self, values: Values) -> State:
        """Learn what `encode` and `head` need (classes, mean and spread) from training answers only; JSON-able."""

    def inherit(self, state: State) -> State | None:
        """Return this target's state where training starts from a model with the same target; None: learnt anew."""
        return None

    @abstractmethod
    def encode(self, values: Values, state: State) -> Encoded:
        """Turn raw answers into arrays [n, ...] or Ragged."""

    @abstractmethod
    def head(self, state: State, width: int) -> nn.Module:
        """Return a module: Tokens [B, T, width] -> Output."""

    def embedder(self, state: State, width: int) -> nn.Module | None:
        """Return how an answer that is given token by token enters the trunk, ids int[B, T] -> Tokens; else None.

        Such an answer's array is `ids`, Ragged, each row ended by the end token; the head then sees one token more than
        the answer has: the last of the inputs, which predicts the first of the answer, and so on.
        """
        return None

    def learn(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Run the model over a training batch; return what `loss` does."""
        return self.loss(model(batch.inputs, batch.target), batch)

    def ask(self, model: nn.Module, batch: Batch, is_quick: bool = False) -> Output:
        """Run the model over a batch without gradients. `batch.target` is empty where the answer is not known.

        `is_quick`: for a validation within training, which leaves out what takes long.
        """
        output: Output = model(batch.inputs)
        return output

    def stream(self, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]) -> Iterator[Piece]:
        """Yield the answers of a batch piece by piece, as the model writes them; `settings` replace the target's own.

        Raises UserError where the target does not write, and for settings that it does not have.
        """
        raise UserError("this answer is not given piece by piece", mend="ask for it as a whole: noria predict")

    def settle(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn what `ask` gave for a batch into what is kept, decoded and scored: ids into texts, scores into boxes.

        `inputs` are the batch's encoded inputs, with the arrays that only people and metrics read. Outside the network:
        it is not exported.
        """
        return output

    def choose(self, output: Arrays, truth: Arrays, state: State) -> State:
        """Return the state with what is best chosen on held-out answers once training has ended: the score from which a
        box is shown. By default nothing is, and nothing is asked for it."""
        return state

    @abstractmethod
    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return "loss", the mean over the batch that is minimised; "each", float[B], per record; and named parts."""

    @abstractmethod
    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        """Turn outputs [n, ...] into answers a person can read, with confidence."""

    def truth(self, truth: Arrays, state: State) -> list[Any]:
        """Return the true answers of encoded records as a person reads them; None where they cannot be told."""
        return [None] * len(next(iter(truth.values())))

    def draw(self, picture: np.ndarray, answer: Any, state: State) -> np.ndarray | None:
        """Return a picture uint8[H, W(, 3)] as shown with an answer drawn on it, given or true; None where an answer is
        nothing that lies in a picture. Predictions and reports show it; the size may be another."""
        return None

    def file(self, answer: Any, suffix: str) -> bytes | None:
        """Return an answer as a file of its field's own format, by the ending of the name (.txt); None where it has
        none."""
        return None

    @abstractmethod
    def metrics(self, state: State) -> Sequence[Metric]:
        """Return the scores of this answer; training selects on the first."""

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        """Return what the report shows beside the scores: a table per class, a confusion matrix, ..."""
        return []


class Task(ABC):
    """Which inputs go with which target. The answer's field is named after the target's kind (`label`, `number`)."""

    inputs: Mapping[str, Modality]
    target: Target
    attention: Attention = "full"
    # Fields (the answer's among them) that learn one state together, from the values of all: one vocabulary for both.
    shared: tuple[str, ...] = ()
    # Job settings this task starts from, under the user's own: {"model": {"depth": 0}, "train": {...}}.
    defaults: Mapping[str, Any] = {}

    @abstractmethod
    def example(self) -> Record:
        """Return one tiny real record, answer included: tests, docs, trace and the HTTP schema use it."""

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        """Return records like the example where they cannot be made of it by varying its words; by default none.

        A task overrides it whose answer must stand in its input.
        """
        return []

    @abstractmethod
    def baseline(self, train: Arrays) -> Arrays:
        """Return the output [1, ...] of the trivial answer to beat, the same for every record, learnt from training
        answers alone."""

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        """Return the reader of a format that only this task has; None leaves the path to sources/.

        `encoding` is what the job says of its texts, `named` which column it says fills which field.
        """
        return None

    def trivial(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the trivial outputs for some records, from what `baseline` learnt: by default the same for each.

        A task overrides it whose trivial answer depends on the record: its first sentence, a copy of the source.
        """
        return {name: repeated(value, len(dataset)) for name, value in learnt.items()}

    def misfits(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        """Return which encoded records have an answer that cannot belong to their inputs, and why, by index.

        A mask of another size than its picture, a box outside of it: such a record is quarantined.
        """
        return {}

    def view(self, dataset: Dataset, is_learnt: bool = False) -> Dataset:
        """Return stored records as they are learnt from or scored: running text, for one, as windows of equal length.

        The records keep their order; a view with others has no `where`.
        """
        return dataset

    def vary(self, batch: Batch) -> Batch:
        """Return a training batch with its inputs varied; a task whose answer moves with its input varies both."""
        inputs = {name: modality.vary(batch.inputs[name]) for name, modality in self.inputs.items()}
        return Batch(inputs, batch.target, batch.size)

    def step(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the loss and its parts for one batch: the one escape hatch for unusual training."""
        return self.target.learn(model, batch)


def answer_field(task: Task) -> str:
    """Return the field name of the task's answer: the kind of its target (`label`, `number`, ...)."""
    return task.target.kind
