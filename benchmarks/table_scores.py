"""Scores of stored answers to public tables: a line a table, the mean rank, and Noria against the best of the others.

    python benchmarks/table_scores.py TABLES ANSWERS [--contenders noria linear catboost] [--ours noria] [--accuracy]

TABLES has index.json of public_tables.py; ANSWERS a folder a contender with a file a division into folds, as the peers
write them. All rows of a table are scored together, each answered by a model that did not learn from its fold; of a
table that was divided several times the mean. AUC of two classes, accuracy of more, RMSE of numbers.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

RESAMPLES, OURS = 400, "noria"


@dataclass(frozen=True)
class Truth:
    """The true answers of a table: int[n] or float[n]; its number of classes, 0 of a number; and what is scored."""

    answers: np.ndarray
    num_classes: int
    metric: str

    @property
    def is_error(self) -> bool:
        """Return whether the less is the better."""
        return self.metric == "RMSE"

    def score(self, divisions: np.ndarray, rows: np.ndarray) -> float:
        """Return the mean over divisions [k, n, classes or 1] of the score of some rows."""
        return float(np.mean([self._score(one[rows], self.answers[rows]) for one in divisions]))

    def _score(self, found: np.ndarray, true: np.ndarray) -> float:
        if self.is_error:
            return float(np.sqrt(np.mean((found[:, 0] - true) ** 2)))
        if self.metric == "accuracy":
            return float((found.argmax(1) == true).mean())
        positive = true == 1
        above = rankdata(found[:, 1])[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
        return float(above / (positive.sum() * (~positive).sum()))


@dataclass(frozen=True)
class Line:
    """One table, scored: by contender the score and the CPU seconds a fold."""

    title: str
    truth: Truth
    rows: np.ndarray  # those that every contender answered
    scores: Mapping[str, float]
    seconds: Mapping[str, float]
    gap: str

    def ranks(self) -> dict[str, float]:
        """Return by contender its rank, 1 the best."""
        order = rankdata([score if self.truth.is_error else -score for score in self.scores.values()])
        return dict(zip(self.scores, order.tolist(), strict=True))


def main() -> None:
    """Print what is stored."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--contenders", nargs="+")
    parser.add_argument("--ours", default=OURS)
    parser.add_argument("--accuracy", action="store_true", help="of two classes too, in the place of AUC")
    one = parser.parse_args()
    names = one.contenders or sorted(path.name for path in one.answers.iterdir())
    print(report(one.tables, one.answers, names, one.ours, one.accuracy))


def report(tables: Path, answers: Path, names: Sequence[str], ours: str = OURS, is_accuracy: bool = False) -> str:
    """Return a table of the contenders in Markdown; ranks are over the tables that all of them answered."""
    index = json.loads((tables / "index.json").read_text("utf-8"))
    scored = [line(tables, answers, title, one, names, ours, is_accuracy) for title, one in index.items()]
    found = [one for one in scored if one is not None]
    lines = [f"| table | rows | score | {' | '.join(names)} | {ours} less the best other (95 %) |"]
    lines.append("|---" * (len(names) + 4) + "|")
    for one in found:
        cells = " | ".join(f"{one.scores[name]:.4g}" if name in one.scores else "" for name in names)
        lines.append(f"| {one.title} | {len(one.rows):,} | {one.truth.metric} | {cells} | {one.gap} |")
    ranks = [one.ranks() for one in found if len(one.scores) == len(names)]
    means = {name: float(np.mean([one[name] for one in ranks])) for name in names if ranks}
    lines.append(f"| mean rank | | {len(ranks)} tables | {_cells(means, names, '.2f')} | |")
    spent = {name: [one.seconds[name] for one in found if name in one.seconds] for name in names}
    means = {name: float(np.mean(seconds)) for name, seconds in spent.items() if seconds}
    lines.append(f"| CPU seconds a fold, mean | | | {_cells(means, names, '.1f')} | |")
    return "\n".join(lines)


def line(
    tables: Path,
    answers: Path,
    title: str,
    described: Mapping[str, Any],
    names: Sequence[str],
    ours: str,
    is_accuracy: bool,
) -> Line | None:
    """Return the scores of a table by those that answered it, in the divisions that all of them have; None without."""
    files = [Path(file).with_suffix(".json") for file in described["files"]]
    known = {name: [file for file in files if (answers / name / file).exists()] for name in names}
    there = {name: own for name, own in known.items() if own}
    common = [file for file in files if all(file in own for own in there.values())]
    if not there or not common:
        return None
    stored = {name: [json.loads((answers / name / file).read_text("utf-8")) for file in common] for name in there}
    found = {name: np.array([_predictions(one) for one in parts], float) for name, parts in stored.items()}
    truth = truth_of(tables, described, is_accuracy)
    rows = np.flatnonzero(np.all([~np.isnan(one).any(axis=(0, 2)) for one in found.values()], axis=0))
    scores = {name: truth.score(one, rows) for name, one in found.items()}
    seconds = {name: float(np.mean([one["seconds"] for one in parts])) for name, parts in stored.items()}
    return Line(title, truth, rows, scores, seconds, difference(truth, found, scores, rows, ours))


def truth_of(tables: Path, described: Mapping[str, Any], is_accuracy: bool) -> Truth:
    """Return the true answers of a table; its classes are in the order of their names, as the peers have them."""
    with (tables / described["files"][0]).open(encoding="utf-8", newline="") as file:
        answers = [row[described["answer"]] for row in csv.DictReader(file)]
    if described["kind"] == "number":
        return Truth(np.array(answers, float), 0, "RMSE")
    classes = sorted(set(answers))
    metric = "AUC" if len(classes) == 2 and not is_accuracy else "accuracy"
    return Truth(np.searchsorted(classes, answers), len(classes), metric)


def difference(
    truth: Truth, found: Mapping[str, np.ndarray], scores: Mapping[str, float], rows: np.ndarray, ours: str
) -> str:
    """Return by how much ours is above the best of the others, with a paired interval over the rows."""
    others = [name for name in scores if not name.startswith(OURS)]
    if ours not in scores or not others:
        return ""
    best = min(others, key=lambda name: scores[name] if truth.is_error else -scores[name])
    generator = np.random.default_rng(0)
    drawn = [generator.choice(rows, len(rows)) for _ in range(RESAMPLES)]
    whole = [one for one in drawn if truth.is_error or len(np.unique(truth.answers[one])) == truth.num_classes]
    gaps = [truth.score(found[ours], one) - truth.score(found[best], one) for one in whole]
    low, high = np.quantile(gaps, [0.025, 0.975])
    return f"{scores[ours] - scores[best]:+.3g} ({low:+.3g} to {high:+.3g}), {best}"


def _predictions(stored: Mapping[str, Any]) -> list[list[float]]:
    return stored["probabilities"] if "probabilities" in stored else [[one] for one in stored["numbers"]]


def _cells(values: Mapping[str, float], names: Sequence[str], form: str) -> str:
    return " | ".join(format(values[name], form) if name in values else "" for name in names)


if __name__ == "__main__":
    main()
