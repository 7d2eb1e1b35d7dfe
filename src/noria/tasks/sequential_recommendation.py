"""Sequential recommendation: a history of events in, the items that come next out, best first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.contract import Task
from noria.contract.capabilities import GathersRows, MakesExamples, PredictsBaseline
from noria.contract.source import Gathering, Source
from noria.modalities.items.modality import Items
from noria.sources.formats.histories import histories
from noria.targets.ranking.example import example_histories, example_history
from noria.targets.ranking.target import Ranking, most_popular
from noria.types import Arrays, Dataset, Record


class SequentialRecommendation(Task, GathersRows, MakesExamples, PredictsBaseline):
    """history -> ranking. What somebody does next, by all that was done before and in which order.

    Data: a table of interactions, a row an event (user, item, time, rating), as CSV, Parquet, RecBole's .inter or
    MovieLens' ratings.dat; data.split.within says how histories are divided.
    """

    inputs: Mapping[str, Items] = {"history": Items(decay=0.8)}
    target = Ranking(history="history", is_ordered=True)
    attention = "causal"
    shared_vocabulary = ("history", "ranking")
    defaults: Mapping[str, Any] = {
        "data": {"split": {"within": "last"}},
        "model": {"width": 64, "depth": 2, "heads": 2, "dropout": 0.3, "linear": True},
        "train": {"batch_size": 64},
        "evaluate": {"batch_size": 64},
    }

    def gathered(self, source: Source, by: Gathering) -> Source:
        return histories(source, by, self.target.kind)

    def example(self) -> Record:
        return example_history(is_ordered=True)

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return example_histories(count, seed, is_ordered=True)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return nothing: items are numbered by their popularity in training."""
        return {}

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the most popular items that somebody has not seen."""
        return most_popular(dataset, "history")
