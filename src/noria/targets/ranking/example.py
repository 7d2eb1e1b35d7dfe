"""Histories that tests, docs and traces use: people who go through the seasons, or who like one kind of film."""

from __future__ import annotations

import numpy as np

from noria.types import Record

FILMS = {
    "drama": ["Ikiru", "Ran", "Stalker", "Solaris", "Persona", "Amour"],
    "comedy": ["Playtime", "Mon oncle", "Tampopo", "Amelie", "Paddington", "Airplane"],
}
DAY_S = 86_400


def example_history(is_ordered: bool) -> Record:
    """Return one record: five films that somebody saw, and the next."""
    return example_histories(1, 0, is_ordered)[0]


def example_neighbours(count: int, seed: int) -> list[Record]:
    """Return records of people who see films in their order in the list: one film, and those that came next."""
    return [_split(one, slice(-1, None), "neighbours") for one in example_histories(count, seed, is_ordered=True)]


def example_profiles(count: int, seed: int) -> list[Record]:
    """Return records of people who like one kind of film, and those that they saw later."""
    return [_split(one, slice(0, None), "profile") for one in example_histories(count, seed, is_ordered=False)]


def _split(record: Record, events: slice, answer: str) -> Record:
    """Return a record with some events as the history and all that are left of its kind of film as the answer."""
    history, (following,) = record.fields["history"], record.fields["ranking"]
    who, *seen = history
    films = FILMS[who["user"]["likes"]]
    start = films.index(following)
    later = [film for film in [*films[start:], *films[:start]] if film not in [one["item"] for one in seen]]
    return Record({"history": [who, *seen[events]], answer: later}, "what somebody saw, and what came next")


def example_histories(count: int, seed: int, is_ordered: bool) -> list[Record]:
    """Return records of people who see films of one kind, in their order in the list or in any."""
    generator = np.random.default_rng(seed)
    records = []
    for index in range(count):
        kind = list(FILMS)[index % 2]
        films = FILMS[kind]
        start = int(generator.integers(len(films)))
        seen = [*films[start:], *films[:start]] if is_ordered else list(generator.permutation(films))
        length = int(generator.integers(2, len(films)))
        events = [
            {"item": str(film), "time": 1_700_000_000 + DAY_S * int(place), "rating": int(generator.integers(3, 6))}
            for place, film in enumerate(seen[:length])
        ]
        history = [{"user": {"likes": kind, "age": str(20 + 10 * int(generator.integers(3)))}}, *events]
        records.append(
            Record({"history": history, "ranking": [str(seen[length])]}, f"{length} films that somebody saw")
        )
    return records
