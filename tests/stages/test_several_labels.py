"""Several yes/no answers from raw records to answers: columns with holes, names in a cell, tables and texts."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from noria.job import load_job
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.predict import predict_to
from noria.stages.train import train

NAMES = ["warm", "wet"]


def written(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def weather(count=240):
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        heat, rain = (float(one) for one in generator.normal(size=2))
        cells = ["yes" if one > 0 else "no" for one in (heat, rain)]
        if generator.random() < 0.3:
            cells[int(generator.integers(2))] = ""
        rows.append({"heat": round(heat, 3), "rain": round(rain, 3), **dict(zip(NAMES, cells, strict=True))})
    return rows


def job(path, task, **data):
    return {
        "task": task,
        "data": {"path": str(path), "split": {"test": 0.3}, **data},
        "train": {"steps": 60, "batch_size": 32, "precision": "float32", "validations": 3},
        "evaluate": {"resamples": 100},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    path = written(folder / "weather.csv", weather())
    return train(job(path, "tabular-multilabel", fields={"labels": NAMES}), run=folder / "run", reporter=Silent())


def test_labels_with_holes_are_learnt_beside_simple_models_and_the_base_rates(run):
    found = json.loads((run / "metrics.json").read_text())
    assert found["metrics"]["auc_macro"]["value"] > 0.95 > 0.6 > found["baseline"]["auc_macro"]["value"]
    models = {one["name"]: one["metrics"]["auc_macro"]["value"] for one in found["rivals"]["models"]}
    assert models.keys() == {"logistic regression", "boosted trees"}
    assert min(models.values()) > 0.9
    assert "Each label, worst first" in (run / "report.html").read_text()


def test_an_answer_names_what_holds_and_a_table_has_a_column_for_each_label(run, tmp_path):
    (answer,) = load(run).predict([{"heat": 2.0, "rain": -2.0}])
    assert answer.value == ["warm"]
    path = written(tmp_path / "new.csv", [{"heat": 2.0, "rain": 2.0}])
    predict_to(run, [path], tmp_path / "answers.csv", reporter=Silent())
    (row,) = csv.DictReader((tmp_path / "answers.csv").read_text("utf-8").splitlines())
    assert row["value"].split("; ") == NAMES
    assert float(row["probability_warm"]) > 0.5


def test_the_columns_of_labels_may_be_given_where_there_is_no_job(tmp_path):
    path = written(tmp_path / "weather.csv", weather(20))
    loaded, _ = load_job(str(path), ["labels=[warm, wet]"])
    assert (loaded.task, loaded.data.fields["labels"]) == ("tabular-multilabel", NAMES)
    texts = [{"text": f"rain and wind on day {i}", "warm": i % 2, "wet": i % 3 % 2} for i in range(40)]
    loaded, _ = load_job(str(written(tmp_path / "texts.csv", texts)), ["labels=[warm, wet]"])
    assert loaded.task == "text-multilabel"


def test_texts_with_names_in_a_cell_are_learnt(tmp_path):
    generator = np.random.default_rng(0)
    rows = []
    for index in range(200):
        holds = [name for name in NAMES if generator.random() < 0.5]
        text = " ".join(["today it is", *holds, "or so", str(index)])
        rows.append({"text": text, "labels": ";".join(holds) or "[]"})
    path = written(tmp_path / "texts.csv", rows)
    run = train(job(path, "text-multilabel"), run=tmp_path / "run", reporter=Silent())
    found = json.loads((run / "metrics.json").read_text())
    assert found["metrics"]["auc_macro"]["value"] > 0.9
    assert load(run).predict(["today it is warm or so"])[0].value == ["warm"]
