"""Rating prediction: what somebody rated in, how other items would be rated out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.contract import Task
from noria.contract.capabilities import GathersRows, MakesExamples, PredictsBaseline, ValidatesPairs
from noria.contract.source import Gathering, Source
from noria.modalities.items.modality import Items
from noria.sources.formats.asked_ratings import AskedRatings
from noria.sources.formats.histories import histories
from noria.targets.ratings.example import example_ratings
from noria.targets.ratings.target import Ratings, always, mean_rating, of_other_items
from noria.types import Arrays, Dataset, Record


class RatingPrediction(Task, GathersRows, MakesExamples, PredictsBaseline, ValidatesPairs):
    """history -> ratings. How somebody would rate items, by all that was rated before, and by who it is.

    Data: a table of ratings, a row each (user, item, rating, time), as CSV, Parquet, RecBole's .inter or MovieLens'
    ratings.dat; data.split.within says how histories are divided. A question names the items: {"only": ["51"]}.
    """

    inputs: Mapping[str, Items] = {"history": Items(max_items=1000, reads_gaps=False)}
    target = Ratings(history="history")
    attention = "full"
    shared_vocabulary = ("history", "ratings")
    defaults: Mapping[str, Any] = {
        "data": {"split": {"within": "random"}},
        "model": {"width": 64, "depth": 0},
        "train": {"batch_size": 64, "optimizer": "adamw", "learning_rate": 0.003, "weight_decay": 0.1},
        "evaluate": {"batch_size": 64},
    }

    def gathered(self, source: Source, by: Gathering) -> Source:
        found, answer = histories(source, by, self.target.kind), self.target.kind
        are_there = "history" in found.columns and answer in found.columns
        return AskedRatings(found, answer, bool(by.within)) if are_there else found

    def validate_pair(self, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
        """Return the records whose answer rates other items than the history asks for."""
        return of_other_items(answer, inputs["history"])

    def example(self) -> Record:
        return example_ratings(1, 0)[0]

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return example_ratings(count, seed)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return the mean rating."""
        return mean_rating(train)

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the mean rating for each item that is asked."""
        return always(learnt, dataset.inputs["history"])
