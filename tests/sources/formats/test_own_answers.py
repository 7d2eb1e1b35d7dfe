"""Histories that are their own answers in training: what is learnt from, and what held-out records ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.contract.source import Gathering
from noria.sources.core.history import history_of
from noria.sources.formats.asked_ratings import AskedRatings
from noria.sources.formats.histories import histories
from noria.sources.formats.last_events import LastEvents, WholeHistories
from noria.sources.formats.opening import open_source

ROWS = [("u", item, place + 1, 1_600_000_000 + place) for place, item in enumerate("abcde")]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    path.write_text("user,item,rating,time\n" + "\n".join(f"{a},{b},{c},{d}" for a, b, c, d in ROWS) + "\n")
    return path


def split_by(path: Path, kind: Any, **by: Any) -> dict[str, tuple[Any, Any]]:
    source = kind(histories(open_source(path), Gathering(**by), "answer"), "answer", True)
    return {rows.split: (rows.columns["history"][0], rows.columns["answer"][0]) for rows in source.rows() if len(rows)}


def test_ratings_ask_for_the_items_of_the_answer_and_training_for_all_of_its_own(table: Path):
    found = split_by(table, AskedRatings, within="last")

    history, answer = found["test"]
    assert (list(history.items), list(history.only), list(answer.items)) == (["a", "b", "c", "d"], ["e"], ["e"])
    history, answer = found["train"]
    assert list(history.items) == list(history.only) == list(answer.items) == ["a", "b", "c"]
    assert answer.ratings.tolist() == [1, 2, 3]


def test_events_without_a_rating_are_history_and_nothing_to_foretell(tmp_path: Path):
    path = tmp_path / "events.csv"
    path.write_text("user,item,rating,time\nu,a,3,1\nu,b,,2\nu,c,5,3\nu,d,2,4\nu,e,1,5\n")

    history, answer = split_by(path, AskedRatings, within="last")["train"]

    assert list(history.items) == ["a", "b", "c"]
    assert list(history.only) == list(answer.items) == ["a", "c"]


def test_a_history_that_asks_already_keeps_what_it_asks(table: Path):
    asked = AskedRatings.held_out(
        AskedRatings.__new__(AskedRatings), history_of(["a", {"only": ["b"]}]), history_of([{"item": "c", "rating": 1}])
    )

    assert asked[0].only == ["b"]


def test_neighbours_are_asked_for_by_the_last_event_alone(table: Path):
    found = split_by(table, LastEvents, within="last")

    assert list(found["test"][0].items) == ["d"]
    assert list(found["test"][1].items) == ["e"]
    assert list(found["train"][1].items) == ["a", "b", "c"]


def test_a_profile_is_learnt_from_whole_histories_and_asked_for_by_what_is_known(table: Path):
    found = split_by(table, WholeHistories, within="last")

    assert list(found["train"][1].items) == ["a", "b", "c"]
    assert list(found["test"][0].items) == ["a", "b", "c", "d"]


def test_times_and_ratings_stay_with_their_items(table: Path):
    history, answer = split_by(table, AskedRatings, within="random", test=0.4, validation=0.0)["test"]

    place = {item: index for index, (_, item, _, _) in enumerate(ROWS)}
    for one in (history, answer):
        assert one.ratings.tolist() == [place[item] + 1 for item in one.items]
        assert np.allclose(one.times, [1_600_000_000 + place[item] for item in one.items])
    assert not set(history.items) & set(answer.items)
