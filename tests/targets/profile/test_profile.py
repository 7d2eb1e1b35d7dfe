"""Profiles: what stands out, how near to the mainstream, and what a vector gives away."""

from __future__ import annotations

import numpy as np

from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.modalities.items.modality import Items
from noria.sources.core.history import History, SideTable
from noria.targets.profile.privacy import given_away
from noria.targets.profile.target import Profile
from noria.types import Ragged

KINDS = {"War": [f"w{place}" for place in range(8)], "Love": [f"l{place}" for place in range(8)]}
TABLE = SideTable({name: {"genre": (kind,), "year": ("1994",)} for kind, names in KINDS.items() for name in names})


def test_what_stands_out_is_told_with_its_share_and_lift():
    told = profile(["w0", "w1", "w2", "w3", "w4", "w5"])

    assert told.value == ["genre=War"]
    (segment,) = told.details["segments"]
    assert segment["share"] == 1
    assert 0.4 < segment["usual"] < 0.6
    assert 1 < segment["lift"] < 2  # a few events are no character yet


def test_nothing_stands_out_in_what_everybody_has():
    assert profile(["w0", "l0", "w1", "l1"]).value == []


def test_of_somebody_without_a_history_nothing_is_said():
    told = profile([])

    assert (told.value, told.details["mainstream"], told.details["events"]) == ([], None, 0)
    assert not any(told.details["embedding"])


def test_who_turns_to_what_is_popular_is_nearer_to_the_mainstream():
    catalogue = Catalogue(STATE)
    popular, rare = ([catalogue.item(place) for place in places] for places in ((0, 1, 2), (-3, -2, -1)))
    rare = [catalogue.item(catalogue.size + place) for place in (-3, -2, -1)]

    assert profile(popular).details["mainstream"] > profile(rare).details["mainstream"]


def test_people_of_one_taste_have_near_vectors():
    one, like, other = (
        np.array(profile(items).details["embedding"]) for items in (["w0", "w1", "w2"], ["w3", "w4"], ["l3", "l4"])
    )

    assert one @ like > 0.1 > abs(one @ other)


def test_the_vector_is_left_out_where_the_job_says_so():
    assert "embedding" not in profile(["w0"], Profile(embedding=False, history="history")).details


def test_what_vectors_give_away_is_told_and_what_they_do_not_is_not():
    draws = np.random.default_rng(0)
    users = [
        History(["a"], np.zeros(1), np.zeros(1, np.float32), {"sex": ("MF"[place % 2],), "luck": (str(luck),)})
        for place, luck in enumerate(draws.integers(0, 2, 200))
    ]
    catalogue = Catalogue(fit_catalogue(users))
    codes = Ragged.of([catalogue.user_codes(one.user) for one in users], np.int32)
    vectors = draws.normal(0, 0.3, (200, 4)) + np.array([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]])[np.arange(200) % 2]

    panel = given_away(catalogue, vectors, codes)

    assert panel is not None
    rows = {row[0]: row for row in panel.data["rows"]}
    assert rows["sex"][3] > 0.95
    assert rows["luck"][3] < 0.65


def test_nothing_is_given_away_where_nothing_is_known_of_users():
    catalogue = Catalogue(fit_catalogue([["a", "b"]] * 60))

    assert given_away(catalogue, np.ones((60, 2)), Ragged.of([[]] * 60, np.int32)) is None


def taught() -> dict:
    draws = np.random.default_rng(0)
    values = []
    for index in range(60):
        names = list(KINDS.values())[index % 2]
        weights = np.arange(8, 0, -1) / 36
        own = [names[place] for place in draws.choice(8, 4, replace=False, p=weights)]
        values.append(History(own, np.full(4, np.nan), np.full(4, np.nan, np.float32), catalogue=TABLE))
    return Profile().complete_state(fit_catalogue(values), values)


STATE = taught()


def profile(history: list, target: Profile | None = None):
    target = target or Profile(history="history")
    arrays = Items().encode([history], STATE).arrays
    (told,) = target.decode(target.postprocess({}, {"history": arrays}, STATE), STATE)
    return told
