"""Learners that tests, docs and traces use: who has got something right once will get it right again."""

from __future__ import annotations

import numpy as np

from noria.types import Record

EXERCISES = ("fractions", "decimals", "percent", "area", "volume", "equations")
LONGEST = 8


def example_learners(count: int, seed: int) -> list[Record]:
    """Return records of learners, each with the answers they gave."""
    generator = np.random.default_rng(seed)
    records = []
    for _ in range(count):
        known: set[str] = set()
        events = []
        for _ in range(int(generator.integers(4, LONGEST + 1))):
            item = str(generator.choice(EXERCISES))
            is_right = item in known or bool(generator.random() < 0.4)
            known |= {item} if is_right else set()
            events.append({"item": item, "rating": int(is_right)})
        records.append(Record({"history": events, "correctness": events}, f"{len(events)} answers of a learner"))
    return records
