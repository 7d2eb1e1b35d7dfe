"""Ratings: what attributes say of who has none, that no answer gives itself away, and what held-out ratings choose."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noria.errors import UserError
from noria.metrics.intervals import measure
from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.modalities.items.modality import Items
from noria.sources.core.history import History, SideTable, history_of
from noria.targets.ratings.factors import RatedItems, foretold, learnt_factors
from noria.targets.ratings.learning import drawn, is_asked, without
from noria.targets.ratings.metrics import TRUE, by_known_before, rating_metrics
from noria.targets.ratings.ordinal import chances, first_odds, fitted_odds
from noria.targets.ratings.simple import rivals
from noria.targets.ratings.target import Ratings, of_other_items
from noria.types import PAD, Dataset, Ragged

KINDS = 2  # of items; each user likes one of them
USERS, ITEMS = 60, 24


def world(seed: int = 0) -> tuple[RatedItems, np.ndarray]:
    """Return ratings of users who like one kind of item each, and the kind of each item; the last two have none."""
    draws = np.random.default_rng(seed)
    kinds, likes = np.arange(ITEMS + 2) % KINDS, np.arange(USERS + 1) % KINDS
    users, items = np.meshgrid(np.arange(USERS), np.arange(ITEMS), indexing="ij")
    is_rated = draws.random(users.shape) < 0.5
    users, items = users[is_rated], items[is_rated]
    ratings = np.where(kinds[items] == likes[users], 4.0, 2.0) + draws.normal(0, 0.2, len(users))
    of = [Ragged.of([[one] for one in codes], np.int64) for codes in (likes, kinds)]
    return RatedItems(users, items, ratings, *of), kinds


def test_factors_foretell_what_a_new_user_would_rate_by_a_few_ratings():
    known, kinds = world()
    state = learnt_factors(known, 4, 10)

    given = np.array([0, 2, 4, 1, 3])  # of kind 0, 0, 0, 1, 1
    found = foretold(state, given, np.array([4.0, 4, 4, 2, 2]), np.zeros(0, np.int64), np.arange(6, ITEMS)).mean(0)

    assert np.abs(found - np.where(kinds[6:ITEMS] == 0, 4.0, 2.0)).max() < 0.4


def test_an_item_that_nobody_has_rated_is_placed_by_its_attributes():
    known, kinds = world()
    state = learnt_factors(known, 4, 10)

    given = np.array([0, 2, 4, 1, 3])
    found = foretold(state, given, np.array([4.0, 4, 4, 2, 2]), np.zeros(0, np.int64), np.arange(ITEMS, ITEMS + 2))

    liked, other = found.mean(0)[np.argsort(kinds[ITEMS:])]
    assert liked > other + 1


def test_somebody_without_any_rating_is_placed_by_attributes():
    known, kinds = world()
    state = learnt_factors(known, 4, 10)

    likes = [
        foretold(state, np.zeros(0, np.int64), np.zeros(0), np.array([kind]), np.arange(ITEMS)).mean(0)
        for kind in range(KINDS)
    ]

    assert (likes[0][kinds[:ITEMS] == 0] > likes[1][kinds[:ITEMS] == 0] + 1).all()


def test_the_same_ratings_give_the_same_factors():
    known, _ = world()

    one, other = (learnt_factors(known, 3, 4) for _ in range(2))

    assert np.array_equal(one["items"], other["items"])


def test_an_event_of_an_item_that_is_asked_is_never_seen():
    items = torch.tensor([[0, 1, 2, 1], [2, 3, PAD, PAD]])
    asked = torch.tensor([[1, 5], [3, PAD]])

    left = without({"items": items}, is_asked(asked, 5))["items"]

    assert left.tolist() == [[0, PAD, 2, PAD], [2, PAD, PAD, PAD]]


def test_in_training_what_no_history_has_is_always_foretold_and_nothing_is_foretold_that_is_seen():
    items = torch.arange(40)[None].repeat(50, 1)
    asked = torch.arange(60)[None].repeat(50, 1)
    torch.manual_seed(0)

    hidden = drawn({"items": items}, asked, 60, (0.1, 0.6))

    assert hidden[:, 40:60].all()
    assert 0.2 < hidden[:, :40].float().mean() < 0.5
    seen = without({"items": items}, hidden)["items"]
    assert not (hidden[:, :40] & (seen != PAD)).any()


def test_a_rating_of_the_history_does_not_change_what_is_foretold_of_that_item():
    state, encode = fitted()
    answers = []
    for stars in (1, 5):
        history = [{"item": "a", "rating": stars}, {"item": "b", "rating": 4}, {"only": ["a"]}]
        answers.append(answered(state, encode([history]))["rating"].values[0])

    assert answers[0] == answers[1]


def test_what_is_asked_is_answered_in_its_order_and_an_unknown_item_is_said_to_be_one():
    state, encode = fitted()
    output = answered(state, encode([[{"item": "a", "rating": 5}, {"only": ["c", "nobody", "b"]}]]))

    (told,) = Ratings().decode(output, state)

    assert [one["item"] for one in told.details["items"]] == ["c", None, "b"]
    assert told.details["items"][1]["unknown"]
    assert told.value == [one["rating"] for one in told.details["items"]]
    assert all(1 <= one <= 5 for one in told.value)
    for one in told.details["items"]:
        assert sum(one["chances"].values()) == pytest.approx(1, abs=1e-3)


def test_where_nothing_is_asked_popular_items_that_are_not_seen_are_rated():
    state, encode = fitted()

    (told,) = Ratings(answers=2).decode(answered(state, encode([["b"]]), Ratings(answers=2)), state)

    assert [one["item"] for one in told.details["items"]] == ["a", "c"]


def test_held_out_ratings_choose_the_better_of_network_and_factors_and_how_likely_each_level_is():
    state, _ = fitted()
    draws = np.random.default_rng(0)
    true = draws.integers(1, 6, 400).astype(np.float32)
    offsets = np.arange(0, 401, 4)
    rows = {name: Ragged(true + draws.normal(0, spread, 400), offsets) for name, spread in
            (("network", 2.0), ("expert", 0.3))}  # fmt: skip
    truth = {TRUE: Ragged(true, offsets), "levels": Ragged(true.astype(np.uint8), offsets)}

    chosen = Ratings().calibrate({**rows, "asked": rows["expert"]}, truth, state)

    assert chosen["share"] < 0.1
    assert chances(np.array([3.0]), chosen["odds"])[0].argmax() == 2


def test_chances_fit_ratings_that_err_by_more_than_they_were_taken_to():
    draws = np.random.default_rng(0)
    levels = np.arange(1.0, 6)
    true = draws.integers(0, 5, 2000)
    told = true + 1 + draws.normal(0, 1.5, 2000)
    first = first_odds(levels, 0.3)

    fitted_ones = fitted_odds(told, true, first)

    likelihoods = [np.log(chances(told, one)[np.arange(2000), true] + 1e-12).mean() for one in (first, fitted_ones)]
    assert likelihoods[1] > likelihoods[0] + 0.5
    assert fitted_ones[1:] == sorted(fitted_ones[1:])


def test_few_held_out_ratings_move_nothing():
    assert fitted_odds(np.ones(10), np.zeros(10, np.int64), [1.0, 1.5]) == [1.0, 1.5]


def test_errors_count_by_ratings_and_intervals_draw_users():
    truth = {TRUE: Ragged.of([[1.0, 1, 1], [5.0]] * 10, np.float32)}
    output = {"rating": Ragged.of([[2.0, 2, 2], [2.0]] * 10, np.float32)}

    found = measure(rating_metrics(), output, truth, 500)

    assert found["rmse"]["value"] == pytest.approx(np.sqrt((3 + 9) / 4))
    assert found["mae"]["value"] == pytest.approx((3 + 3) / 4)
    assert 1.0 < found["mae"]["low"] < 1.4 < 1.6 < found["mae"]["high"] < 2.6  # 40 ratings on their own: 1.3 to 1.8


def test_the_panel_says_how_far_ratings_are_missed_of_items_that_training_does_not_have():
    output = {
        "rating": Ragged.of([[2.0, 2.0]], np.float32), "asked": Ragged.of([[0, 1]], np.int32), "events": np.array([3]),
    }  # fmt: skip
    panel = by_known_before(output, {TRUE: Ragged.of([[2.0, 4.0]], np.float32)}, np.array([50, 0]))

    rows = {row[0]: row[1:3] for row in panel.data["rows"]}
    assert rows["ratings of the item: 0"] == [1, 2.0]
    assert rows["ratings of the item: 10 to 99"] == [1, 0.0]


def test_ratings_that_are_all_alike_are_refused_with_the_setting_that_names_the_column():
    with pytest.raises(UserError, match="at least two differ") as error:
        Ratings().fit([["a", "b"], ["a"]])

    assert "data.events" in str(error.value)


def test_an_answer_that_rates_other_items_than_are_asked_for_is_told():
    history = {"only": Ragged.of([[0, 1], [0]], np.int32)}

    assert [*of_other_items({"items": Ragged.of([[1, 0], [0]], np.int32)}, history)] == [0]


def test_simple_models_learn_who_rates_high_and_which_item_is_liked():
    values = [history_of([{"item": one, "rating": base + step} for one, step in (("a", 2), ("b", 0), ("c", 1))])
              for base in (1, 3, 1, 3, 1, 3)]  # fmt: skip
    state = fit_catalogue(values)
    target, modality = Ratings(), Items()
    train = Dataset({"history": modality.encode(values, state).arrays}, target.encode(values, state).arrays)
    asked = [[{"item": "b", "rating": stars}, {"only": ["a", "c"]}] for stars in (1, 3)]
    new = Dataset({"history": modality.encode(asked, state).arrays}, {})

    for name, answer in rivals(train, "history", np.array(Catalogue(state).levels), 3):
        low, high = (answer(new)["rating"][index] for index in range(2))
        assert low[0] > low[1], name
        assert (high > low).all(), name


def fitted() -> tuple[dict, object]:
    """Return the state of ratings of a few people with a table of items, and what encodes questions."""
    table = SideTable({name: {"genre": (genre,)} for name, genre in (("a", "War"), ("b", "War"), ("c", "Love"))})
    values = [
        History(["a", "b", "c"], np.full(3, np.nan), np.array(stars, np.float32), catalogue=table)
        for stars in ((5, 5, 1), (4, 5, 2), (1, 2, 5), (5, 4, 1), (3, 3, 3))
    ]
    state = Ratings(draws=5).complete_state(fit_catalogue(values), values)
    return state, lambda asked: Items().encode(asked, state).arrays


def answered(state: dict, arrays: dict, target: Ratings | None = None) -> dict:
    """Return what is kept of the answers of an untrained network and of the factors."""
    target = target or Ratings()
    dataset = Dataset({"history": arrays}, {})
    torch.manual_seed(0)
    head = target.head(state, 8).eval()

    def model(inputs: dict) -> dict:
        from noria.types import Tokens

        items = inputs["history"]["items"]
        return head(Tokens(torch.where(items[:, :, None] == PAD, 0.0, 1.0).repeat(1, 1, 8)))

    target = Ratings(answers=target.answers, history="history")
    with torch.inference_mode():
        output = target.predict_step(model, dataset.batch(slice(None)), state)
    raw = {name: value.numpy() for name, value in output.items()}
    return target.postprocess(raw, dataset.raw_inputs(slice(None)), state)
