"""Text generation: go on from a prompt. Learnt from running text, or from prompts and what follows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract import MAPPED, Task
from noria.contract.capabilities import CutsWindows, PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.text.modality import Text
from noria.sources.formats.text_pieces import text_pieces
from noria.targets import text
from noria.types import Arrays, Dataset, Record


class TextGeneration(Task, ReadsFormats, PredictsBaseline, CutsWindows):
    """prompt, text -> what comes next. One stream of tokens, each predicted from those before it (the GPT way)."""

    inputs: Mapping[str, Text] = {"prompt": Text(begin=True, is_optional=True)}
    target = text.Text(is_running=True)
    attention = "causal"
    shared_vocabulary = ("prompt", "text")
    defaults: Mapping[str, Any] = {"evaluate": {"batch_size": 64}}

    def example(self) -> Record:
        return Record({"prompt": "To be, or not", "text": " to be, that is the question."})

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return text_pieces(path, encoding)

    def windows(self, dataset: Dataset, is_learnt: bool = False) -> Dataset:
        return self.target.windows(dataset, "prompt", is_learnt)

    fit_baseline = staticmethod(text.unigram)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return text.unigram_scores(dataset.target, learnt)
