"""Rankings: what may not be answered, what counts as found, why an item is answered, and who nobody knows yet."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.modalities.items.modality import Items
from noria.sources.core.history import History, SideTable, history_of
from noria.targets.ranking.answering import ranked
from noria.targets.ranking.linear import ease, events_of, fitted, followers, interactions
from noria.targets.ranking.metrics import ranking_metrics
from noria.targets.ranking.target import Ranking, most_popular
from noria.targets.ranking.true_items import UNKNOWN
from noria.types import Dataset, Ragged

HISTORIES = [["a", "b", "c"], ["a", "b"], ["a", "d"], ["a"]]


def test_items_are_numbered_by_how_many_training_histories_have_them():
    catalogue = Catalogue(fit_catalogue(HISTORIES))

    assert [catalogue.item(code) for code in range(4)] == ["a", "b", "c", "d"]
    assert catalogue.popularity.tolist() == [4, 2, 1, 1]


@pytest.mark.parametrize("asked", [["b"], ["b", "nobody", "d"], ["é", "d"]])
def test_an_item_is_found_by_search_as_by_an_index(asked: list[str]):
    names = [f"{place}" for place in range(500)] + ["b", "d", "é"]
    catalogue = Catalogue(fit_catalogue([names]))

    one_by_one = np.concatenate([catalogue.codes([item]) for item in asked])
    at_once = catalogue.codes(asked * 30)[: len(asked)]

    assert one_by_one.tolist() == at_once.tolist()
    assert [catalogue.item(code) for code in one_by_one if code < catalogue.size] == [
        one for one in asked if one != "nobody"
    ]


def test_an_item_that_only_the_table_of_items_has_is_in_the_catalogue_with_its_attributes():
    table = SideTable(
        {"a": {"genre": ("War",)}, "new": {"genre": ("War",), "year": ("1995",)}, "b": {"year": ("1991",)}}
    )

    state = fit_catalogue([history(["a", "b"], table), history(["a"], table)])
    catalogue = Catalogue(state)

    assert catalogue.item(2) == "new"
    assert catalogue.popularity.tolist() == [2, 1, 0]
    assert catalogue.attributes("items") == ["era=1990s", "genre=War"]
    assert [row.tolist() for row in (catalogue.attributes_of_items()[code] for code in range(3))] == [[1], [0], [0, 1]]


def test_an_unknown_item_of_a_history_is_kept_as_unknown_and_as_a_true_answer_counts_as_missed():
    state = fit_catalogue(HISTORIES)

    assert Items().encode([["a", "x"]], state).arrays["items"][0].tolist() == [0, 4]
    truth = Ranking().encode([["x", "b"]], state).arrays
    assert truth["items"][0].tolist() == [UNKNOWN, 1]
    assert scores({"items": np.array([[1, 0]])}, truth)["recall_10"] == 0.5


def test_what_was_seen_is_left_out_and_conditions_hold():
    state = fit_catalogue(HISTORIES)
    given = [["a"], ["a", {"without": ["b"]}], [{"only": ["d", "x"]}], ["x", {"only": ["a"]}, "a"]]
    arrays = tensors(Items().encode(given, state).arrays)
    liked = torch.tensor([[4.0, 3, 2, 1]] * 4)

    found = [[code for code in row if code >= 0] for row in ranked(liked, arrays, repeats=False)["items"].tolist()]

    assert found == [[1, 2, 3], [2, 3], [3], []]


def test_items_may_be_answered_again_where_the_job_says_so():
    arrays = tensors(Items().encode([["a"]], fit_catalogue(HISTORIES)).arrays)

    assert ranked(torch.tensor([[4.0, 3, 2, 1]]), arrays, repeats=True)["items"][0, 0] == 0


def test_the_trivial_answer_is_the_most_popular_that_is_not_seen_and_allowed():
    state = fit_catalogue(HISTORIES)
    arrays = Items().encode([["a", "c"], [{"only": ["d", "c"]}, {"without": ["c"]}], []], state).arrays

    found = most_popular(Dataset({"history": arrays}, {}), "history", 2)["items"]

    assert found.tolist() == [[1, 3], [3, -1], [0, 1]]


def test_scores_are_those_that_are_worked_out_by_hand():
    truth = {"items": Ragged.of([[1, 5], [7]], np.int32)}

    found = scores({"items": np.array([[5, 3, 1], [0, 2, 4]])}, truth)

    ideal = 1 + 1 / np.log2(3)
    assert found["ndcg_10"] == pytest.approx((1 + 1 / np.log2(4)) / ideal / 2)
    assert (found["recall_10"], found["hit_10"], found["mrr_10"]) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "the history is missing"),
        ("Alien", "expected a list"),
        ([{"time": 3}], "entry 1 names no item"),
        (["a", {"item": "b", "time": -3}], "entry 2: a time is in seconds from 1970 to 2100"),
        (["a", {"item": "b", "time": 1e30}], "entry 2: a time is in seconds"),
        (["a", {"item": "b", "rating": float("inf")}], "entry 2: the rating is not finite"),
        (["a", {"item": "b", "rating": "five"}], "entry 2: the rating is a number"),
        ("[1, 2", "cannot be read as JSON"),
        ([{"item": "a", "tme": 5}], "entry 1 has an unknown key 'tme'; did you mean 'time'?"),
        (["a", {"witout": ["b"]}], "entry 2 has an unknown key 'witout'; did you mean 'without'?"),
        ([{"item": "a", "price": 5}], "unknown key 'price'; known: item, only, rating, time, user, without"),
        ([{"without": "b"}], "entry 1: 'without' is a list of items, as [\"51\"], found 'b'"),
        ([{"only": None}], "entry 1: 'only' is a list of items"),
        ([{"user": "ann"}], "entry 1: 'user' is who it is by column"),
        ([{"item": "a", "without": ["b"]}], "entry 1: 'item' and 'without' are entries of their own"),
    ],
)
def test_what_is_no_history_is_told_with_the_entry_and_the_reason(given: object, reason: str):
    bad = Items().encode([["a"], given], fit_catalogue(HISTORIES)).bad

    assert list(bad) == [1]
    assert reason in bad[1]


def test_of_somebody_of_whom_nothing_is_known_the_history_is_empty():
    encoded = Items().encode([[]], fit_catalogue(HISTORIES))

    assert not encoded.bad
    assert encoded.arrays["items"].lengths.tolist() == [0]


def test_of_a_long_history_the_newest_events_are_read_and_all_are_seen():
    encoded = Items(max_items=2).encode([["c", "b", "a", "a"]], fit_catalogue(HISTORIES))

    assert encoded.arrays["items"][0].tolist() == [0, 0]
    assert encoded.arrays["seen"][0].tolist() == [2, 1, 0, 0]
    assert encoded.cut == {0: (2, 4)}


def test_a_history_written_as_entries_is_the_same_when_it_is_read_again():
    one = history_of([{"user": {"age": 24}}, {"only": ["a"]}, {"item": "a", "time": 5, "rating": 3}, 7])

    assert repr(history_of(one.entries())) == repr(one)
    assert list(one.items) == ["a", "7"]


def test_who_it_is_and_what_may_be_answered_can_stand_in_one_entry():
    one = history_of([{"user": {"age": 24}, "only": ["a"], "without": ["b"]}])

    assert (one.user, one.only, one.without) == ({"age": ("24",)}, ["a"], ["b"])


def test_ease_gives_no_item_to_itself_and_what_goes_together_to_one_another():
    rows = [[0, 1], [0, 1], [0, 1], [2, 3], [2, 3], [2, 3, 0]] * 5
    weight = ease(events_of(learnt(rows), "history"), 4)

    assert np.diag(weight).tolist() == [0, 0, 0, 0]
    assert weight[0].argmax() == 1
    assert weight[2].argmax() == 3


def test_linear_models_learn_from_all_of_a_history_of_which_the_network_reads_the_newest():
    arrays = Items(max_items=2).encode([["c", "b", "a"]], fit_catalogue(HISTORIES)).arrays
    train = Dataset({"history": arrays}, {"items": Ragged.of([[1]], np.int32)})

    assert events_of(train, "history")[0].tolist() == [2, 1, 0, 1]


def test_what_follows_counts_in_one_direction_as_a_share_of_what_it_follows_and_ten_more():
    weight = followers(Ragged.of([[0, 1, 2], [0, 2]], np.int64), 3)

    assert weight[0].tolist() == pytest.approx([0, 1 / 12, 2 / 12])
    assert weight[1].tolist() == pytest.approx([0, 0, 1 / 11])


def test_where_order_counts_what_follows_and_what_goes_together_speak_alike_loudly():
    events = Ragged.of([[0, 1, 2], [0, 2], [3, 0]] * 20, np.int64)
    expected = sum(one / one.std() for one in (followers(events, 4), ease(events, 4)))

    ordered, other = (fitted(events, 4, 6, is_ordered) for is_ordered in (True, False))

    np.testing.assert_allclose(ordered.weight, np.concatenate([expected, np.zeros((2, 4))]), rtol=1e-5)
    np.testing.assert_allclose(other.weight[:4], ease(events, 4))
    assert (ordered.name, other.name) == ("events that follow and EASE^R", "EASE^R")


def test_the_items_of_a_history_count_once():
    assert interactions(Ragged.of([[0, 0, 2, 9]], np.int64), 3).toarray().tolist() == [[1, 0, 1]]


def learnt(rows: list[list[int]]) -> Dataset:
    before = Ragged.of([row[:-1] for row in rows], np.int32)
    return Dataset({"history": {"seen": before}}, {"items": Ragged.of([row[-1:] for row in rows], np.int32)})


def history(items: list[str], catalogue: SideTable) -> History:
    return History(items, np.zeros(len(items)), np.zeros(len(items), np.float32), catalogue=catalogue)


def tensors(arrays):
    return Dataset({"history": arrays}, {}).batch(slice(None)).inputs["history"]


def scores(output, truth):
    weights = np.ones((1, len(output["items"])))
    return {metric.name: float(metric.value(output, truth, weights)[0]) for metric in ranking_metrics()}
