"""Token classification: labelled stretches of a text; names of people, places, organisations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import MAPPED, Task
from noria.contract.capabilities import MakesExamples, PredictsBaseline, ReadsFormats
from noria.contract.source import Source
from noria.modalities.text.modality import Text
from noria.sources.formats.conll import conll
from noria.targets.tags.target import Tags, nothing_found
from noria.types import Arrays, Dataset, Record


class TokenClassification(Task, ReadsFormats, MakesExamples, PredictsBaseline):
    """text -> tags. Every token sees all others and answers by itself; Chinese needs no word segmenter."""

    inputs: Mapping[str, Text] = {"text": Text(begin=True, end=True, keep=True)}
    target = Tags(text="text")
    attention = "full"
    defaults: Mapping[str, Any] = {"model": {"size": "tiny"}, "evaluate": {"batch_size": 64}}

    def example(self) -> Record:
        return Record({"text": "Ada went to Hama.", "tags": _tags("Ada went to Hama.", Ada="person", Hama="place")})

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        """Return sentences about who went where, and some about nobody."""
        generator = np.random.default_rng(seed)
        people, places = ("Ada", "Ben", "Carla", "Dan"), ("Hama", "Oslo", "Lima", "Rome")
        records = []
        for index in range(count):
            who, where = str(generator.choice(people)), str(generator.choice(places))
            number = int(generator.integers(1000))
            text = f"{who} went to {where} {number} times." if index % 4 < 3 else f"It rained {number} times."
            records.append(Record({"text": text, "tags": _tags(text, **{who: "person", where: "place"})}))
        return records

    def read(self, path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
        text, tags = (str(named.get(name, name)) for name in ("text", "tags"))
        return conll(path, encoding, text, tags)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return nothing: the trivial answer labels nothing."""
        return {}

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        return nothing_found(dataset.target, dataset.inputs["text"])


def _tags(text: str, **labels: str) -> list[dict[str, Any]]:
    """Return the stretches of a text that these words are."""
    return [
        {"start": text.index(word), "end": text.index(word) + len(word), "label": label}
        for word, label in labels.items()
        if word in text
    ]
