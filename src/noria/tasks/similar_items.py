"""Similar items: an item in, or several, and those of the catalogue that are most like them out, with scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.contract import Task
from noria.contract.capabilities import GathersRows, MakesExamples, PredictsBaseline
from noria.contract.source import Gathering, Source
from noria.modalities.items.modality import Items
from noria.sources.formats.histories import histories
from noria.sources.formats.last_events import LastEvents
from noria.targets.neighbours.target import Neighbours
from noria.targets.ranking.example import example_neighbours
from noria.targets.ranking.target import most_popular
from noria.types import Arrays, Dataset, Record


class SimilarItems(Task, GathersRows, MakesExamples, PredictsBaseline):
    """history -> neighbours. Which items of the catalogue are most like one, or like several together.

    Data: a table of interactions, a row an event (user, item, time), as CSV, Parquet, RecBole's .inter or MovieLens'
    ratings.dat, and the table of items beside it, by which items without any event are placed. Nothing is trained.
    """

    inputs: Mapping[str, Items] = {"history": Items(max_items=1000)}
    target = Neighbours(history="history")
    shared_vocabulary = ("history", "neighbours")
    defaults: Mapping[str, Any] = {"data": {"split": {"within": "last"}}, "evaluate": {"batch_size": 64}}

    def gathered(self, source: Source, by: Gathering) -> Source:
        found, answer = histories(source, by, self.target.kind), self.target.kind
        are_there = "history" in found.columns and answer in found.columns
        return LastEvents(found, answer, bool(by.within)) if are_there else found

    def example(self) -> Record:
        return example_neighbours(1, 0)[0]

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return example_neighbours(count, seed)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return nothing: items are numbered by their popularity in training."""
        return {}

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the most popular items that are not asked for."""
        return most_popular(dataset, "history")
