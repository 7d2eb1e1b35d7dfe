"""What the vector of a history gives away of who it is: how well a ridge classifier tells users' attributes by it."""

from __future__ import annotations

import numpy as np

from noria.modalities.items.catalogue import USER, Catalogue
from noria.types import Panel, Ragged

FOLDS, STRENGTH = 5, 1.0
LEAST = 50  # histories of known users, below which nothing is said
GROUPS = 4  # that the numbers of a column are cut into, as many users in each


def given_away(catalogue: Catalogue, vectors: np.ndarray, users: Ragged) -> Panel | None:
    """Return by column of users how often it is told right by vectors of others, five folds; None where none is known.

    vectors float[n, D]; users: the codes of each one's attributes.
    """
    names = catalogue.attributes(USER)
    rows = []
    for column in sorted({name.partition("=")[0] for name in names}):
        values = {code: name.partition("=")[2] for code, name in enumerate(names) if name.startswith(f"{column}=")}
        own = [next((values[int(code)] for code in users[i] if int(code) in values), None) for i in range(len(users))]
        known = np.array([index for index, value in enumerate(own) if value is not None], np.int64)
        classes = _classes([value for value in own if value is not None])
        if len(known) >= LEAST and len(np.unique(classes)) > 1:
            told = _told(vectors[known], classes)
            right, usual = (told == classes), np.bincount(classes).max() / len(classes)
            spread = 1.96 * right.std() / np.sqrt(len(right))
            between = f"{right.mean() - spread:.3f}, {right.mean() + spread:.3f}"
            rows.append([column, len(known), len(np.unique(classes)), round(float(right.mean()), 4), between,
                         round(float(usual), 4)])  # fmt: skip
    if not rows:
        return None
    columns = ["of the user", "users", "groups", "told right", "95 % interval", "by the largest group alone"]
    note = (
        "A ridge classifier reads the vectors of four fifths of these users and tells the others' attribute. What it "
        "tells better than the largest group would, whoever has the vectors knows of people who never said it."
    )
    return Panel("table", "What vectors give away of users", {"columns": columns, "rows": rows}, note)


def _classes(values: list[str]) -> np.ndarray:
    """Return int[n], a class for each value; numbers are cut into groups."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return np.asarray(np.unique(np.array(values), return_inverse=True)[1])
    cuts = np.unique(np.quantile(numbers, np.arange(1, GROUPS) / GROUPS)) if len(numbers) else numbers
    return np.asarray(np.searchsorted(cuts, numbers, "right"))


def _told(vectors: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return int[n], the class that is told of each by those of the other folds."""
    fold = np.random.default_rng(0).permutation(len(classes)) % FOLDS
    inputs = np.concatenate([vectors, np.ones((len(vectors), 1))], 1).astype(np.float64)
    wanted = np.eye(int(classes.max()) + 1)[classes]
    told = np.zeros(len(classes), np.int64)
    for number in range(FOLDS):
        own = fold == number
        there = inputs[~own].T @ inputs[~own] + STRENGTH * np.eye(inputs.shape[1])
        told[own] = (inputs[own] @ np.linalg.solve(there, inputs[~own].T @ wanted[~own])).argmax(1)
    return told
