"""Tiny Shakespeare by characters: GPT-2 at nanoGPT's CPU size with the Trainer of transformers, and Noria beside it.

    python benchmarks/characters.py [--rounds 3] [--data input.txt]
    python benchmarks/characters.py --speed      characters a second alone, both sides with the same shape of model

The last tenth of the text is test, as nanoGPT divides it; the loss is that of all of it: on the Trainer's side in
blocks side by side, on Noria's in windows that overlap by half. Noria gets the wall time that the Trainer took in the
same round, process start to end, and in a second run four minutes. Its settings were chosen on the last part of the
training text, held out; for the scores here that is learnt from, too. The `pretrained` extra brings the Trainer.

Speeds are those of training alone, without start and scores: of all steps for the Trainer, for Noria of those after the
first, which compiles where that is on and is printed beside.
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
TRAINER = ROOT / "benchmarks" / "peers" / "gpt2_trainer.py"
LONG_SECONDS = 240.0
SPEED_STEPS = 150
LONG = ("train.weight_decay=0.1",)  # what is seen seven times is learnt by heart otherwise


def main() -> None:
    """Run all sides in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA / "shakespeare" / "input.txt")
    parser.add_argument("--without-trainer", type=float, metavar="SECONDS", help="while working on Noria's side")
    parser.add_argument("--speed", action="store_true", help="seven minutes for three rounds")
    arguments = parser.parse_args()
    if arguments.speed:
        return speeds(arguments.data.resolve(), arguments.rounds)
    path, seconds = arguments.data.resolve(), [arguments.without_trainer or 0.0]

    def trainer(seed: int) -> float:
        start = time.perf_counter()
        speed, loss = trainer_of_transformers(path, seed)
        seconds[0] = time.perf_counter() - start
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


def speeds(path: Path, rounds: int) -> None:
    """Print a table of characters a second: 4 blocks of width 128, 4 heads, blocks of 64 characters, all sides."""

    def trainer(batch: int) -> Contender:
        name = f"Trainer, batches of {batch}"
        return Contender(name, lambda seed: trainer_of_transformers(path, seed, SPEED_STEPS, batch)[0])

    def noria(batch: int, is_compiled: bool) -> Contender:
        settings = ("model.heads=4", "target.window=64", f"train.batch_size={batch}", f"train.compile={is_compiled}")

        def run(seed: int) -> float:
            found = train(JOB, seed, f"data.path={path}", *settings, f"train.steps={SPEED_STEPS}", "train.minutes=null")
            first, last = found["times"][0], found["times"][-1]  # type: ignore[index]
            print(f"first step after {first['seconds']:.1f} s", flush=True)
            return float(batch * 64 * (last["step"] - first["step"]) / (last["seconds"] - first["seconds"]))

        return Contender(f"Noria, batches of {batch}{', compiled' * is_compiled}", run)

    print(machine())
    contenders = [one for batch in (12, 48) for one in (trainer(batch), noria(batch, False), noria(batch, True))]
    interleave(contenders, rounds)
    print(table(contenders, "characters a second"))


def trainer_of_transformers(path: Path, seed: int, steps: int = 2000, batch: int = 12) -> tuple[float, float]:
    """Train GPT-2 with the Trainer in a new process; return characters a second and test loss."""
    command = [sys.executable, str(TRAINER), str(path), str(seed), str(steps), str(batch)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    speed, loss = (float(line.split()[1]) for line in done.stdout.splitlines()[-2:])
    return speed, loss


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
