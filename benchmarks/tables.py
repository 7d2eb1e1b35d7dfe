"""Tables: Noria's defaults beside scikit-learn's gradient boosting, on the same rows, Adult and UCI heart.

    python benchmarks/tables.py [--adult CSV] [--heart CSV] [--rounds 3]

Adult: fresh random splits, 80 % training and 20 % test. Heart: 5 folds, repeated. Every contender is trained on the
same training rows; Noria sets a tenth of them aside for validation, scikit-learn uses all of them.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from measuring import DATA, machine
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.preprocessing import OrdinalEncoder

import noria
from noria.reporter import Silent

MISSING = ("", "?")


def main() -> None:
    """Run both sets and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adult", type=Path, default=DATA / "adult" / "adult.csv")
    parser.add_argument("--heart", type=Path, default=DATA / "heart" / "processed.cleveland.data")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine())
    header, rows = read(arguments.adult)
    size = len(rows)
    splits = []
    for seed in range(arguments.rounds):
        order = np.random.default_rng(1000 + seed).permutation(size)
        splits.append((order[size // 5 :], order[: size // 5]))
    compare("Adult", "adult", header, rows, header.index("income-per-year"), lambda v: v == ">50K", splits)
    header, rows = read(arguments.heart)
    folds = []
    for seed in range(arguments.rounds):
        order = np.random.default_rng(1000 + seed).permutation(len(rows))
        parts = np.array_split(order, 5)
        folds += [(np.concatenate([p for p in parts if p is not part]), part) for part in parts]
    compare("Heart", "heart", header, rows, header.index("target"), lambda v: v != "0", folds)


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = [row for row in csv.reader(file) if row]
    return header, rows


def compare(
    title: str,
    job: str,
    header: list[str],
    rows: list[list[str]],
    answer: int,
    is_positive: Callable[[str], bool],
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
) -> None:
    """Train and score every contender on every split, in turn; print means and spreads."""
    truth = np.array([is_positive(row[answer]) for row in rows], int)
    matrix = encoded(rows, answer)
    boosters = {
        "HistGradientBoosting": lambda: HistGradientBoostingClassifier(random_state=0),
        "GradientBoosting": lambda: GradientBoostingClassifier(random_state=0),
        "GradientBoosting, 300 x depth 4": lambda: GradientBoostingClassifier(
            n_estimators=300, max_depth=4, random_state=0
        ),
    }
    scores: dict[str, list[tuple[float, float, float]]] = {}
    for train, test in splits:
        start = time.perf_counter()
        chances = by_noria(job, header, rows, answer, train, test)
        scores.setdefault("Noria", []).append(scored(chances, truth[test], start))
        for name, make in boosters.items():
            start = time.perf_counter()
            model = make().fit(np.nan_to_num(matrix[train], nan=-1), truth[train])
            chances = model.predict_proba(np.nan_to_num(matrix[test], nan=-1))[:, 1]
            scores.setdefault(name, []).append(scored(chances, truth[test], start))
    print(f"\n{title}: {len(rows)} rows, {len(splits)} splits; mean (sd)\n")
    print("| | accuracy | AUC | seconds, median |\n|---|---|---|---|")
    for name, found in scores.items():
        accuracy, auc, seconds = zip(*found, strict=True)
        print(f"| {name} | {spread(accuracy)} | {spread(auc)} | {statistics.median(seconds):.1f} |", flush=True)


def by_noria(
    job: str, header: list[str], rows: list[list[str]], answer: int, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Return the chances of the positive class for the test rows, from a model trained by the shipped job."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        folder.mkdir()
        for name, chosen in (("train", train), ("test", test)):
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([header, *(rows[i] for i in chosen)])
        os.environ["NORIA_CACHE"] = scratch
        run = noria.train(job, [f"data.path={folder}", "evaluate.slices=[]"], Path(scratch) / "run", reporter=Silent())
        records = [
            {name: value for j, (name, value) in enumerate(zip(header, rows[i], strict=True)) if j != answer}
            for i in test
        ]
        found = noria.load(run).predict(records)
    positive = {"adult": ">50K", "heart": "ill"}[job]
    return np.array([one.details["probabilities"][positive] for one in found])


def encoded(rows: list[list[str]], answer: int) -> np.ndarray:
    """Return the columns as numbers: ordinal codes for words, NaN where missing."""
    columns = []
    for index in range(len(rows[0])):
        if index == answer:
            continue
        cells = [row[index].strip() for row in rows]
        try:
            columns.append([np.nan if cell in MISSING else float(cell) for cell in cells])
        except ValueError:
            columns.append(OrdinalEncoder().fit_transform(np.array(cells)[:, None])[:, 0].tolist())
    return np.array(columns).T


def scored(chances: np.ndarray, truth: np.ndarray, start: float) -> tuple[float, float, float]:
    """Return accuracy, AUC and the seconds since `start`."""
    seconds = time.perf_counter() - start
    return accuracy_score(truth, chances > 0.5), roc_auc_score(truth, chances), seconds


def spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation."""
    return f"{statistics.mean(values):.4f} ({statistics.stdev(values):.4f})"


if __name__ == "__main__":
    main()
