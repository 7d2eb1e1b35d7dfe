"""Make the golden bundle of a new task or variant, with inputs and the answers that the code of today gives to them.

    PYTHONPATH=src:tests python -m golden.make_golden                    every bundle that is missing
    PYTHONPATH=src:tests python -m golden.make_golden NAME               this one
    PYTHONPATH=src:tests python -m golden.make_golden --replace NAME     this one anew, the old one is deleted

The bundles of the first 18 tasks were written by Noria 0.1.0 in format 2, before its code was restructured: they stand
for the models that people have. Run this to add a task, never to make test_golden.py pass: where it fails, old models
are no longer read as they were. Where a name within an answer changes on purpose, edit that name in answers.json.

Trained for a few steps on records like the task's example (recipes.py). The kept inputs have a margin: noise of
3e-6 on every weight, far above what CPUs differ by, changes no answer.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from golden import bundles
from golden.recipes import Recipe, Records, recipe, wanted_names
from noria.contract import registry
from noria.job.load import merge
from noria.reporter import Silent
from noria.stages.train import train
from tiny_data import RECORDS, file_of, tiny_job

CANDIDATES = 16  # records of which those with a margin are kept
SEEN, UNSEEN = 0, 1  # seeds of the records that are learnt from and of those that are asked
STEPS, WIDTH = 60, 8
MARGIN, DRAWS = 3e-6, 4  # noise on the weights that no answer may depend on, and how often it is drawn


def make(name: str, work: Path) -> None:
    """Train in `work`, choose the inputs, write the folder of a bundle."""
    asked = recipe(name)
    run = train(_job(asked, work), run=work / "run", reporter=Silent())
    folder = work / "golden" / name
    folder.mkdir(parents=True)
    for file in ("config.json", "model.safetensors", "states.safetensors"):
        if (run / "bundle" / file).is_file():  # not every state has arrays
            shutil.copyfile(run / "bundle" / file, folder / file)
    records = _with_margin(folder, _inputs(asked), asked.stored, work)
    bundles.write(folder / "inputs.json", {"records": bundles.as_stored(records)})
    bundles.write(folder / "answers.json", {"predictions": bundles.answers(folder, records)})
    shutil.rmtree(bundles.FOLDER / name, ignore_errors=True)
    shutil.copytree(folder, bundles.FOLDER / name)


def _job(asked: Recipe, work: Path) -> dict[str, Any]:
    job = tiny_job(asked.task, work)
    tiny: dict[str, Any] = {"model": {"width": WIDTH}, "train": {"steps": STEPS}}
    job = merge(merge(job, tiny), asked.settings)
    if asked.records:
        _write_table(work / "data" / "records.csv", asked.draw(RECORDS, SEEN))
    return job


def _write_table(path: Path, records: Records) -> None:
    rows = [{name: value for field in record.values() for name, value in _cells(field)} for record in records]
    answer = next(name for name, value in records[0].items() if not isinstance(value, Mapping))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], answer])
        writer.writeheader()
        writer.writerows({**row, answer: record[answer]} for row, record in zip(rows, records, strict=True))


def _cells(value: Any) -> Any:
    return value.items() if isinstance(value, Mapping) else ()


def _inputs(asked: Recipe) -> Records:
    """Return records without answers, files as their bytes."""
    names = registry.task(asked.task).inputs
    return [
        {
            name: file_of(record[name]) if isinstance(record[name], np.ndarray | tuple) else record[name]
            for name in names
        }
        for record in asked.draw(CANDIDATES, UNSEEN)
    ]


def _with_margin(folder: Path, records: Records, count: int, work: Path) -> Records:
    """Return so many records whose answers do not depend on noise, those with answers of their own first."""
    given = bundles.answers(folder, records)
    moved = _moved(folder, records, work / "candidates")
    steady = [i for i in range(len(records)) if i not in moved]
    values = [json.dumps(given[i]["value"]) for i in steady]
    order = sorted(range(len(steady)), key=lambda place: values[:place].count(values[place]))
    chosen = [records[i] for i in sorted(steady[place] for place in order[:count])]
    if len(chosen) < count or _moved(folder, chosen, work / "chosen"):
        raise SystemExit(f"{folder.name}: only {len(steady)} of {len(records)} answers have a margin; train it longer")
    return chosen


def _moved(folder: Path, records: Records, work: Path) -> set[int]:
    """Return the records whose answers noise changes."""
    given = bundles.answers(folder, records)
    moved: set[int] = set()
    for seed in range(DRAWS):
        copy = bundles.copied(folder, work / str(seed))
        bundles.rewrite_weights(copy, lambda weights, seed=seed: bundles.noisy(weights, MARGIN, seed))
        pairs = enumerate(zip(given, bundles.answers(copy, records), strict=True))
        moved |= {index for index, pair in pairs if bundles.differences(*pair)}
    return moved


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a task, or TASK+VARIANT of recipes.py")
    parser.add_argument("--replace", action="append", default=[], metavar="NAME", help="make this one anew")
    asked = parser.parse_args()
    existing = set(bundles.golden_names())
    if kept := sorted(existing & set(asked.names) - set(asked.replace)):
        raise SystemExit(f"there is a golden bundle already: {', '.join(kept)}; old models must go on answering as it "
                         f"does. To delete it and make another: --replace {kept[0]}")  # fmt: skip
    names = [*asked.names, *asked.replace] or [name for name in wanted_names() if name not in existing]
    for name in dict.fromkeys(names):
        with tempfile.TemporaryDirectory() as work:
            make(name, Path(work))
        size = sum(file.stat().st_size for file in (bundles.FOLDER / name).iterdir())
        sys.stdout.write(f"{name}: {size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
