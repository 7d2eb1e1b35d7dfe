"""A table of interactions from end to end: trained, scored, asked with new events and conditions, and changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import noria
from noria.contract.source import Gathering
from noria.errors import UserError
from noria.metrics.intervals import measure
from noria.modalities.items.modality import Items
from noria.pipeline.drift import Drift
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.service.request.inputs import inputs_of
from noria.sources.formats.histories import histories
from noria.sources.formats.opening import open_source
from noria.stages.evaluate import evaluate
from noria.stages.train import train
from noria.store.run_folder import read_json
from noria.targets.ranking.linear import events_of, rivals
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


def test_items_that_training_does_not_know_are_counted_beside_the_answer_and_said(run: Path):
    model = load(run)
    drift = Drift(model.task, model.states)
    known, unknown, none = model.predict(
        [{"history": one} for one in (names(0), ["no such film", *names(0)], [{"only": ["nor this"]}])], drift=drift
    )

    assert "unknown_items" not in known.details
    assert unknown.details["unknown_items"] == 1
    assert (none.value, none.details["unknown_only"]) == ([], 1)
    assert drift.sentences() == [
        "1 of 3 events are of items that training does not know (as 'no such film')",
        "1 of 1 items of `only` are none of the catalogue (as 'nor this')",
    ]


def test_attributes_of_users_that_training_does_not_know_are_said(run: Path):
    model = load(run)
    drift = Drift(model.task, model.states)
    model.predict([{"history": [{"user": {"shoe": "44"}}, *names(0)]}], drift=drift)

    assert drift.sentences() == ["1 of 1 attributes of users say nothing that training has learnt from (as 'shoe')"]


def test_the_request_that_a_server_proposes_names_items_that_its_model_knows(run: Path):
    (field,) = inputs_of(load(run).bundle)

    assert len(field.example) == 3
    assert set(field.example) <= {*names(*range(CIRCLE))}


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


def test_answers_to_a_frame_of_events_are_a_frame_of_users(run: Path, tmp_path: Path):
    pandas = pytest.importorskip("pandas")
    events = pandas.read_csv(table(tmp_path / "new.csv", range(3)))

    answered = load(run).predict(events).to_frame()
    as_many = load(run).predict(events.drop_duplicates("user").set_index("time")).to_frame()

    assert answered["record"].tolist() == as_many["record"].tolist() == ["user u0", "user u1", "user u2"]
    assert as_many.index.tolist() == [0, 1, 2]  # and not what events are called


def test_histories_are_not_cross_validated_and_nothing_advises_it(run: Path, tmp_path: Path):
    job = {"task": "top-recommendation", "data": {"path": str(table(tmp_path / "events.csv", range(3)))}}

    with pytest.raises(UserError, match="this is not cross-validated") as caught:
        train(job, ["evaluate.folds=2"], tmp_path / "run", reporter=Silent())

    assert "within=random has every history in each split" in str(caught.value)
    assert not [one for one in read_json(run / "metrics.json")["remarks"] if "evaluate.folds" in one]


def test_the_splits_of_histories_are_no_table_which_is_said_before_anything_is_read(tmp_path: Path):
    job = {"task": "top-recommendation", "data": {"path": str(table(tmp_path / "events.csv", range(3)))}}

    with pytest.raises(UserError, match="every user is in several splits") as caught:
        noria.prepare(job, splits=tmp_path / "splits.csv", reporter=Silent())

    assert "leave --splits out" in str(caught.value)


@pytest.mark.parametrize("task", ["sequential-recommendation", "top-recommendation"])
def test_users_of_whom_training_has_a_single_event_are_learnt_from(task: str, tmp_path: Path):
    path = tmp_path / "few.csv"
    path.write_text("user,item,time\n" + "".join(f"u{i},{(i + k) % 3},{k}\n" for i in range(12) for k in range(3)))
    job = {
        "task": task,
        "data": {"path": str(path), "split": {"within": "last"}},
        "model": {"width": 16, "linear": False},
        "train": {"steps": 2, "batch_size": 4, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }

    assert read_json(train(job, run=tmp_path / "run", reporter=Silent()) / "metrics.json")["n"] == 12


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
    answered = dict(rivals(events_of(data["train"], "history"), "history", len(state["popularity"]), True, False))[
        "events that follow"
    ]
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
