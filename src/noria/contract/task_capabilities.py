"""What a task can do beyond the core. Read next: dispatch.py."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.contract.source import Gathering, Source
from noria.types import Arrays, Batch, Dataset, Record

if TYPE_CHECKING:
    from torch import nn

MAPPED: Mapping[str, Any] = {}  # no column is named


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
