"""The same recommender under every protocol in use, simple models beside it; and how many answers it gives a second.

    python benchmarks/recommendation.py DATA [--protocols random last time lines] [--seeds 3] [--steps 600]
    python benchmarks/recommendation.py --speed

DATA is RecBole's ml-100k.inter, with .item and .user beside it. NDCG at ten over the whole catalogue without what was
seen, each user weighing the same; with intervals of 95 %, users drawn again. A seed is that of the division, where it
is drawn, and of the training. `--steps 0` leaves the network out: the linear model alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine

from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.modalities.items.modality import Items
from noria.reporter import Silent
from noria.stages.train import train
from noria.store.run_folder import read_json
from noria.targets.ranking.answering import ranked
from noria.targets.ranking.head import ScoresItems
from noria.types import Dataset, Tokens

PROTOCOLS: dict[str, dict[str, Any]] = {
    "random": {"within": "random", "test": 0.1, "validation": 0.1111112},
    "last": {"within": "last"},
    "time": {"within": "time"},
    "lines": {"within": "lines", "lines": 20_000},
}
ORDERED = ("last", "time")
SIZES = (1_682, 1_000_000)
HISTORY, WIDTH, SECONDS = 100, 64, 3.0


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--protocols", nargs="+", default=[*PROTOCOLS], choices=[*PROTOCOLS])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--speed", action="store_true")
    asked = parser.parse_args()
    print(machine())
    if asked.data is not None:
        print("| protocol | seed | n | model | popularity | simple models |\n|---|---|---|---|---|---|")
        for protocol in asked.protocols:
            for seed in range(asked.seeds):
                print(_row(asked.data, protocol, seed, asked.steps), flush=True)
    if asked.speed:
        for size in SIZES:
            print(_speed(size), flush=True)


def _row(data: Path, protocol: str, seed: int, steps: int) -> str:
    """Train on one division; return a row of the table."""
    task = "sequential-recommendation" if protocol in ORDERED else "top-recommendation"
    job = {
        "task": task,
        "data": {"path": str(data), "split": {**PROTOCOLS[protocol], "seed": seed}},
        "train": {"steps": steps, "seed": seed, "validations": 6, "precision": "float32"},
    }
    with tempfile.TemporaryDirectory() as folder:
        found = read_json(train(job, run=Path(folder) / "run", reporter=Silent()) / "metrics.json")
    first = next(iter(found["metrics"]))
    beside = ", ".join(f"{one['name']} {_number(one['metrics'][first])}" for one in found["rivals"]["models"])
    own, trivial = found["metrics"][first], found["baseline"][first]
    return f"| {protocol} | {seed} | {found['n']} | {_number(own)} | {_number(trivial)} | {beside} |"


def _number(score: dict[str, Any]) -> str:
    return f"{score['value']:.4f} [{score['low']:.4f}, {score['high']:.4f}]"


@torch.inference_mode()
def _speed(size: int) -> str:
    """Return how many histories a second get their ten of so many items, one at a time: exact, over all of them."""
    generator = np.random.default_rng(0)
    names = [str(place) for place in range(size)]
    state = fit_catalogue([names])
    head = ScoresItems(Catalogue(state), WIDTH, reads_last=True).eval()
    asked = [[names[place] for place in generator.integers(0, size, HISTORY)] for _ in range(8)]
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        arrays = Items().encode([asked[count % len(asked)]], state).arrays
        inputs = Dataset({"history": arrays}, {}).batch(slice(None)).inputs["history"]
        scores = head(Tokens(torch.randn(1, HISTORY + 1, WIDTH)))["scores"]
        ranked(scores, inputs, repeats=False)
        count += 1
    taken = time.perf_counter() - started
    return f"{size:,} items: {count / taken:.1f} answers a second on {torch.get_num_threads()} threads, one at a time"


if __name__ == "__main__":
    main()
