"""Text embedding: a text as a vector, for search, clustering and finding duplicates. Learnt from pairs of texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.contract import MAPPED, Task
from noria.contract.capabilities import PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.text.modality import Text
from noria.sources.formats.parallel_lines import parallel_lines
from noria.targets.embedding import Embedding, bag_vectors, rarity
from noria.types import Arrays, Dataset, Record

if TYPE_CHECKING:
    pass


class TextEmbedding(Task, ReadsFormats, PredictsBaseline):
    """text -> embedding. The answer of a record is a text that means the same or belongs to it: a paraphrase, a
    translation, the passage that answers a question; the prediction is the vector of `text`."""

    inputs: Mapping[str, Text] = {"text": Text(begin=True, end=True)}
    target = Embedding(text="text")
    attention = "full"
    shared_vocabulary = ("text", "embedding")
    defaults: Mapping[str, Any] = {"evaluate": {"batch_size": 64}}

    def example(self) -> Record:
        return Record({"text": "A dog runs in the snow.", "embedding": "A dog is running through snow."})

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        return parallel_lines(path, encoding, {one: named.get(one) for one in (*self.inputs, self.target.kind)})

    def fit_baseline(self, train: Arrays) -> Arrays:
        return rarity(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return bags of words: the match is the text with the most rare words in common."""
        return bag_vectors(dataset.inputs["text"], dataset.target, learnt)
