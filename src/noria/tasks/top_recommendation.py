"""Top recommendation: what somebody likes in, other items of the catalogue out, best first; order says nothing."""

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


class TopRecommendation(Task, GathersRows, MakesExamples, PredictsBaseline):
    """history -> ranking. What else somebody will like, by all that was liked before, in whatever order.

    Data: a table of interactions, a row an event (user, item, time, rating), as CSV, Parquet, RecBole's .inter or
    MovieLens' ratings.dat; data.split.within says how histories are divided.
    """

    inputs: Mapping[str, Items] = {"history": Items(max_items=1000, reads_gaps=False)}
    target = Ranking(history="history", is_ordered=False)
    attention = "full"
    shared_vocabulary = ("history", "ranking")
    defaults: Mapping[str, Any] = {
        "data": {"split": {"within": "random"}},
        "model": {"width": 128, "depth": 0, "linear": True},
        "train": {"batch_size": 64, "optimizer": "adamw", "learning_rate": 0.003, "weight_decay": 0.1},
        "evaluate": {"batch_size": 64},
    }

    def gathered(self, source: Source, by: Gathering) -> Source:
        return histories(source, by, self.target.kind)

    def example(self) -> Record:
        return example_history(is_ordered=False)

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return example_histories(count, seed, is_ordered=False)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return nothing: items are numbered by their popularity in training."""
        return {}

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the most popular items that somebody has not seen."""
        return most_popular(dataset, "history")
