"""Molecules from a table to answers: what cannot be read is told, scaffolds are kept together, answers say how near."""

from __future__ import annotations

import csv
import json

import pytest

from noria.errors import UserError
from noria.job import load_job
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.prepare import prepare
from noria.stages.summary import summary
from noria.stages.train import train

RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCOC1", "c1ccsc1", "C1CCNCC1", "c1cc[nH]c1", "C1CC1"]


def written(folder, extra=()):
    path = folder / "molecules.csv"
    sizes = range(1, 16)
    rows = [(f"{'C' * size}{ring}", 2 * size + place) for size in sizes for place, ring in enumerate(RINGS)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("smiles", "boils"), *rows, *extra])
    return path


def job(path, task="molecule-property", **split):
    return {
        "task": task,
        "data": {"path": str(path), "fields": {"molecule": "smiles", "number": "boils"}, "split": split},
        "inputs": {"molecule": {"members": 2, "hidden": 16}},
        "model": {"width": 16, "heads": 2, "depth": 1},
        "train": {"steps": 20, "batch_size": 16, "precision": "float32", "validations": 2},
        "evaluate": {"resamples": 100},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("molecules")
    path = written(folder, [("CC(C)(C)(C)C", 1), ("CCO.[Na+]", 3), ("C" * 10_000, 2)])
    given = job(path, by="scaffold", fill="balanced", validation=0.2, test=0.25)
    return train(given, run=folder / "run", reporter=Silent())


def test_what_is_no_molecule_is_quarantined_with_rdkits_reason(run):
    lines = [json.loads(line) for line in (run / "quarantine.jsonl").read_text().splitlines()]
    assert [one["where"] for one in lines] == ["molecules.csv:122", "molecules.csv:124"]
    assert "valence" in lines[0]["reason"]
    assert "10,000 characters" in lines[1]["reason"]


def test_the_division_is_named_and_molecules_of_one_scaffold_stand_in_one_split(run):
    report = json.loads((run / "prepare.json").read_text())["report"]
    (note,) = (one for one in report["notes"] if one.startswith("divided by scaffold"))
    assert "in an order drawn with seed 0" in note
    assert "divided by scaffold" in (run / "report.html").read_text()
    assert json.loads((run / "metrics.json").read_text())["divided_by"] == "scaffold, balanced, seed 0"


def test_a_random_forest_stands_beside_and_the_division_beside_the_scores(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert {one["name"] for one in metrics["rivals"]["models"]} == {"ridge regression", "random forest"}
    assert "divided by scaffold, balanced, seed 0" in summary(metrics)


def test_an_answer_says_how_near_the_nearest_training_molecule_is(run):
    known, alien = load(run).predict(["CCc1ccccc1", "[O-][N+](=O)OC[C@@H](CO[N+](=O)[O-])O[N+](=O)[O-]"])
    assert known.details["similarity_to_training"] > alien.details["similarity_to_training"]
    assert alien.details["similarity_to_training"] < 0.3


def test_error_is_plotted_against_similarity(run):
    metrics = json.loads((run / "metrics.json").read_text())
    (panel,) = (one for one in metrics["panels"] if one["title"] == "Mae by similarity to training")
    places = [point[0] for point in panel["data"]["lines"]["model"]]
    assert places == sorted(places)
    assert len(places) == 6


def test_what_is_no_molecule_takes_no_place_in_a_split(tmp_path):
    path = written(tmp_path, [("C1CC", index) for index in range(10)])
    given = job(path, by="scaffold", validation=0.2, test=0.25)
    with_bad = prepare(*load_job(given)).report
    written(tmp_path)
    without = prepare(*load_job(given)).report
    assert (with_bad["quarantined"], without["quarantined"]) == (10, 0)
    assert with_bad["records"] == without["records"]


def test_a_way_to_divide_that_no_input_knows_is_refused_with_what_there_is(tmp_path):
    path = written(tmp_path)
    with pytest.raises(UserError) as caught:
        prepare(*load_job(job(path, by="scafold")))
    assert caught.value.expected == "scaffold"
    texts = {**job(path, by="scaffold"), "task": "tabular-regression", "inputs": {}}
    texts["data"]["fields"] = {"number": "boils"}
    with pytest.raises(UserError, match="no input says"):
        prepare(*load_job(texts))


def test_labels_of_molecules_are_learnt_from_a_table_with_holes(tmp_path):
    path = tmp_path / "safe.csv"
    with path.open("w", newline="") as file:
        both = [(size, ring) for size in range(1, 16) for ring in RINGS]
        rows = [(f"{'C' * size}{ring}", size % 2, "" if size % 3 else int("c" in ring)) for size, ring in both]
        csv.writer(file).writerows([("molecule", "odd", "aromatic"), *rows])
    given = job(path, "molecule-safety", test=0.3, validation=0.1)
    given["data"]["fields"] = {"labels": ["odd", "aromatic"]}
    run = train(given, run=tmp_path / "run", reporter=Silent())
    (answer,) = load(run).predict(["CCCc1ccccc1"])
    assert answer.details["probabilities"].keys() == {"odd", "aromatic"}
    assert "similarity_to_training" in answer.details


def test_a_group_and_a_scaffold_are_two_ways_of_which_one_is_taken(tmp_path):
    with pytest.raises(UserError, match=r"order or group or block or by"):
        load_job(job(written(tmp_path), by="scaffold", group="smiles"))
    with pytest.raises(UserError, match="fill beside by"):
        load_job(job(written(tmp_path), fill="balanced"))
