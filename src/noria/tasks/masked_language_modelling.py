"""Masked language modelling: fill in hidden words. Learnt from any plain text; the model is a start for other tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.contract import MAPPED, Task
from noria.contract.capabilities import CutsWindows, PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.text.modality import Text
from noria.sources.core.duplicated_column import DuplicatedColumn
from noria.sources.formats.opening import open_source
from noria.sources.formats.text_pieces import text_pieces
from noria.targets.masked_text import MaskedText, common_tokens
from noria.types import Arrays, Dataset, Record

if TYPE_CHECKING:
    pass


class MaskedLanguageModelling(Task, ReadsFormats, PredictsBaseline, CutsWindows):
    """masked -> masked_text. Every token sees all others (the BERT way); the hidden ones are learnt from.

    Training needs plain text alone: a column `masked_text` or `text`, a text file. An answer is asked for with a text
    in which `[MASK]` stands for each token to be filled in.
    """

    inputs: Mapping[str, Text] = {"masked": Text(begin=True, end=True, mask_word="[MASK]", is_optional=True)}
    target = MaskedText(masked="masked")
    attention = "full"
    shared_vocabulary = ("masked", "masked_text")
    defaults: Mapping[str, Any] = {"evaluate": {"batch_size": 64}}

    def example(self) -> Record:
        return Record({"masked": "To be, or not to [MASK].", "masked_text": "To be, or not to be."})

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        source = text_pieces(path, encoding) or open_source(path, encoding=encoding)
        is_plain = "text" in source.columns and not {*self.inputs, "masked_text"} & {*source.columns}
        return DuplicatedColumn(source, "text", "masked_text") if is_plain else None

    def windows(self, dataset: Dataset, is_learnt: bool = False) -> Dataset:
        return self.target.windows(dataset)

    def fit_baseline(self, train: Arrays) -> Arrays:
        return common_tokens(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return self.target.baseline_scores(dataset.target, learnt)
