"""What a component can do beyond the core: it declares it by naming the class here as a base.

    class Boxes(Target, PredictStep, PostProcesses, Calibrates, Renders): ...

`declared` is the one place that asks for one; dispatch.py says what holds where none is declared, and everything else
calls that. checks/ proves each capability that is declared. A new capability is one class here and one function there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from noria.contract.linear_fit import LinearFit
from noria.contract.source import Gathering, Source
from noria.types import Arrays, Batch, Chunk, Dataset, Output, Panel, Record, Span, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

_C = TypeVar("_C")
MAPPED: Mapping[str, Any] = {}  # no column is named
PARTS = "parts"  # where the parts of a target stand in its state
# How an answer that is given token by token goes in and out of the network: see Generates.
IDS = "ids"  # the array of its tokens, and of those of the inputs
LOGITS = "logits"  # of the head: float[B, T, vocabulary], how likely each token comes next


def declared(component: object, capability: type[_C]) -> _C | None:
    """Return the component as what it declares to be, or None where it does not."""
    return component if isinstance(component, capability) else None


# Of modalities and targets


class WarmStarts(ABC):
    """Takes over what an earlier model had learnt for a component of the same kind."""

    @abstractmethod
    def warm_start(self, state: State) -> State | None:
        """Return this component's state where training starts from a model that had `state`; None: learnt anew."""


class TellsReading(ABC):
    """Decides in `fit` how its raw values are read, and tells it."""

    @abstractmethod
    def remarks(self, state: State) -> list[str]:
        """Return one sentence for each thing that another reader might have done otherwise, with how to choose."""

    @abstractmethod
    def reading(self, state: State) -> Panel | None:
        """Return how the raw values are read, for people; None where the remarks say all."""


class CompletesState(ABC):
    """Learns from its own training values what a state that it shares or took over does not say of them."""

    @abstractmethod
    def complete_state(self, state: State, values: Values) -> State:
        """Return the state with what was added; what it said already stays."""


class Truncates(ABC):
    """Reads no more than so many tokens of a long value: `Encoded.cut` says of which ones, and how much is left."""

    @abstractmethod
    def most_read(self) -> tuple[str, int]:
        """Return the setting that says how many tokens are read, and how many that is."""


# Of modalities


class ChoosesColumns(ABC):
    """Takes several columns (`raw_type` "columns"), and learns in `fit` which of them it reads."""

    @abstractmethod
    def columns_read(self, state: State) -> list[str]:
        """Return the columns without which nothing can be encoded, in the order in which it was given them."""


