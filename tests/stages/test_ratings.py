"""Ratings, neighbours and profiles from a table of interactions to an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.search import search
from noria.stages.train import train
from noria.store.run_folder import read_json

USERS, ITEMS = 80, 20


def events(folder: Path) -> Path:
    """Write RecBole's three files: everybody likes films of one genre; film 20 and 21 nobody has seen."""
    draws = np.random.default_rng(0)
    rows = ["user_id:token\titem_id:token\trating:float\ttimestamp:float"]
    for user in range(USERS):
        liked, other = (draws.permutation(np.arange(kind, ITEMS, 2)) for kind in (user % 2, 1 - user % 2))
        for place, item in enumerate(draws.permutation([*liked[:9], *other[:3]])):
            stars = 4 + draws.integers(2) if item % 2 == user % 2 else 1 + draws.integers(2)
            rows.append(f"u{user}\t{item}\t{stars}\t{1_600_000_000 + place}")
    (folder / "films.inter").write_text("\n".join(rows) + "\n")
    films = [f"{item}\tFilm {item}\t{('War', 'Love')[item % 2]}" for item in range(ITEMS + 2)]
    (folder / "films.item").write_text("\n".join(["item_id:token\ttitle:token_seq\tgenre:token", *films]) + "\n")
    users = [f"u{user}\t{'WL'[user % 2]}" for user in range(USERS)]
    (folder / "films.user").write_text("\n".join(["user_id:token\tlikes:token", *users]) + "\n")
    return folder / "films.inter"


def trained(folder: Path, task: str, **more: Any) -> Path:
    job = {
        "task": task,
        "data": {"path": str(events(folder))},
        "train": {"steps": 10, "precision": "float32", "validations": 2},
        "evaluate": {"resamples": 200},
    }
    return train(job | more, run=folder / task, reporter=Silent())


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("ratings"), "rating-prediction")


def test_ratings_are_foretold_better_than_by_their_mean_and_simple_models_stand_beside(ratings: Path):
    metrics = read_json(ratings / "metrics.json")

    assert metrics["metrics"]["rmse"]["value"] < 0.8 < metrics["baseline"]["rmse"]["value"]
    assert [one["name"] for one in metrics["rivals"]["models"]] == [
        "biases of users and items",
        "matrix factors (least squares)",
    ]


def test_new_people_and_films_that_nobody_rated_are_answered_by_attributes(ratings: Path):
    model = load(ratings)
    histories = [[{"user": {"likes": kind}}, {"only": ["20", "21"]}] for kind in "WL"]

    war, love = (told.value for told in model.predict([{"history": one} for one in histories]))

    assert war[0] > war[1] + 0.5
    assert love[1] > love[0] + 0.5


def test_new_ratings_change_the_answer_without_training(ratings: Path):
    model = load(ratings)
    low, high = (
        model.predict([{"history": [{"item": "0", "rating": stars}, {"item": "2", "rating": stars}, {"only": ["4"]}]}])
        for stars in (1, 5)
    )

    assert high[0].value[0] > low[0].value[0]


def test_the_same_answer_comes_alone_and_beside_others(ratings: Path):
    model = load(ratings)
    records = [{"history": [{"item": str(item), "rating": 5}, {"only": ["4", "5"]}]} for item in range(6)]

    together = model.predict(records)

    assert [model.predict([one])[0].value for one in records] == [one.value for one in together]


def test_a_table_without_ratings_is_refused_with_what_to_name(tmp_path: Path):
    path = tmp_path / "events.csv"
    path.write_text("user,item\n" + "\n".join(f"u{user},i{item}" for user in range(30) for item in range(8)) + "\n")

    with pytest.raises(Exception, match="rating"):
        train({"task": "rating-prediction", "data": {"path": str(path)}}, run=tmp_path / "run", reporter=Silent())


def test_similar_items_are_found_without_a_step_of_training_for_items_that_nobody_saw_too(tmp_path: Path):
    run = trained(tmp_path, "similar-items", data={"path": str(events(tmp_path))})

    told = load(run).predict([{"history": ["20"]}])[0]

    assert told.details["items"][0]["title"].startswith("Film")
    assert all(int(one) % 2 == 0 for one in told.value[:5])


def test_people_of_one_taste_are_found_by_their_profiles(tmp_path: Path):
    liked = [
        f"u{user},{'war' if user % 2 else 'love'} {(user + step) % 9},{step}" for user in range(60) for step in range(6)
    ]
    path = tmp_path / "events.csv"
    path.write_text("\n".join(["user,item,time", *liked]) + "\n")
    job = {"task": "user-profile", "data": {"path": str(path)}, "evaluate": {"resamples": 200}}
    run = train(job, run=tmp_path / "run", reporter=Silent())

    (hits,) = search(run, [["war 1", "war 2", "war 3"]], path, 5)

    assert all("war" in hit.text and "love" not in hit.text for hit in hits)
