"""The matrix factors inside of ratings, between encoded histories and plain arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noria.modalities.items.arrays import USER
from noria.modalities.items.catalogue import Catalogue
from noria.sources.core.history import History
from noria.targets.ratings.factors import RatedItems, foretold, learnt_factors
from noria.targets.ratings.known import known_ratings
from noria.types import Arrays, Ragged, State


def expert_of(catalogue: Catalogue, histories: Sequence[History], num_factors: int, num_draws: int) -> State:
    """Return the factors of training histories, each of one user."""
    codes = catalogue.codes([item for one in histories for item in one.items])
    ratings = np.concatenate([np.zeros(0), *(one.ratings for one in histories)]).astype(np.float64)
    users = np.repeat(np.arange(len(histories)), [len(one.items) for one in histories])
    is_known = ~np.isnan(ratings) & (codes < catalogue.size)
    known = RatedItems(
        users[is_known], codes[is_known].astype(np.int64), ratings[is_known],
        Ragged.of([catalogue.user_codes(one.user) for one in histories], np.int64), catalogue.attributes_of_items(),
    )  # fmt: skip
    return learnt_factors(known, num_factors, num_draws)


def foretold_by_expert(state: State, arrays: Arrays, asked: Ragged) -> np.ndarray:
    """Return float32[all that is asked], record by record: the mean of what the draws of the factors say."""
    levels = np.array(Catalogue(state).levels)
    known = known_ratings(arrays, asked, levels)
    starts = np.searchsorted(known.users, np.arange(len(asked) + 1))
    found = []
    for index in range(len(asked)):
        own = slice(starts[index], starts[index + 1])
        each = foretold(
            state["factors"], known.items[own], known.ratings[own], arrays[USER][index], asked[index].astype(np.int64)
        )
        found.append(each.mean(0))
    return np.concatenate([np.zeros(0), *found]).astype(np.float32)