class Augments(ABC):
    """Varies its training values at random."""

    @abstractmethod
    def augment(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the arrays [B, ...] of a training batch, varied by torch's global seed; what use sees is not."""


class Displays(ABC):
    """Shows its encoded values to people: reports and traces."""

    @abstractmethod
    def display(self, arrays: Arrays, state: State) -> Any:
        """Return what a person would look at, from the arrays [...] of one value: a picture uint8[H, W(, 3)], a text,
        a dict of cells, a Panel. Reports show it by its type."""


class DriftMeter(ABC):
    """Sees new values of one field, and says what of them is unlike the training values."""

    @abstractmethod
    def see(self, values: Values, arrays: Arrays) -> None:
        """Take in n raw values that could be encoded, and their arrays [n, ...]."""

    @abstractmethod
    def sentences(self) -> list[str]:
        """Return one sentence for each thing that is unlike training; none where nothing is."""


class DetectsDrift(ABC):
    """Knows what its training values were like."""

    @abstractmethod
    def drift_meter(self, state: State) -> DriftMeter:
        """Return what compares new values with those of training."""


class Attributable(ABC):
    """Says what each token stands for, so that an answer can be explained by parts of the raw value."""

    @abstractmethod
    def spans(self, value: Any, state: State) -> list[Span]:
        """Return, for each token of this value, the part of the raw value it stands for."""


class Vectorizes(ABC):
    """Has features on which a simple model is strong: n-grams of a text, the bins of a table's columns, few pixels."""

    # Whether the nearest training record, by these features, is an answer worth trying.
    has_templates: ClassVar[bool] = False

    @abstractmethod
    def vectorizer(self, state: State) -> nn.Module:
        """Return a module: dict of tensors [B, ...] -> Features, without weights of its own.

        Its attributes: `size`, how many features there are; `plain`, how many of them, the first, are worth a try
        without the rest; `is_counts`, whether values are occurrences (of words) that a linear model does well to weigh.
        """


class Tabulates(ABC):
    """Is a row of columns, as trees read it."""

    @abstractmethod
    def rows(self, arrays: Arrays, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Return float32[n, columns], NaN where missing, and bool[columns], which of them are codes of categories."""


# Of targets


class TrainingStep(ABC):
    """Learns otherwise than by its loss on one forward pass."""

    @abstractmethod
    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        """Run the model over a training batch; return what `loss` does."""


class PredictStep(ABC):
    """Answers otherwise than by one forward pass over the inputs."""

    @abstractmethod
    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Run the model over a batch without gradients. `batch.target` is empty where the answer is not known.

        `is_quick`: for a validation within training, which leaves out what takes long.
        """


class PostProcesses(ABC):
    """Turns what the network gives into what is kept, decoded and scored."""

    @abstractmethod
    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn a batch's outputs into what is kept: ids into texts, scores into boxes. Outside of what is exported.

        `inputs` are the batch's encoded inputs, with the arrays that only people and metrics read.
        """


class Calibrates(ABC):
    """Chooses something on held-out answers once training has ended: the score from which a box is shown."""

    @abstractmethod
    def calibrate(self, output: Arrays, truth: Arrays, state: State) -> State:
        """Return the state with what was chosen."""


class Generates(ABC):
    """Gives its answer token by token.

    Its array is IDS, Ragged, each row ended by the end token; the head then sees one token more than the answer has:
    the last of the inputs, which predicts the first of the answer, and so on. The head's output is LOGITS.
    """

    @abstractmethod
    def answer_embedder(self, state: State, width: int) -> nn.Module:
        """Return how the answer enters the trunk: {IDS: int[B, T]} -> Tokens, with `reach` as an attribute.

        A token's features may also depend on the `reach` tokens before it; where these stand in no row of IDS, they are
        `before`, int[B, reach].
        """

    @abstractmethod
    def stream(self, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]) -> Iterator[Chunk]:
        """Yield the answers of a batch piece by piece, as the model writes them.

        `settings` replace the target's own; raises UserError for those that it does not have.
        """


class DecodesTarget(ABC):
    """Shows true answers as a person reads them."""

    @abstractmethod
    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        """Return the true answers of encoded records; None where one cannot be told."""


class Renders(ABC):
    """Draws an answer, given or true, on the picture that it lies in."""

    @abstractmethod
    def render(self, picture: np.ndarray, answer: Any, state: State) -> np.ndarray | None:
        """Return the picture uint8[H, W(, 3)] with the answer on it; None where there is nothing to draw."""


class Exports(ABC):
    """Writes an answer as a file of its field's own format."""

    @abstractmethod
    def export(self, answer: Any, suffix: str) -> bytes | None:
        """Return the file, by the ending of its name (.txt); None for an ending it does not know."""


class ShowsPanels(ABC):
    """Has more to show than scores: a table per class, a confusion matrix, ..."""

    @abstractmethod
    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        """Return what the report shows beside the scores."""


class Embeds(ABC):
    """Answers with a vector that records can be compared and searched by."""

    @abstractmethod
    def vectors(self, output: Arrays) -> np.ndarray:
        """Return float[n, D] from the outputs of n records; near to one another where records are alike."""


class AnswersInInput(ABC):
    """Has answers that are places of an input, and that nobody can find where it is not read."""

    @abstractmethod
    def unread(self, truth: Arrays, inputs: Mapping[str, Arrays]) -> np.ndarray:
        """Return int[n, 2]: how many true answers of each record lie where it is not read, and how many it has."""


class SingleValued(ABC):
    """Answers with one class or one number: reports count them, preparation looks for columns that give them away."""

    @abstractmethod
    def single_values(self, truth: Arrays) -> np.ndarray:
        """Return of n true answers int[n], the numbers of their classes, or float[n], of any scale."""

    @abstractmethod
    def class_names(self, state: State) -> Sequence[str] | None:
        """Return the names that the numbers of classes count; None where the answer is a number."""

    @abstractmethod
    def answer_output(self) -> str:
        """Return which output holds the answer: logits float[n, classes], or float[n, 1] on the scale of the truth."""


class FitsLinear(ABC):
    """Has a linear model of its own, fitted otherwise than by logistic or ridge regression; its answers are scores.

    The network's and its own are brought to one spread before they are mixed, and validation chooses by the first
    metric how.
    """

    @abstractmethod
    def linear_answers(self, state: State) -> tuple[str, int]:
        """Return which output it gives, and how many numbers that has: float[n, answers]."""

    @abstractmethod
    def fit_linear(self, train: Dataset, state: State, features: int) -> LinearFit:
        """Return the model of so many features, as the inputs' vectorizers give them, fitted to training records."""


class HasRivals(ABC):
    """Has simple models of its own that its answers are compared with, in the place of those that fit a class."""

    @abstractmethod
    def rivals(self, train: Dataset, state: State) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
        """Yield, by name, what each simple model that has learnt from training records answers to others."""


class Restates(ABC):
    """Has outputs of several models of one job, whose states differ, that can be scored together: cross-validation."""

    @abstractmethod
    def restated(self, arrays: Arrays, state: State, wanted: State) -> Arrays | None:
        """Return outputs or true answers [n, ...] of one state as they would stand under another; None: impossible."""


class UsesParts(ABC):
    """Needs other trained bundles to answer: a vocoder, a recogniser. They are shipped inside of its own bundle.

    Wherever the model runs, the target's state has them, loaded as Predictors, by name under PARTS.
    """

    @abstractmethod
    def part_paths(self) -> Mapping[str, str]:
        """Return the run or bundle that each part is taken from when training begins, by the part's name."""


# Of tasks


class ReadsFormats(ABC):
    """Has data formats of its own."""

    @abstractmethod
    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        """Return the reader of a format that only this task has; None leaves the path to sources/.

        `encoding` is what the job says of its texts, `named` which column it says fills which field.
        """


class GathersRows(ABC):
    """Makes one record of several rows of a table: a history of all that one user did."""

    @abstractmethod
    def gathered(self, source: Source, by: Gathering) -> Source:
        """Return the records; the source itself where its rows are records already."""


class MakesExamples(ABC):
    """Makes records like its example where varying the words of the example would not do."""

    @abstractmethod
    def examples(self, count: int, seed: int = 0) -> list[Record]:
        """Return so many records, answers included."""


class PredictsBaseline(ABC):
    """Has a baseline that depends on the record: its first sentence, a copy of the source."""

    @abstractmethod
    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the baseline's outputs for some records, from what `fit_baseline` learnt."""


class ValidatesPairs(ABC):
    """Knows which answers cannot belong to their inputs: a mask of another size than its picture."""

    @abstractmethod
    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        """Return which encoded records do not fit together, and why, by index; they are quarantined."""


class CutsWindows(ABC):
    """Learns from and scores windows of its stored records: running text, for one."""

    @abstractmethod
    def windows(self, dataset: Dataset, is_learnt: bool = False) -> Dataset:
        """Return the records as they are learnt from or scored, in their order; a dataset of others has no `where`."""


class AugmentsBatch(ABC):
    """Varies inputs and answers together: a box moves with its picture."""

    @abstractmethod
    def augment_batch(self, batch: Batch) -> Batch:
        """Return a training batch, varied by torch's global seed."""


class PairFeatures(ABC):
    """Tells the trunk what several inputs have in common, token by token."""

    @abstractmethod
    def pair_features(self, width: int) -> nn.Module:
        """Return a module: {field: {array: tensor [B, ...]}} -> {field: float[B, T, width]}, added to the tokens."""
