"""Public tables: Noria's defaults beside linear models, boosted trees, CatBoost, LightGBM and TabM, on the same folds.

    OMP_NUM_THREADS=1 python benchmarks/tables.py [--cache build/tables] [--tables heart esol] [--only noria catboost]
        [--set train.ema=0.99 --name noria-ema] [--inner]

Answers are kept in the cache by contender and table, and only what is not there is trained: peers once, each in an
environment of its own. Noria is trained with a tenth of the training rows set aside for validation. For choosing
settings, --inner leaves the rows of fold 0 out and works on the other four. public_tables.py says what the tables are,
table_scores.py how they are scored. Seconds are those of the processor.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import ROOT, environment, machine
from public_tables import FOLDS, write_tables
from table_scores import OURS, report

import noria
from noria.reporter import Silent

BOOSTING: tuple[str, list[str], list[str]] = (
    "boosting",
    ["catboost==1.2.10", "lightgbm==4.7.0", "scikit-learn==1.9.1"],
    [],
)
TABM = ("tabm", ["torch==2.13.0", "scikit-learn==1.9.1"], ["tabm==0.0.3", "rtdl_num_embeddings==0.0.12"])
PEERS = {
    "linear": ("table_models.py", BOOSTING),
    "hist_gradient_boosting": ("table_models.py", BOOSTING),
    "extra_trees": ("table_models.py", BOOSTING),
    "lightgbm": ("table_models.py", BOOSTING),
    "catboost": ("table_models.py", BOOSTING),
    "tabm": ("table_tabm.py", TABM),
}


def main() -> None:
    """Answer what is not answered yet, then print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "tables")
    parser.add_argument("--tables", nargs="+", help="names of public_tables.yaml; all of them otherwise")
    parser.add_argument("--only", nargs="+", choices=[OURS, *PEERS], default=[OURS, *PEERS])
    parser.add_argument("--set", nargs="+", default=[], help="overrides of Noria's job")
    parser.add_argument("--name", default=OURS, help="under which Noria's answers are kept")
    parser.add_argument("--again", action="store_true", help="train Noria although its answers are there")
    parser.add_argument("--inner", action="store_true", help="without fold 0")
    arguments = parser.parse_args()
    print(machine(), flush=True)
    tables, answers = arguments.cache / "tables", arguments.cache / ("inner" if arguments.inner else "outer")
    index = write_tables(tables)
    for title in arguments.tables or index:
        for seed, file in enumerate(index[title]["files"]):
            for name in arguments.only:
                folder = answers / (arguments.name if name == OURS else name)
                out = (folder / file).with_suffix(".json")
                if out.exists() and not (name == OURS and arguments.again):
                    continue
                folder.mkdir(parents=True, exist_ok=True)
                if name == OURS:
                    found = by_noria(tables / file, index[title], seed, arguments.set, arguments.inner)
                    out.write_text(json.dumps(found), "utf-8")
                else:
                    by_peer(name, tables / file, index[title], seed, out, arguments.inner)
                spent = sum(json.loads(out.read_text("utf-8"))["seconds"])
                print(f"{file:<24} {folder.name:<24} {spent:8.1f} s", flush=True)
    names = [arguments.name if name == OURS else name for name in arguments.only]
    print(report(tables, answers, names, arguments.name))


def by_peer(name: str, path: Path, described: dict[str, Any], seed: int, out: Path, is_inner: bool) -> None:
    """Let a peer answer every fold of a table."""
    script, needs = PEERS[name]
    unfinished = out.with_suffix(".unfinished")
    command = [environment(*needs), ROOT / "benchmarks" / "peers" / script, path, described["answer"]]
    command += [described["kind"], str(seed), unfinished, name, *(["--inner"] if is_inner else [])]
    subprocess.run(command, check=True)
    unfinished.rename(out)


def by_noria(path: Path, described: dict[str, Any], seed: int, overrides: list[str], is_inner: bool) -> dict[str, Any]:
    """Return Noria's answers to every fold of a table, in the form in which the peers write theirs."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    answer, fold = header.index(described["answer"]), header.index(described["folds"])
    classes = sorted({row[answer] for row in rows}) if described["kind"] == "label" else []
    found, seconds = np.full((len(rows), max(1, len(classes))), np.nan), []
    known = [row for row in rows if not (is_inner and row[fold] == "0")]
    for one in range(1 if is_inner else 0, FOLDS):
        start = time.process_time()
        model = trained(header, known, one, described, seed, overrides)
        test = np.flatnonzero([row[fold] == str(one) for row in rows])
        asked = [[cell for at, cell in enumerate(rows[index]) if at not in (answer, fold)] for index in test]
        names = [name for at, name in enumerate(header) if at not in (answer, fold)]
        given = model.predict([dict(zip(names, cells, strict=True)) for cells in asked])
        found[test] = [
            [prediction.details["probabilities"][name] for name in classes] if classes else [prediction.value]
            for prediction in given
        ]
        seconds.append(round(time.process_time() - start, 3))
    what = {"classes": classes, "probabilities": found.tolist()} if classes else {"numbers": found[:, 0].tolist()}
    return {"seconds": seconds, **what}


def trained(
    header: list[str], rows: list[list[str]], fold: int, described: dict[str, Any], seed: int, overrides: list[str]
) -> Any:
    """Return a model of the default job that did not learn from one fold."""
    kind = described["kind"]
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NORIA_CACHE"] = scratch
        path = Path(scratch) / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        job = {
            "task": "tabular-classification" if kind == "label" else "tabular-regression",
            "data": {
                "path": str(path),
                "fields": {kind: described["answer"]},
                "split": {"column": described["folds"], "values": {"test": [fold]}},
            },
            "train": {"seed": seed},
        }
        return noria.load(noria.train(job, overrides, Path(scratch) / "run", reporter=Silent()))


if __name__ == "__main__":
    main()
