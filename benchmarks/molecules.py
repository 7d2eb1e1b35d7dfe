"""Molecules: Noria beside a random forest, under every division in use: scaffolds two ways, and at random.

    OMP_NUM_THREADS=1 python benchmarks/molecules.py [--only esol_smiles bbbp tox21] [--seeds 3] [--ways largest_first]
        [--set train.epochs=60] [--runs build/molecules]

The forest is that which stands beside every score (training/rivals/forest.py): 200 trees on counts of substructures and
RDKit's descriptors, learnt from the same training records. `largest_first` divides as DeepChem does, 8:1:1, always the
same; `balanced` as chemprop does and `random` by a hash, each with the seed of the round. Prepared data and finished
runs are kept below --runs: only what is not there is trained.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

from measuring import DATA, ROOT, machine

FILES = {"esol_smiles": "delaney-processed.csv", "bbbp": "BBBP.csv", "tox21": "tox21.csv"}
WAYS = {
    "largest_first": ["data.split.by=scaffold"],
    "balanced": ["data.split.by=scaffold", "data.split.fill=balanced"],
    "random": ["data.split.by=null"],
}
FOREST = "random forest"


def main() -> None:
    """Train what is not there, print a row for each run and the mean over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", nargs="+", default=[], help="overrides of the jobs")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "molecules")
    arguments = parser.parse_args()
    os.environ.setdefault("NORIA_CACHE", str(arguments.runs / "cache"))
    print(machine(), flush=True)
    for name in arguments.only:
        for way in arguments.ways:
            found = []
            for seed in range(arguments.seeds):
                has_forest = way != "largest_first" or seed == 0  # it does not depend on the seed of the training
                metrics = scored(name, way, seed, arguments.set, arguments.runs, has_forest)
                found.append(metrics)
                print(f"{name:<12} {way:<14} seed {seed}  {row(metrics)}", flush=True)
            values = [first(one)["value"] for one in found]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            print(f"{name:<12} {way:<14} mean    {statistics.mean(values):.4f} ± {spread:.4f}", flush=True)


def scored(name: str, way: str, seed: int, overrides: list[str], runs: Path, has_forest: bool) -> dict[str, Any]:
    """Return what metrics.json holds of one training, which is done where it is not there."""
    import noria
    from noria.reporter import Silent

    run = runs / f"{name}-{way}-{seed}"
    if not (run / "metrics.json").is_file():
        path = DATA / "molecules" / FILES[name]
        own = [f"data.path={path}", f"train.seed={seed}", f"evaluate.rivals={str(has_forest).lower()}", *WAYS[way]]
        if way != "largest_first":
            own.append(f"data.split.seed={seed}")
        noria.train(name, [*own, *overrides], run, reporter=Silent())
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text("utf-8"))
    return found


def first(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the first score."""
    found: dict[str, Any] = next(iter(metrics["metrics"].values()))
    return found


def row(metrics: dict[str, Any]) -> str:
    """Return the first score with its interval, that of the forest beside it, n and seconds."""
    name, one = next(iter(metrics["metrics"].items()))
    models = {rival["name"]: rival for rival in (metrics.get("rivals") or {}).get("models", [])}
    said = f"{name} {one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}]"
    if FOREST in models:
        other = models[FOREST]["metrics"][name]
        said += f"  forest {other['value']:.4f} [{other['low']:.4f}, {other['high']:.4f}]"
    return f"{said}  n {metrics['n']}, {metrics['seconds'].get('train', 0):.0f} s"


if __name__ == "__main__":
    main()
