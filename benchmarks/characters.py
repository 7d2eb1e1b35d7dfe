"""Tiny Shakespeare by characters: GPT-2 at nanoGPT's CPU size with the Trainer of transformers, and Noria beside it.

    python benchmarks/characters.py [--rounds 3] [--data input.txt]

The last tenth of the text is test, as nanoGPT divides it; the loss is that of all of it: on the Trainer's side in
blocks side by side, on Noria's in windows that overlap by half. Noria gets the wall time that the Trainer took in the
same round, process start to end, and in a second run four minutes. Its settings were chosen on the last part of the
training text, held out; for the scores here that is learnt from, too. The `pretrained` extra brings the Trainer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml
from measuring import DATA, ROOT, Contender, interleave, machine, table, train

JOB = ROOT / "src" / "noria" / "jobs" / "shakespeare.yaml"
LONG_SECONDS = 240.0
LONG = ("train.weight_decay=0.1",)  # what is seen seven times is learnt by heart otherwise


def main() -> None:
    """Run all sides in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA / "shakespeare" / "input.txt")
    parser.add_argument("--without-trainer", type=float, metavar="SECONDS", help="while working on Noria's side")
    arguments = parser.parse_args()
    path, seconds = arguments.data.resolve(), [arguments.without_trainer or 0.0]

    def trainer(seed: int) -> float:
        start = time.perf_counter()
        script = ROOT / "benchmarks" / "peers" / "gpt2_trainer.py"
        done = subprocess.run(
            [sys.executable, str(script), str(path), str(seed)], check=True, capture_output=True, text=True
        )
        seconds[0] = time.perf_counter() - start
        speed, loss = (float(line.split()[1]) for line in done.stdout.splitlines()[-2:])
        print(f"Trainer: {speed:,.0f} tokens a second", flush=True)
        return loss

    spare = overhead(path)
    print(machine())
    print(f"Noria needs {spare:.1f} s besides training")
    contenders = [] if arguments.without_trainer else [Contender("Trainer, GPT-2, 2,000 steps", trainer)]
    contenders += [
        Contender("Noria, the same wall time", lambda seed: noria(path, seed, seconds[0] - spare)),
        Contender("Noria, 4 minutes", lambda seed: noria(path, seed, LONG_SECONDS - spare, *LONG)),
    ]
    interleave(contenders, arguments.rounds)
    print(table(contenders, "test loss, nats a character"))


def noria(path: Path, seed: int, seconds: float, *settings: str) -> float:
    """Train Noria's job for so many seconds and return its test loss."""
    found = train(JOB, seed, f"data.path={path}", f"train.minutes={seconds / 60}", *settings)
    plan, window = found["plan"], yaml.safe_load(JOB.read_text("utf-8"))["target"]["window"]
    speed = plan["steps"] * plan["records_per_step"] * window / found["seconds"]["train"]  # type: ignore[index]
    print(f"Noria: {speed:,.0f} tokens a second", flush=True)
    return float(found["metrics"]["loss"]["value"])  # type: ignore[index]


def overhead(path: Path) -> float:
    """Return the seconds of a whole run but for its training steps: start, preparation, plan, scores, report."""
    start = time.perf_counter()
    train(JOB, 0, f"data.path={path}", "train.steps=1", "train.minutes=null")
    return time.perf_counter() - start


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    main()
