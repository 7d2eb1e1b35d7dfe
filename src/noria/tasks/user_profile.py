"""User profile: what somebody did in, a vector and readable segments out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.contract import Task
from noria.contract.capabilities import GathersRows, MakesExamples, PredictsBaseline
from noria.contract.source import Gathering, Source
from noria.modalities.items.modality import Items
from noria.sources.formats.histories import histories
from noria.sources.formats.last_events import WholeHistories
from noria.targets.profile.target import Profile
from noria.targets.ranking.example import example_profiles
from noria.targets.ranking.target import most_popular
from noria.types import Arrays, Dataset, Record


class UserProfile(Task, GathersRows, MakesExamples, PredictsBaseline):
    """history -> profile. Who somebody is by what was done: genres and eras by lift, mainstream or not, and a vector.

    Data: a table of interactions, a row an event (user, item, time), as CSV, Parquet, RecBole's .inter or MovieLens'
    ratings.dat, and the table of items beside it, whose columns are the segments. Nothing is trained.
    """

    inputs: Mapping[str, Items] = {"history": Items(max_items=1000)}
    target = Profile(history="history")
    shared_vocabulary = ("history", "profile")
    defaults: Mapping[str, Any] = {"data": {"split": {"within": "random"}}, "evaluate": {"batch_size": 64}}

    def gathered(self, source: Source, by: Gathering) -> Source:
        found, answer = histories(source, by, self.target.kind), self.target.kind
        are_there = "history" in found.columns and answer in found.columns
        return WholeHistories(found, answer, bool(by.within)) if are_there else found

    def example(self) -> Record:
        return example_profiles(1, 0)[0]

    def examples(self, count: int, seed: int = 0) -> list[Record]:
        return example_profiles(count, seed)

    def fit_baseline(self, train: Arrays) -> Arrays:
        """Return nothing: items are numbered by their popularity in training."""
        return {}

    def predict_baseline(self, dataset: Dataset, learnt: Arrays) -> Arrays:
        """Return the most popular items that somebody has not seen."""
        return most_popular(dataset, "history")
