"""What the peers of benchmarks/tables.py share: a table read, each fold answered by a model of the others, a file.

    PEER.py TABLE.csv ANSWER label|number SEED OUT.json [MODEL] [--inner]

OUT.json: the CPU seconds of each fold and, by row of the table, `probabilities` of the `classes`, or `numbers`. With
--inner the rows of fold 0 are left out altogether: for choosing settings without them.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLD, MISSING = "fold", ("", "?")


@dataclass(frozen=True)
class Rows:
    """Some rows: numbers float[n, a], NaN where missing, words str[n, b], "" there, answers int[n] or float[n]."""

    numbers: np.ndarray
    words: np.ndarray
    answers: np.ndarray

    def __getitem__(self, which: np.ndarray) -> Rows:
        return Rows(self.numbers[which], self.words[which], self.answers[which])


# Training rows, rows to answer, whether the answer is a class, seed -> float[n, classes] or float[n].
Peer = Callable[[Rows, Rows, bool, int], np.ndarray]


def answer_folds(peers: dict[str, Peer]) -> None:
    """Do what the command line asks of one of the peers."""
    words = [one for one in sys.argv[1:] if one != "--inner"]
    path, answer, kind, seed, out = words[:5]
    peer = peers[words[5]] if len(words) > 5 else next(iter(peers.values()))
    rows, classes, fold = read(Path(path), answer, is_label=kind == "label")
    asked = sorted(set(fold.tolist()) - ({0} if "--inner" in sys.argv else set()))
    found, seconds = np.full((len(fold), max(1, len(classes))), np.nan), []
    for one in asked:
        start = time.process_time()
        train, test = np.isin(fold, asked) & (fold != one), fold == one
        found[test] = peer(rows[train], rows[test], kind == "label", int(seed)).reshape(int(test.sum()), -1)
        seconds.append(round(time.process_time() - start, 3))
    what = {"classes": classes, "probabilities": found.tolist()} if classes else {"numbers": found[:, 0].tolist()}
    Path(out).write_text(json.dumps({"seconds": seconds, **what}), "utf-8")


def read(path: Path, answer: str, is_label: bool) -> tuple[Rows, list[str], np.ndarray]:
    """Return the rows, the classes in their order (none of a number), and the fold of each row."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *cells = csv.reader(file)
    columns = dict(zip(header, np.array(cells).T, strict=True))
    fold, answers = columns.pop(FOLD).astype(int), columns.pop(answer)
    numbers = {name: column for name, column in columns.items() if _are_numbers(column)}
    words = [np.where(np.isin(column, MISSING), "", column) for name, column in columns.items() if name not in numbers]
    known = [np.where(np.isin(column, MISSING), "nan", column).astype(float) for column in numbers.values()]
    empty = np.empty((len(fold), 0))
    classes = sorted(set(answers.tolist())) if is_label else []
    return (
        Rows(
            np.stack(known, 1) if known else empty,
            np.stack(words, 1) if words else empty.astype(str),
            np.searchsorted(classes, answers) if is_label else answers.astype(float),
        ),
        classes,
        fold,
    )


def _are_numbers(column: np.ndarray) -> bool:
    try:
        np.where(np.isin(column, MISSING), "nan", column).astype(float)
    except ValueError:
        return False
    return True
