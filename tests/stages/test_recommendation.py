"""A table of interactions from end to end: trained, scored, asked with new events and conditions, and changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from noria.contract.source import Gathering
from noria.metrics.intervals import measure
from noria.modalities.items.modality import Items
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.sources.formats.histories import histories
from noria.sources.formats.opening import open_source
from noria.stages.evaluate import evaluate
from noria.stages.train import train
from noria.store.run_folder import read_json
from noria.targets.ranking.linear import rivals
from noria.targets.ranking.metrics import ranking_metrics
from noria.targets.ranking.target import Ranking
from noria.types import Dataset

INTERACTIONS = Path("shared/data/movielens/ml-100k.inter")
MOVIELENS = next((one / INTERACTIONS for one in Path(__file__).parents if (one / INTERACTIONS).exists()), INTERACTIONS)
USERS, CIRCLE = 60, 12


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Train on people of whom each goes round a circle of items, from where they began."""
    folder = tmp_path_factory.mktemp("circle")
    job = {
        "task": "sequential-recommendation",
        "data": {"path": str(table(folder / "events.csv", range(USERS)))},
        "model": {"width": 16, "depth": 1, "heads": 2},
        "train": {"steps": 30, "batch_size": 16, "precision": "float32", "validations": 2},
        "evaluate": {"resamples": 200},
    }
    return train(job, run=folder / "run", reporter=Silent())


def test_every_user_has_a_record_in_each_split_and_simple_models_stand_beside_the_score(run: Path):
    metrics = read_json(run / "metrics.json")

    assert (metrics["split"], metrics["n"]) == ("test", USERS)
    assert metrics["metrics"]["ndcg_10"]["value"] > metrics["baseline"]["ndcg_10"]["value"]
    assert [one["name"] for one in metrics["rivals"]["models"]] == ["item-kNN", "EASE^R", "events that follow"]


def test_histories_that_are_alike_are_not_called_duplicates(run: Path):
    report = read_json(run / "prepare.json")["report"]

    assert not [one for one in report["warnings"] if "nearly the same" in one]
    assert report["records"] == {"train": USERS, "validation": USERS, "test": USERS}


def test_new_events_change_the_answer_without_training_and_reasons_come_from_the_history(run: Path):
    model = load(run)

    first, second = (model.predict([{"history": names(*places)}])[0] for places in ((0, 1, 2), (0, 1, 2, 3)))

    assert first.value[0] == "film 3"
    assert second.value[0] == "film 4"
    assert second.details["items"][0]["because"] in names(0, 1, 2, 3)


def test_what_is_seen_or_not_in_stock_is_not_answered(run: Path):
    history = [*names(0, 1, 2), {"only": ["film 1", "film 7", "film 9"]}, {"without": ["film 9"]}]

    assert load(run).predict([{"history": history}])[0].value == ["film 7"]


def test_somebody_new_is_answered_too(run: Path):
    answer = load(run).predict([{"history": []}])[0]

    assert len(answer.value) == 10


def test_a_table_of_new_users_is_answered_user_by_user_with_all_that_they_did(run: Path, tmp_path: Path):
    path = table(tmp_path / "new.csv", range(3))

    answers = list(load(run).answers(load(run).chunks(path)))

    assert [answer.where for answer in answers] == [f"new.csv/user u{user}" for user in range(3)]
    assert all(answer.prediction is not None for answer in answers)


def test_a_frame_of_events_is_answered_as_a_file_of_them_is(run: Path, tmp_path: Path):
    pandas = pytest.importorskip("pandas")
    path = table(tmp_path / "new.csv", range(3))

    of_frame, of_file = (load(run).predict(one) for one in (pandas.read_csv(path), path))

    assert [one.value for one in of_frame] == [one.value for one in of_file]


def test_where_the_catalogue_has_changed_what_is_new_counts_as_missed(run: Path, tmp_path: Path):
    path = table(tmp_path / "changed.csv", range(20), last="a film of tomorrow")

    scored = evaluate(run, path, reporter=Silent())

    assert scored["n"] == 20
    assert scored["metrics"]["hit_10"]["value"] == 0


def test_a_protocol_beside_another_way_to_divide_is_refused(tmp_path: Path):
    job = {
        "task": "top-recommendation",
        "data": {"path": str(table(tmp_path / "events.csv", range(3))), "split": {"within": "lines"}},
    }

    with pytest.raises(Exception, match="how many rows of the file are test"):
        train(job, run=tmp_path / "run", reporter=Silent())


@pytest.mark.skipif(not MOVIELENS.exists(), reason=f"MovieLens 100K is not in ../{INTERACTIONS}")
def test_the_order_of_events_of_one_moment_moves_a_score_by_less_than_its_interval(tmp_path: Path):
    header, *lines = MOVIELENS.read_text().splitlines()
    shuffled = tmp_path / MOVIELENS.name
    shuffled.write_text("\n".join([header, *np.random.default_rng(0).permutation(lines)]) + "\n")

    as_given, otherwise = (ndcg(path) for path in (MOVIELENS, shuffled))

    assert abs(as_given["value"] - otherwise["value"]) < (as_given["high"] - as_given["low"]) / 2


def ndcg(path: Path) -> dict[str, float]:
    """Return NDCG at ten of what follows in training, each user's last film being test."""
    source = histories(open_source(path), Gathering(within="last"), "ranking")
    parts = {rows.split: rows.columns for rows in source.rows()}
    modality, target = Items(decay=0.7), Ranking()
    state = modality.fit([*parts["train"]["history"], *parts["train"]["ranking"]])
    data = {
        split: Dataset(
            {"history": modality.encode(columns["history"], state).arrays},
            target.encode(columns["ranking"], state).arrays,
        )
        for split, columns in parts.items()
    }
    answered = dict(rivals(data["train"], "history", len(state["popularity"]), True, False))["events that follow"]
    return measure(ranking_metrics(), answered(data["test"]), data["test"].target, 200)["ndcg_10"]


def table(path: Path, users: range, last: str = "") -> Path:
    """Write what users saw: eight films in a row of the circle; the last one may be another."""
    rows = ["user,item,time"]
    for user in users:
        films = names(*(user + step for step in range(8)))
        films[-1] = last or films[-1]
        rows += [f"u{user},{film},{1_600_000_000 + 86_400 * place}" for place, film in enumerate(films)]
    path.write_text("\n".join(rows) + "\n")
    return path


def names(*places: int) -> list[str]:
    return [f"film {place % CIRCLE}" for place in places]


def test_an_answer_is_json(run: Path):
    assert json.dumps([one.as_json() for one in load(run).predict([{"history": names(0, 1)}])])
