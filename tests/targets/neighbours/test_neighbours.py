"""Neighbours: nearness that is learnt from what people do, attributes for what nobody did, and conditions."""

from __future__ import annotations

import numpy as np
import pytest

from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.modalities.items.modality import Items
from noria.modalities.items.vectors import item_vectors
from noria.sources.core.history import History, SideTable
from noria.targets.neighbours.alike import alike
from noria.targets.neighbours.target import Neighbours
from noria.types import Ragged

GENRES = {"War": ["w0", "w1", "w2", "w3", "w4"], "Love": ["l0", "l1", "l2", "l3", "l4"]}
TABLE = SideTable(
    {name: {"genre": (genre,)} for genre, names in GENRES.items() for name in [*names, f"new {genre}"]}
    | {"nothing known": {}}
)


@pytest.fixture(scope="module")
def state() -> dict:
    """Return what is learnt from people who turn to films of one genre."""
    draws = np.random.default_rng(0)
    values = []
    for index in range(40):
        names = list(draws.permutation(list(GENRES.values())[index % 2]))[:4]
        values.append(History(names, np.full(4, np.nan), np.full(4, np.nan, np.float32), catalogue=TABLE))
    return Neighbours().complete_state(fit_catalogue(values), values)


def test_items_that_the_same_people_turn_to_are_near(state: dict):
    assert set(neighbours(state, ["w0"], 4)) == {"w1", "w2", "w3", "w4"}


def test_an_item_that_nobody_turned_to_has_the_neighbours_of_its_attributes(state: dict):
    assert set(neighbours(state, ["new War"], 5)) <= {*GENRES["War"]}


def test_an_item_that_nobody_turned_to_is_a_neighbour_itself(state: dict):
    assert "new Love" in neighbours(state, ["l0"], 6)
    assert "new Love" not in neighbours(state, ["w0"], 6)


def test_several_items_are_asked_for_together_and_none_of_them_is_answered(state: dict):
    found = neighbours(state, ["w0", "w1", "w2"], 3)

    assert set(found) <= {"w3", "w4", "new War"}


def test_conditions_hold(state: dict):
    assert set(neighbours(state, ["w0", {"only": ["w1", "l1", "w2"]}, {"without": ["w2"]}], 9)) == {"w1", "l1"}


def test_what_nobody_knows_has_no_neighbours_and_that_is_no_error(state: dict):
    assert neighbours(state, ["never heard of"], 5) == []
    assert neighbours(state, [], 5) == []


def test_scores_are_cosines_that_fall(state: dict):
    (told,) = Neighbours(answers=6).decode(output_of(state, ["w0"]), state)
    scores = [one["score"] for one in told.details["items"]]

    assert scores == sorted(scores, reverse=True)
    assert all(-1.001 <= one <= 1.001 for one in scores)


def test_vectors_have_length_one_and_do_not_depend_on_chance(state: dict):
    events = Ragged.of([[0, 1, 2], [3, 4], [0, 1]], np.int32)
    one, other = (item_vectors(Catalogue(state), events) for _ in range(2))

    assert np.array_equal(one, other)
    lengths = np.linalg.norm(one, axis=1)
    assert np.allclose(lengths[lengths > 0], 1)


def test_the_panel_says_that_neighbours_share_attributes(state: dict):
    panel = alike(Catalogue(state), np.array([0]), output_of(state, [Catalogue(state).item(0)])["items"][:, :4])

    assert panel is not None
    ((column, _, near, other),) = panel.data["rows"]
    assert column == "genre"
    assert near == 1 > other


def neighbours(state: dict, history: list, count: int) -> list[str]:
    (told,) = Neighbours(answers=count).decode(output_of(state, history), state)
    return told.value


def output_of(state: dict, history: list) -> dict:
    arrays = Items().encode([history], state).arrays
    return Neighbours(history="history").postprocess({}, {"history": arrays}, state)
