"""Public tables as CSV files with a column of fixed folds, the same for every contender of benchmarks/tables.py.

    python benchmarks/public_tables.py FOLDER

Writes FOLDER/NAME.csv, NAME.1.csv, ... (the same rows, folded anew; more often where there are few) and index.json: by
name the files, the answer's column, its kind (label or number) and the column of folds. public_tables.yaml lists them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from measuring import DATA, environment
from sklearn import datasets

FOLDS, FOLD = 5, "fold"
PACKAGES = ["ISLP==0.6.0", "statsmodels==0.15.0"]
REPEATS = {600: 3, 1200: 2}  # divisions into folds of tables with fewer rows than that; one of the others
FEWEST_ANSWERS = 10  # answers of a student before the one that is asked about


def main() -> None:
    """Write every table and the index."""
    folder = Path(sys.argv[1])
    index = write_tables(folder)
    for name, one in index.items():
        print(f"{name:<16} {one['rows']:>6,} rows, {one['columns']:>3} columns, {one['kind']}, {len(one['files'])} x")


def write_tables(folder: Path) -> dict[str, dict[str, Any]]:
    """Write the tables that are not there yet; return the index."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.json"
    if path.exists():
        found: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
        return found
    listed = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    index = {name: _write(folder, name, described) for name, described in listed.items()}
    path.write_text(json.dumps(index, indent=1), "utf-8")
    return index


def _write(folder: Path, name: str, described: dict[str, Any]) -> dict[str, Any]:
    answer, kind = described["answer"], described.get("kind", "label")
    frame = read(described)
    frame = frame[frame[answer].notna()].drop(columns=described.get("drop", []))
    if "over" in described:
        frame[answer] = np.where(frame[answer].astype(float) > described["over"], "yes", "no")
    if described.get("rows", len(frame)) < len(frame):
        frame = frame.sample(described["rows"], random_state=0).sort_index()
    together = units(frame, described)
    frame = frame.drop(columns=[described["group"]] if "group" in described else [])
    files = []
    for repeat in range(next((times for rows, times in REPEATS.items() if len(frame) < rows), 1)):
        files.append(f"{name}.csv" if repeat == 0 else f"{name}.{repeat}.csv")
        strata = frame[answer].to_numpy() if kind == "label" else np.zeros(len(frame))
        frame.assign(**{FOLD: folds(together, strata, repeat)}).to_csv(folder / files[-1], index=False)
    return {
        "files": files, "answer": answer, "kind": kind, "folds": FOLD, "rows": len(frame), "columns": frame.shape[1] - 1
    }  # fmt: skip


def read(described: dict[str, Any]) -> pd.DataFrame:
    """Return a table of the list as it stands in its package or folder; `?` and empty cells are missing."""
    place, name = described["file"].split("/", 1)
    if place == "sklearn":
        more = {"scaled": False} if name == "diabetes" else {}
        return getattr(datasets, f"load_{name}")(as_frame=True, **more).frame
    if place == "made":
        return {"students": students, "movielens": movielens}[name]()
    options = {"sep": described.get("separator", ","), "quotechar": described.get("quote", '"'), "na_values": ["?"]}
    if described.get("has_no_header"):
        frame = pd.read_csv(DATA / name, header=None, **options)
        return frame.rename(columns=lambda number: f"c{number}")
    if place == "data":
        return pd.read_csv(DATA / name, skipinitialspace=True, **options)
    python = environment("table_data", [], PACKAGES)
    return pd.read_csv(next((python.parents[1] / "lib").glob("python*/site-packages")) / place / name, **options)


def students() -> pd.DataFrame:
    """Return a row a student: will the next answer be right, from the answers before it.

    The release repeats the answers to questions of several skills, once a skill. So only an answer of the skill of the
    one before it is asked about: it is no copy of it.
    """
    generator, rows = np.random.default_rng(0), []
    for name in ("builder_train.csv", "builder_test.csv"):
        lines = (DATA / "students" / name).read_text("utf-8").split()
        for skills, answers in zip(lines[1::3], lines[2::3], strict=True):
            skill = np.array([one for one in skills.split(",") if one])
            right = np.array([float(one) for one in answers.split(",") if one])
            asked = FEWEST_ANSWERS + np.flatnonzero(skill[FEWEST_ANSWERS:] == skill[FEWEST_ANSWERS - 1 : -1])
            if len(asked):
                at = int(generator.choice(asked))
                rows.append(_history(skill[:at], right[:at], skill[at]) | {"is_right": "yes" if right[at] else "no"})
    return pd.DataFrame(rows)


def _history(skills: np.ndarray, right: np.ndarray, skill: str) -> dict[str, Any]:
    own = right[skills == skill]
    return {
        "skill": f"s{skill}", "answers": len(right), "right": right.mean(), "right_of_last_10": right[-10:].mean(),
        "answers_of_skill": len(own), "right_of_skill": own.mean(), "right_of_last_3_of_skill": own[-3:].mean(),
        "last_is_right": right[-1], "skills": len(set(skills)),
    }  # fmt: skip


def movielens() -> pd.DataFrame:
    """Return a row a rating, from who gave it and what kind of film it is; folds divide the people."""
    tables = [pd.read_csv(DATA / "movielens" / f"ml-100k.{part}", sep="\t") for part in ("inter", "user", "item")]
    for table in tables:
        table.columns = [name.split(":")[0] for name in table.columns]
    ratings, users, items = tables
    genres = items["class"].str.get_dummies(" ")
    items["release_year"] = pd.to_numeric(items["release_year"], errors="coerce")  # of "... (V) (1996)" it is V
    items = pd.concat([items[["item_id", "release_year"]], genres], axis=1)
    frame = ratings.merge(users, on="user_id").merge(items, on="item_id")
    return frame.drop(columns=["item_id", "timestamp", "zip_code"])


def units(frame: pd.DataFrame, described: dict[str, Any]) -> np.ndarray:
    """Return int[n], equal for rows that stay in one fold."""
    if "group" in described:
        return np.unique(frame[described["group"]], return_inverse=True)[1]
    return np.arange(len(frame)) // described.get("block", 1)


def folds(together: np.ndarray, strata: np.ndarray, seed: int) -> np.ndarray:
    """Return int[n], the fold of each row: units shuffled, then dealt out in the order of their first row's stratum."""
    first = np.unique(together, return_index=True)[1]
    order = np.random.default_rng(seed).permutation(len(first))
    order = order[np.argsort(strata[first][order].astype(str), kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    return fold[together]


if __name__ == "__main__":
    main()
