"""Translation: a text in one language to a text in another, by a prefix encoder-decoder in one trunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract import MAPPED, Task
from noria.contract.capabilities import PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.text.modality import Text
from noria.sources.formats.parallel_lines import parallel_lines
from noria.targets import text
from noria.types import Arrays, Dataset, Record


class Translation(Task, ReadsFormats, PredictsBaseline):
    """source -> text. The source is read in both directions, the answer written from left to right."""

    inputs: Mapping[str, Text] = {"source": Text(end=True, keep=True)}
    target = text.Text(overlap="bleu")
    attention = "prefix"
    shared_vocabulary = ("source", "text")
    defaults: Mapping[str, Any] = {"evaluate": {"batch_size": 64}}

    def example(self) -> Record:
        return Record({"source": "A dog runs in the snow.", "text": "Ein Hund rennt im Schnee."})

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return parallel_lines(path, encoding, {one: named.get(one) for one in (*self.inputs, self.target.kind)})

    fit_baseline = staticmethod(text.unigram)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return a copy of the source."""
        return text.copied(dataset.inputs["source"], dataset.target, learnt)
