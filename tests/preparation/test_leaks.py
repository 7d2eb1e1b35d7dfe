"""A column that gives the answer away is found, nearly or by being empty too; honest columns of real tables are not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets as sk

from noria.job.load import load_job
from noria.preparation.leaks import LEAST_OF_CLASSES, LEAST_OF_NUMBERS, foretold
from noria.stages.prepare import prepare

SHARED = Path(__file__).parents[3] / "shared" / "data"
SIZES = [300, 3000, 20_000]


def columns(n: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(n)
    return generator, generator.normal(size=n).astype(np.float32), generator.integers(0, 2, n)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("cut", [-1.5, 0.0, 1.2])
def test_one_cut_through_a_number_is_found(n: int, cut: float) -> None:
    _, values, _ = columns(n)
    assert foretold(values, (values > cut).astype(int)) > 0.9


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", ["number", "category"])
def test_missing_or_not_is_found(n: int, kind: str) -> None:
    generator, values, label = columns(n)
    if kind == "number":
        values[label == 1] = np.nan
        assert foretold(values, label) > LEAST_OF_CLASSES
    else:
        codes = np.where(label == 1, 1, generator.integers(2, 9, n))
        assert foretold(codes, label) > LEAST_OF_CLASSES


@pytest.mark.parametrize("n", [3000, 20_000])
def test_answers_changed_at_random_are_still_given_away(n: int) -> None:
    generator, _, label = columns(n)
    changed = np.where(generator.random(n) < 0.03, 1 - label, label)
    assert foretold(changed, label) > LEAST_OF_CLASSES
    number = (changed + generator.uniform(-0.4, 0.4, n)).astype(np.float32)
    assert foretold(number, label) > LEAST_OF_CLASSES


@pytest.mark.parametrize("n", [3000, 20_000])
def test_missing_or_not_is_found_where_it_is_not_quite_the_answer(n: int) -> None:
    generator, values, label = columns(n)
    values[np.where(generator.random(n) < 0.02, 1 - label, label) == 1] = np.nan
    assert foretold(values, label) > LEAST_OF_CLASSES


@pytest.mark.parametrize("n", [3000, 20_000])
def test_a_rare_class_is_given_away_too(n: int) -> None:
    generator, _, _ = columns(n)
    label = (generator.random(n) < 0.03).astype(int)
    known = np.where(generator.random(n) < 0.005, 1 - label, label)
    assert foretold(known, label) > LEAST_OF_CLASSES


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("scale", ["same", "other unit", "logarithm", "rounded", "noise"])
@pytest.mark.parametrize("spread", ["even", "long tail"])
def test_a_number_in_another_scale_is_found(n: int, scale: str, spread: str) -> None:
    generator, values, _ = columns(n)
    answers = values if spread == "even" else np.exp(1.2 * values)
    written = {
        "same": answers,
        "other unit": 32 - 1.8 * answers,
        "logarithm": np.log(answers - answers.min() + 1),
        "rounded": np.round(answers, 1),
        "noise": answers + 0.1 * answers.std() * generator.normal(size=n).astype(np.float32),
    }[scale]
    assert foretold(written.astype(np.float32), answers) > LEAST_OF_NUMBERS


@pytest.mark.parametrize("n", [20, *SIZES])
def test_a_column_that_has_nothing_to_do_with_the_answer_tells_nothing(n: int) -> None:
    generator, values, label = columns(n)
    assert foretold(values, label) < 0.3
    assert foretold(generator.integers(0, n, n), label) < 0.3
    assert foretold(values, generator.normal(size=n)) < 0.3


def report(path: Path, task: str, **more: Any) -> dict[str, Any]:
    job, component = load_job({"task": task, "data": {"path": str(path), **more.pop("data", {})}, **more})
    return prepare(job, component).report


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_honest_tables_have_no_leak(name: str, tmp_path: Path) -> None:
    data = getattr(sk, f"load_{name}")()
    answer = "number" if name == "diabetes" else "label"
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{i}" for i in range(data.data.shape[1])), answer])
        writer.writerows([*row, true] for row, true in zip(data.data, data.target, strict=True))
    task = "tabular-regression" if answer == "number" else "tabular-classification"
    assert report(tmp_path / "rows.csv", task)["leaks"] == []


@pytest.mark.parametrize("name", ["adult", "heart"])
def test_honest_tables_of_people_have_no_leak(name: str, tmp_path: Path) -> None:
    path = SHARED / {"adult": "adult/adult.csv", "heart": "heart/processed.cleveland.data"}[name]
    if not path.is_file():
        pytest.skip(f"the data is not here: {path}")
    table = tmp_path / "rows.csv"
    table.symlink_to(path)
    label = {"adult": "income-per-year", "heart": "target"}[name]
    assert report(table, "tabular-classification", data={"fields": {"label": label}})["leaks"] == []


def test_what_the_warning_advises_leaves_the_columns_out(tmp_path: Path) -> None:
    generator, values, label = columns(900)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "paid back: on", "sum", "label"])
        for x, one in zip(values, label, strict=True):
            writer.writerow([x, "" if one else f"2024-0{generator.integers(1, 9)}-11", one * 7 + 1 + x / 9, f"c{one}"])
    path = tmp_path / "rows.csv"
    found = report(path, "tabular-classification")
    assert [line.split("'")[1] for line in found["leaks"]] == ["paid back: on", "sum"]
    assert set(found["leaks"]) <= set(found["warnings"])
    setting = found["leaks"][0].split("leave it out with ")[1].strip("'")
    assert setting == 'inputs.table.kinds={"paid back: on": ignore, sum: ignore}'
    job, task = load_job({"task": "tabular-classification", "data": {"path": str(path)}}, [setting])
    without = prepare(job, task)
    assert without.report["leaks"] == []
    assert without.states["inputs"]["table"]["names"]["numbers"] == ["x"]
