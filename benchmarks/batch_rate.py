"""Rows a second and peak memory of a batch, beside `noria predict` on the same input.

    python benchmarks/batch_rate.py RUN INPUT [--rounds 3]

Both write lines of JSON, each round in processes of their own and in turn; memory is the peak of the largest process.
The time of a batch is that of its shards, from the first to the last, and with it that of the output.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import machine

MEASURED = """
import json, resource, sys, time
from pathlib import Path
from noria.reporter import Silent
side, run, data, out = sys.argv[1:]
if side == "predict":
    from noria.pipeline import predictor
    from noria.stages import predict
    model = predictor.load(run)
    predict.load = lambda *_, **__: model
    start = time.monotonic()
    predict.predict_to(Path(run), [data], Path(out), reporter=Silent())
else:
    from noria import batch
    from noria.batch import worker
    job, _ = batch.submit(run, data, out, reporter=Silent())
    model = worker.loaded(job)
    worker.loaded = lambda _: model
    start = time.monotonic()
    worker.Worker(batch.batch_database(), "one", job.id).run()
spent = time.monotonic() - start
print(json.dumps([spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def main() -> None:
    """Measure both sides in turn; print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("input")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    found: dict[str, list[list[float]]] = {"predict": [], "batch": []}
    rows = 0
    for _ in range(asked.rounds):
        for side, rounds in found.items():
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "out.jsonl"
                words = [sys.executable, "-c", MEASURED, side, asked.run, asked.input, str(out)]
                home = {**os.environ, "NORIA_HOME": folder}
                said = subprocess.run(words, env=home, check=True, capture_output=True, text=True).stdout
                rounds.append(json.loads(said))
                rows = sum(1 for _ in out.open("rb"))
    for side, rounds in found.items():
        seconds, megabytes = (statistics.median(one[i] for one in rounds) for i in (0, 1))
        print(f"{side}: {rows / seconds:,.0f} rows/s, {megabytes:,.0f} MB at most, of {len(rounds)} rounds")
    print(machine())


if __name__ == "__main__":
    main()
