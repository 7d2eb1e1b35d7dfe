"""Ratings that tests, docs and traces use: everybody rates films of one kind high, those of the other low."""

from __future__ import annotations

import numpy as np

from noria.targets.ranking.example import FILMS
from noria.types import Record


def example_ratings(count: int, seed: int) -> list[Record]:
    """Return records of people: what they rated, and how they rate the films that are asked for."""
    generator = np.random.default_rng(seed)
    records = []
    for index in range(count):
        liked = list(FILMS)[index % 2]
        rated = []
        for place in generator.permutation(sum(map(len, FILMS.values()))):
            kind = list(FILMS)[place // len(FILMS["drama"])]
            stars = int(generator.integers(4, 6) if kind == liked else generator.integers(1, 3))
            rated.append({"item": FILMS[kind][place % len(FILMS["drama"])], "rating": stars})
        cut = int(generator.integers(3, 8))
        asked = rated[cut : cut + 3]
        history = [{"user": {"likes": liked}}, {"only": [one["item"] for one in asked]}, *rated[:cut]]
        records.append(Record({"history": history, "ratings": asked}, f"{cut} ratings, and three films to rate"))
    return records
