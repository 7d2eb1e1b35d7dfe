"""Text generation: go on from a prompt. Learnt from running text, or from prompts and what follows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from noria.contract import MAPPED, Task
from noria.contract.source import Source
from noria.modalities.text.modality import Text
from noria.sources.formats.text_pieces import text_pieces
from noria.targets import text
from noria.types import Arrays, Dataset, Record, Windows


class TextGeneration(Task):
    """prompt, text -> what comes next. One stream of tokens, each predicted from those before it (the GPT way)."""

    inputs: Mapping[str, Text] = {"prompt": Text(begin=True, is_optional=True)}
    target = text.Text(is_running=True)
    attention = "causal"
    shared = ("prompt", "text")
    defaults: Mapping[str, Any] = {"evaluate": {"batch_size": 64}}

    def example(self) -> Record:
        return Record({"prompt": "To be, or not", "text": " to be, that is the question."})

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return text_pieces(path, encoding)

    def view(self, dataset: Dataset, is_learnt: bool = False) -> Dataset:
        """Return running text as windows: the first token of each is the prompt, the others are the answer.

        To be scored, windows overlap: the prompt is half a window, so that no token is told from fewer than those.
        """
        if not self.target.is_running or "ids" not in dataset.target:
            return dataset
        ids, window = dataset.target["ids"], self.target.window
        step = max(1, min(window if is_learnt else -(-window // 2), len(ids.values) - 1))
        count = max(0, len(ids.values) - 1) // step
        known = 1 if is_learnt else window - step + 1
        first = Windows(ids.values, step, 1 - known, known, count)
        answer = {name: Windows(one.values, step, 1, step, count) for name, one in dataset.target.items()}
        return replace(dataset, inputs={"prompt": {"ids": first}}, target=answer, slices={}, where_path=None)

    baseline = staticmethod(text.unigram)

    def trivial(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return text.unigram_scores(dataset.target, learnt)
