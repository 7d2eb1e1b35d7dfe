"""Summarization: a long text to a short one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.contract import Task
from noria.contract.capabilities import PredictsBaseline
from noria.modalities.text.arrays import RAW
from noria.modalities.text.modality import Text
from noria.targets import text
from noria.types import Arrays, Dataset, Ragged, Record

LEAD_CHARACTERS = 120  # of the trivial summary, where no sentence ends earlier


class Summarization(Task, PredictsBaseline):
    """source -> text. Read in both directions, written from left to right; compared by ROUGE."""

    inputs: Mapping[str, Text] = {"source": Text(end=True, keep=True)}
    target = text.Text(overlap="rouge")
    attention = "prefix"
    shared_vocabulary = ("source", "text")
    defaults: Mapping[str, Any] = {"evaluate": {"batch_size": 64}}

    def example(self) -> Record:
        source = "The council met on Monday. It will build a new bridge over the river, and open it in spring."
        return Record({"source": source, "text": "The town gets a new bridge."})

    fit_baseline = staticmethod(text.unigram)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the first sentence of the source."""
        sources = dataset.inputs["source"][RAW].texts()
        leads = Ragged.of_texts([first_sentence(source) for source in sources])
        return {**text.unigram_scores(dataset.target, learnt), "_text": leads}


def first_sentence(source: str) -> str:
    """Return a text up to its first full stop, or its first characters."""
    ends = [place for mark in (". ", "! ", "? ", "。", "！", "？", "\n") if (place := source.find(mark)) >= 0]
    return source[: min(ends) + 1] if ends else source[:LEAD_CHARACTERS]
