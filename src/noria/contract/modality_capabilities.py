"""What a modality can do beyond the core. Read next: target_capabilities.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.types import Arrays, Cost, Span, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn


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
        a dict of cells, a Panel, a sound as Media("audio/wav", ..). Reports show it by its type."""


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


class DescribesValues(ABC):
    """Knows what its raw values were like, so that a form in which a person makes a new one asks for what fits."""

    @abstractmethod
    def value_facts(self, state: State) -> dict[str, Any]:
        """Return, as JSON can hold it, what is known of training values: a picture's size, a column's range.

        `example` is a raw value all of which is known, where the task's own would mean nothing to a trained model.
        """


class Attributable(ABC):
    """Says what each token stands for, so that an answer can be explained by parts of the raw value."""

    @abstractmethod
    def spans(self, value: Any, state: State) -> list[Span]:
        """Return, for each token of this value, the part of the raw value it stands for."""


class TellsCost(ABC):
    """Can say what a raw value comes to before it is decoded: a service refuses what is too much in time."""

    @abstractmethod
    def cost(self, value: Any) -> Cost:
        """Return it, by the value's head alone; nothing where that cannot be told: `encode` then says why."""


class Converses(ABC):
    """Takes what was said so far, and by whom: clients that chat can ask a model that reads it.

    A raw value is a list of messages, {"role": system, user or assistant, "content": text}.
    """

    @abstractmethod
    def takes_tools(self, state: State) -> bool:
        """Say whether a reply may call tools: a raw value is then also what text/conversation.py says."""


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
    """Is a row of columns, as trees read it: a simple model beside a score, and beside the network (`model.trees`)."""

    # Whether they are many and mostly zero: a random forest suits them better than boosted trees, which take long.
    is_wide: ClassVar[bool] = False

    @abstractmethod
    def tabulator(self, state: State) -> nn.Module:
        """Return a module: dict of tensors [B, ...] -> float32[B, columns], NaN where missing; without weights.

        Its attribute `is_code`, a bool a column: which of them are codes of categories, from 0.
        """


class KeepsTogether(ABC):
    """Knows what records have in common that should not stand in two splits: the scaffold of molecules."""

    ways_to_group: ClassVar[tuple[str, ...]]  # what data.split.by may say

    @abstractmethod
    def group_keys(self, values: Values, way: str) -> list[str | None]:
        """Return a text for each raw value, equal where values belong together; None where it cannot be told."""


class MeasuresFamiliarity(ABC):
    """Knows how near a record is to those of training: beside each answer, and error is plotted against it."""

    familiarity_name: ClassVar[str]  # what it is called beside an answer

    @abstractmethod
    def familiarity(self, arrays: Arrays, state: State) -> np.ndarray:
        """Return float[n] for n encoded values, larger where they are nearer."""
