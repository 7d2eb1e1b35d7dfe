"""What a target can do beyond the core. Read next: task_capabilities.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from noria.contract.linear_fit import LinearFit
from noria.contract.payoffs import Payoffs
from noria.types import Arrays, Batch, Chunk, Dataset, Output, Panel, Prediction, Span, State, Turn

if TYPE_CHECKING:
    from torch import Tensor, nn

PARTS = "parts"  # where the parts of a target stand in its state
# How an answer that is given token by token goes in and out of the network: see Generates.
IDS = "ids"  # the array of its tokens, and of those of the inputs
LOGITS = "logits"  # of the head: float[B, T, vocabulary], how likely each token comes next


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


class Streams(ABC):
    """Gives its answer piece by piece: the first sentence is heard while the next one is made."""

    @abstractmethod
    def stream(self, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]) -> Iterator[Chunk]:
        """Return the answers of a batch piece by piece, as they are made: texts, or bytes of one file.

        `settings` replace the target's own; raises UserError for those that cannot be used, at once, before the first
        piece is asked for.
        """

    @abstractmethod
    def stream_schema(self, most_tokens: int) -> dict[str, Any]:
        """Return the JSON schema of these settings; most_tokens: how long an answer may be, where that is counted."""


class Listens(ABC):
    """Hears, while a sound comes in, when somebody has finished speaking, so that the answer begins by itself."""

    @abstractmethod
    def hear(self, pieces: Iterable[np.ndarray], rate_hz: int, pause_s: float, state: State) -> Turn | None:
        """Return what is said in pieces float[T] within [-1, 1] of a sound, `rate_hz` samples a second.

        Pieces are taken until a pause of `pause_s` seconds follows speech; None where they end before anybody speaks.
        Raises UserError where the target, as it is made, has nothing to tell speech by.
        """


class Writer(Protocol):
    """Answers that are being written side by side, by numbers that the caller gives them."""

    def begin(self, number: int, batch: Batch, settings: Mapping[str, Any]) -> None:
        """Take up a batch of one record; raise UserError for a setting that cannot be used."""

    def step(self) -> list[tuple[int, Chunk | Exception]]:
        """Write on; return the new pieces, or what broke an answer. One that has `ended` or broken is over.

        A piece is given of each answer that has come on, also where its content is empty.
        """

    def end(self, number: int) -> Chunk:
        """End an answer before its end; return its last piece."""


class Generates(Streams, ABC):
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
    def writer(self, model: nn.Module, state: State) -> Writer | None:
        """Return what writes answers that begin at different times at once; None where each is written for itself."""


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
    def export(self, answer: Prediction, suffix: str) -> bytes | None:
        """Return the file, by the ending of its name (.txt); None for an ending it does not know."""


class GivesMedia(ABC):
    """Answers with a file, a sound or a picture: every Prediction of a record that can be used has `media`."""

    @abstractmethod
    def media_type(self) -> str:
        """Return which kind of file its answers are, audio/wav."""


class GivesText:
    """Answers with a text of any words: what is said in a sound, a translation, a reply. Its value is a str."""


class TellsTimes(ABC):
    """Has answers whose parts lie in time: the words of a transcript. Reports draw them on the sound."""

    @abstractmethod
    def times(self, answer: Prediction) -> list[Span]:
        """Return the parts of an answer in their order, each a Span of seconds with what it is as its name."""


class ShowsPanels(ABC):
    """Has more to show than scores: a table per class, a confusion matrix, ..."""

    @abstractmethod
    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        """Return what the report shows beside the scores."""


class Embeds(ABC):
    """Has a vector of each record, which records can be compared and searched by."""

    @abstractmethod
    def vectors(self, output: Arrays) -> np.ndarray:
        """Return float[n, D] from the outputs of n records; near to one another where records are alike."""


class GivesVector(Embeds, ABC):
    """Answers with this vector itself: its value is a list of D floats."""


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


class MultiLabel(ABC):
    """Answers several yes/no questions at once: simple models learn each, tables of answers have a column each."""

    @abstractmethod
    def label_names(self, state: State) -> Sequence[str]:
        """Return what the questions are called, in the order of the outputs."""

    @abstractmethod
    def label_values(self, truth: Arrays) -> np.ndarray:
        """Return of n true answers float[n, labels]: 1 yes, 0 no, NaN where it is not known."""

    @abstractmethod
    def labels_left_out(self, truth: Arrays, state: State) -> Sequence[str]:
        """Return which questions the scores of ranks leave out, as too few true answers of a kind are known."""

    @abstractmethod
    def label_output(self) -> str:
        """Return which output holds the answer: logits float[n, labels]."""


class MultiNumber(ABC):
    """Answers several numbers at once, each of which may be missing: simple models learn each."""

    @abstractmethod
    def number_names(self, state: State) -> Sequence[str]:
        """Return what the numbers are called, in the order of the outputs."""

    @abstractmethod
    def number_values(self, truth: Arrays) -> np.ndarray:
        """Return of n true answers float[n, numbers], on the scale of the output, NaN where one is not known."""

    @abstractmethod
    def number_output(self) -> str:
        """Return which output holds the answer: float[n, numbers]."""


class PaysOff:
    """Has answers whose worth follows from them and the truth, in a form that a job's `value` gives the amounts of."""

    payoffs: ClassVar[type[Payoffs]]


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


class LearnsNothing(ABC):
    """May have nothing of its own to learn: its parts answer, or a package does.

    No trunk and no embedder is then built, the head sees one empty token a record, and training takes no step: it reads
    the data, writes the bundle and scores it.
    """

    @abstractmethod
    def learns_nothing(self) -> bool:
        """Say whether that holds for the target as it is set."""
