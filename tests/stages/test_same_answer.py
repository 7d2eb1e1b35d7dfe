"""Promise 1: the same answer from evaluate, predict, a reloaded bundle, a batch of one and a batch of many."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from noria.contract import answer_field, registry
from noria.errors import UserError
from noria.pipeline.fields import encode_field
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.store.digests import sealed
from noria.types import Dataset, Ragged, concatenated
from other_data import encode, read
from tiny_data import tiny_file

TASKS = registry.names("tasks")
TOLERANCE = 1e-5  # on outputs, absolute and relative: sums in another order; classes must be equal


@pytest.fixture
def model_and_records(trained, tmp_path):
    """A function: name of a task -> its model, and records it never saw as a person would give them."""

    def get(task_name):
        run = trained(task_name)
        model = load(run, device="cpu")
        path = tiny_file(model.task, tmp_path / "new", count=17, seed=5)
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return run, model, path, rows

    return get


def close(one, other):
    assert one.keys() == other.keys()
    return all(same_arrays(one[name], other[name], TOLERANCE) for name in one)


def same_arrays(one, other, tolerance=0.0):
    if isinstance(one, Ragged):
        return np.array_equal(one.lengths, other.lengths) and same_arrays(one.padded(), other.padded(), tolerance)
    return one.shape == other.shape and np.allclose(one, other, tolerance, tolerance)


def same_values(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_values(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_values, one, other))
    return one == (pytest.approx(other, rel=1e-4, abs=1e-4) if isinstance(one, float) else other)


def same_answers(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert same_values(one.value, other.value)
        if one.confidence is not None:
            assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


@pytest.mark.parametrize("name", TASKS)
def test_a_batch_of_one_answers_as_a_batch_of_many(name, model_and_records):
    _, model, path, rows = model_and_records(name)
    together = model.predict(rows, root=path.parent)
    same_answers(together, [model.predict([row], root=path.parent)[0] for row in rows])
    model.batch_size = 5
    same_answers(together, model.predict(rows, root=path.parent))
    same_answers(together[::-1], model.predict(rows[::-1], root=path.parent))


@pytest.mark.parametrize("name", TASKS)
def test_a_file_of_records_answers_as_the_records_themselves(name, model_and_records):
    _, model, path, rows = model_and_records(name)
    dataset, bad = read(model, path)
    assert bad == []
    inputs, unusable = encode(model, rows, path.parent)
    assert unusable == {}
    for field, arrays in inputs.items():
        for key, values in arrays.items():
            assert dataset.window is not None or same_arrays(values, dataset.inputs[field][key])
    unanswered = Dataset(inputs, {})
    decoded = model.task.target.decode(model.outputs(unanswered), model.states["target"])
    same_answers(decoded, model.predict(rows, root=path.parent))


@pytest.mark.parametrize("name", TASKS)
def test_a_bundle_that_was_copied_elsewhere_answers_the_same(name, model_and_records, tmp_path):
    run, model, path, _ = model_and_records(name)
    shutil.copytree(run / "bundle", tmp_path / "shipped")
    dataset, _ = read(model, path)
    again = load(tmp_path / "shipped", device="cpu")
    one, other = model.outputs(dataset), again.outputs(read(again, path)[0])
    assert one.keys() == other.keys()
    assert all(same_arrays(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", TASKS)
def test_the_scores_of_a_run_are_those_of_its_answers_one_by_one(name, trained):
    """What metrics.json says of the test split is what comes out when its records are answered one at a time."""
    run = trained(name)
    model, metrics = load(run, device="cpu"), json.loads((run / "metrics.json").read_text())
    path = run.parent / "data" / "records.csv"
    with path.open(encoding="utf-8") as file:
        rows = {f"{path.name}:{line}": row for line, row in enumerate(csv.DictReader(file), start=2)}
    from noria.job.load import load_job
    from noria.stages.prepare import prepare

    job, task = load_job(run / "job.yaml")
    test = prepare(job, task).splits["test"]
    assert metrics["n"] == len(test) > 3
    if test.window is None:
        singles = [encoded_row(model, rows[where], path.parent) for where in test.wheres()]
    else:  # running text: a record is a window
        singles = [test.select(np.array([index])) for index in range(len(test))]
    joined = joined_outputs([model.outputs(single) for single in singles])
    assert close(joined, model.outputs(test))
    truth = joined_outputs([single.target for single in singles])
    for metric in task.target.metrics(model.states["target"]):
        value = metrics["metrics"][metric.name]["value"]
        own = float(metric.value(joined, truth, np.ones((1, len(singles)), np.float32))[0])
        assert value is None if np.isnan(own) else value == pytest.approx(own, rel=1e-4, abs=1e-6)


def encoded_row(model, row, root):
    """One record, its answer encoded beside it."""
    task = model.task
    inputs, bad = encode(model, [row], root)
    assert bad == {}
    return Dataset(inputs, encode_field(task.target, [row[answer_field(task)]], model.states["target"], root).arrays)


def joined_outputs(parts):
    return {key: concatenated([part[key] for part in parts]) for key in parts[0]}


@pytest.mark.parametrize("name", TASKS)
def test_evaluating_twice_gives_the_same_numbers_to_the_last_bit(name, model_and_records):
    run, model, path, _ = model_and_records(name)
    one, other = (evaluate(run, path, reporter=Silent()) for _ in range(2))
    assert one == other
    dataset = read(model, path)[0]
    assert one["n"] == (17 if dataset.window is None else len(dataset))
    assert one["quarantined"] == 0
    assert one.keys() >= {"metrics", "baseline", "panels"}
    json.dumps(one, allow_nan=False)


@pytest.mark.parametrize("name", TASKS)
def test_every_score_stands_beside_its_interval_and_the_trivial_answer(name, trained):
    metrics = json.loads((trained(name) / "metrics.json").read_text())
    assert metrics["split"] == "test"
    for one in metrics["metrics"].values():
        assert one.keys() - {"note"} == {"value", "low", "high", "unit", "direction"}
        assert "note" in one or one["low"] is not None or one["value"] is None
        if one["value"] is not None and one["low"] is not None:
            assert one["low"] <= one["high"]
    assert metrics["baseline"].keys() == metrics["metrics"].keys()


@pytest.mark.parametrize("name", TASKS)
def test_columns_that_training_did_not_see_change_nothing(name, model_and_records):
    _, model, path, rows = model_and_records(name)
    wider = path.with_name("wider.csv")
    with wider.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["note", *reversed(rows[0])])
        writer.writeheader()
        writer.writerows([{"note": f"row {index}", **row} for index, row in enumerate(rows)])
    one, other = model.outputs(read(model, path)[0]), model.outputs(read(model, wider)[0])
    assert all(same_arrays(one[key], other[key]) for key in one)


TABLES = [name for name in TASKS if any(one.raw_type == "columns" for one in registry.task(name).inputs.values())]


@pytest.mark.parametrize("name", TABLES)
def test_data_that_lacks_a_column_that_training_saw_is_refused_by_its_name(name, model_and_records):
    _, model, path, rows = model_and_records(name)
    missing = model.bundle.config["fields"]["table"][1]
    narrow = path.with_name("narrow.csv")
    with narrow.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [column for column in rows[0] if column != missing], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(UserError, match=f"no column {missing!r}"):
        read(model, narrow)


@pytest.mark.parametrize("name", TASKS)
def test_a_record_that_lacks_a_field_is_named(name, model_and_records):
    _, model, path, rows = model_and_records(name)
    inputs = model.task.inputs
    is_optional = {field: inputs[field].is_optional for field in inputs}
    missing = next(
        (field for field in rows[0] if field != answer_field(model.task) and not is_optional.get(field)), None
    )
    if missing is None:
        assert len(model.predict([{}])) == 1
        return
    with pytest.raises(UserError, match=f"{missing!r} is missing") as caught:
        model.predict([rows[0], {k: v for k, v in rows[1].items() if k != missing}], root=path.parent)
    assert caught.value.where == "record 1"


@pytest.mark.parametrize("damage", ["weights", "config", "no weights", "format"])
def test_a_damaged_bundle_is_refused_in_plain_words(damage, trained, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(trained("image-classification") / "bundle", bundle)
    weights, config = bundle / "model.safetensors", bundle / "config.json"
    if damage == "weights":
        data = weights.read_bytes()
        weights.write_bytes(data[:-9] + bytes([data[-9] ^ 4]) + data[-8:])
    elif damage == "config":
        config.write_bytes(config.read_bytes()[:-30])
    elif damage == "no weights":
        weights.unlink()
    else:
        config.write_text(json.dumps(json.loads(config.read_text()) | {"format": 99}))
    with pytest.raises(UserError):
        load(bundle, device="cpu")


def test_an_older_bundle_is_read_unless_its_trunk_has_parts_that_are_gone(trained, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(trained("image-classification") / "bundle", bundle)
    config = json.loads((bundle / "config.json").read_text())
    gone = dict.fromkeys(("kv_heads", "mlp", "experts", "full_every", "window"))

    def written(**settings):
        older = {
            **config,
            "noria": "0.0.1",
            "job": {**config["job"], "model": config["job"]["model"] | gone | settings},
        }
        (bundle / "config.json").write_text(json.dumps(sealed(older)))
        return load(bundle, device="cpu")

    assert written().bundle.job == written(mlp="relu2", experts=1, full_every=1).bundle.job
    with pytest.raises(UserError, match=r"parts that are gone") as caught:
        written(window=64, full_every=0)
    assert caught.value.found == "model.full_every=0, model.window=64"
    assert caught.value.fix.endswith("0.0.1")


def test_a_bundle_holds_plain_data_only_and_nothing_of_where_the_data_was(trained):
    run = trained("image-classification")
    assert {path.suffix for path in (run / "bundle").iterdir()} <= {".json", ".safetensors", ".md"}
    data = Path(yaml.safe_load((run / "job.yaml").read_text())["data"]["path"])
    assert data.name == "records.csv"
    assert str(data.parent) not in (run / "bundle" / "config.json").read_text()
