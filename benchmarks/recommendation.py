"""The same recommender under every protocol in use, simple models beside it; and how many answers it gives a second.

    python benchmarks/recommendation.py DATA [--protocols random last time lines] [--seeds 3] [--steps 600]
    python benchmarks/recommendation.py --speed [--implicit PYTHON]

DATA is RecBole's ml-100k.inter, with .item and .user beside it. NDCG at ten over the whole catalogue without what was
seen, each user weighing the same; with intervals of 95 %, users drawn again. A seed is that of the division, where it
is drawn, and of the training. `--steps 0` leaves the network out: the linear model alone. `--implicit` names a Python
that has the package of that name, which then searches catalogues of the same size; one thread each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import machine

from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.modalities.items.modality import Items
from noria.modalities.items.vectors import summed_vectors, unit
from noria.reporter import Silent
from noria.stages.train import train
from noria.store.run_folder import read_json
from noria.targets.neighbours.nearest_items import nearest_items
from noria.targets.ranking.answering import ranked
from noria.targets.ranking.head import ScoresItems
from noria.types import Arrays, Dataset, Tokens

PROTOCOLS: dict[str, dict[str, Any]] = {
    "random": {"within": "random", "test": 0.1, "validation": 0.1111112},
    "last": {"within": "last"},
    "time": {"within": "time"},
    "lines": {"within": "lines", "lines": 20_000},
}
ORDERED = ("last", "time")
SIZES = (1_682, 1_000_000)
HISTORY, WIDTH, SECONDS = 100, 64, 3.0
AT_ONCE = (1, 64)
PEER = str(Path(__file__).with_name("peers") / "top_ten.py")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--protocols", nargs="+", default=[*PROTOCOLS], choices=[*PROTOCOLS])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--implicit", metavar="PYTHON")
    asked = parser.parse_args()
    print(machine())
    if asked.data is not None:
        print("| protocol | seed | n | model | popularity | simple models |\n|---|---|---|---|---|---|")
        for protocol in asked.protocols:
            for seed in range(asked.seeds):
                print(_row(asked.data, protocol, seed, asked.steps), flush=True)
    if asked.speed:
        torch.set_num_threads(1)
        print("| items | histories at once | answers a second |\n|---|---|---|")
        for size in SIZES:
            print(_speed(size, asked.implicit), flush=True)


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
def _speed(size: int, peer: str | None) -> str:
    """Return how many histories a second get their ten of so many items: exact, over all of them, without what is seen.

    A ranking scores all items by its head; neighbours are searched by blocks, which bounds memory.
    """
    generator = np.random.default_rng(0)
    names = [str(place) for place in range(size)]
    state = fit_catalogue([names])
    head = ScoresItems(Catalogue(state), WIDTH, reads_last=True).eval()
    vectors = unit(generator.normal(size=(size, WIDTH)))
    asked = [[names[place] for place in generator.integers(0, size, HISTORY)] for _ in range(max(AT_ONCE))]
    lines = []
    for count in AT_ONCE:

        def encoded(count: int = count) -> Arrays:
            return Items().encode(asked[:count], state).arrays

        def by_head(count: int = count) -> None:
            inputs = Dataset({"history": encoded()}, {}).batch(slice(None)).inputs["history"]
            scores = head(Tokens(torch.randn(count, HISTORY + 1, WIDTH)))["scores"]
            ranked(scores, inputs, repeats=False)

        def by_blocks() -> None:
            arrays = encoded()
            nearest_items(vectors, summed_vectors(vectors, arrays["items"]), arrays)

        told = [f"ranking {_each_second(by_head, count):,.1f}", f"neighbours {_each_second(by_blocks, count):,.1f}"]
        if peer is not None:
            given = [peer, PEER, *map(str, (size, WIDTH, HISTORY, count, SECONDS))]
            found = subprocess.run(given, capture_output=True, text=True, check=True, env={**os.environ, **ONE_THREAD})
            told.append(f"implicit {float(found.stdout.split()[-1]):,.1f}")
        lines.append(f"| {size:,} | {count} | {' | '.join(told)} |")
    return "\n".join(lines)


def _each_second(answer: Callable[[], None], count: int) -> float:
    answer()
    rounds, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        answer()
        rounds += 1
    return rounds * count / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
