"""Records a second by each engine and precision, for any run: torch and OpenVINO, float32 and bfloat16.

    python benchmarks/engines.py RUN DATA [--rounds 5] [--count 512]

DATA is what the run can answer: a table, a folder, a file of texts. Records are encoded once, and what is timed is the
network with what its answer does to the outputs. Engines take turns within a round; on a busy machine read the column
by CPU second.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from measuring import machine

from noria.errors import UserError
from noria.pipeline.encoder import gathered
from noria.pipeline.engine import distance
from noria.pipeline.predictor import Predictor, load
from noria.types import Dataset

SIDES = [(engine, precision) for precision in ("float32", "bfloat16") for engine in ("torch", "openvino")]


@dataclass
class Side:
    """One engine in one precision, with what it took."""

    name: str
    model: Predictor
    load_s: float
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    def run(self, records: Dataset) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.model.outputs(records)
        self.seconds.append(time.perf_counter() - wall)
        self.cpu_seconds.append(time.process_time() - cpu)


def main() -> None:
    """Load the run by every engine, time them in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=512)
    arguments = parser.parse_args()
    sides = [side for engine, precision in SIDES if (side := loaded(arguments.run, engine, precision))]
    first = sides[0].model
    whole, _ = gathered(first.task, first.encoded(arguments.data), str(arguments.data))
    records = whole.select(np.arange(min(len(whole), arguments.count)))
    print(machine(), f"{torch.get_num_threads()} threads, {len(records)} records, {arguments.rounds} rounds")
    for side in sides:  # once before anything is timed
        side.model.outputs(records)
    for _ in range(arguments.rounds):
        for side in sides:
            side.run(records)
    print("| | records a second, median (range) | a CPU second | network's outputs apart | loaded in |")
    print("|---|---|---|---|---|")
    some = records.batch(slice(0, 64)).inputs
    with torch.inference_mode():
        wanted = list(first.network(some).values())
        for side in sides:
            rates, cpu = ([len(records) / one for one in taken] for taken in (side.seconds, side.cpu_seconds))
            given = [one.float() for one in side.model.network(some).values()]
            apart = max(distance([one], [other]) for one, other in zip(given, wanted, strict=True))
            spread = f"{statistics.median(rates):.0f} ({min(rates):.0f}-{max(rates):.0f})"
            print(f"| {side.name} | {spread} | {statistics.median(cpu):.0f} | {apart:.1e} | {side.load_s:.1f} s |")


def loaded(run: Path, engine: str, precision: str) -> Side | None:
    """Return a side, None where the engine cannot run this model; it is said why."""
    start = time.perf_counter()
    try:
        model = load(run, "cpu", precision, engine)
    except UserError as error:
        print(f"{engine}, {precision}: {error}")
        return None
    return Side(f"{engine}, {precision}", model, time.perf_counter() - start)


if __name__ == "__main__":
    main()
