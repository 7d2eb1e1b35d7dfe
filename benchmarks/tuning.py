"""How much of the gap between a default job and the shipped, hand-set one a tuning closes, on test records.

    python benchmarks/tuning.py [--minutes 10] [--rounds 1] [--only sentiment_en ...]

The default job says no more than what the data is and what is asked of it. It is trained, tuned for so many minutes,
and the best job found is trained in turn; the shipped job is trained beside them. Tuning sees training and validation
records alone. Closed is (tuned - default) / (shipped - default), of the score on test; where the two ends lie within a
point of one another it says nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from measuring import DATA, NORIA, ROOT, machine, train

JOBS = ROOT / "src" / "noria" / "jobs"


@dataclass(frozen=True)
class Subject:
    """The data of a shipped job, and the settings of its input that say what the data is: the default job has them."""

    data: Path
    kept: tuple[str, ...] = ()


SUBJECTS = {
    "sentiment_en": Subject(DATA / "sentiment_en"),
    "sentiment_zh": Subject(DATA / "sentiment_zh" / "ChnSentiCorp_htl_all.csv"),
    "headlines_zh": Subject(DATA / "headlines_zh"),
    "hand_gestures": Subject(DATA / "hand_gestures" / "point_history.csv", ("channels", "length", "dimensions")),
    "skeleton_actions": Subject(
        DATA / "skeleton_actions" / "MSRAction3D.tar.gz", ("rows", "columns", "dimensions", "valid")
    ),
}
METRIC = "accuracy"


def main() -> None:
    """Train, tune and train again for each subject; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=["sentiment_en"])
    arguments = parser.parse_args()
    print(machine(), flush=True)
    lines = [
        "| | default | tuned | shipped | closed | minutes: default, tuning, tuned, shipped |",
        "|---|---|---|---|---|---|",
    ]
    for name in arguments.only:
        rounds = [measured(name, seed, arguments.minutes) for seed in range(100, 100 + arguments.rounds)]
        lines.append(row(f"{name} ({METRIC})", rounds))
    print("\n".join(lines))


def measured(name: str, seed: int, minutes: float) -> dict[str, tuple[float, float]]:
    """Return score on test and seconds of the default job, the tuned and the shipped one; of tuning the seconds."""
    place = f"data.path={SUBJECTS[name].data}"
    with tempfile.TemporaryDirectory() as scratch:
        default = Path(scratch) / f"{name}.yaml"
        default.write_text(yaml.safe_dump(default_of(name)), "utf-8")
        found = {"default": scored(default, seed, place)}
        started = time.perf_counter()
        best = tuned(default, seed, minutes, place, Path(scratch))
        found["tuning"] = (0.0, time.perf_counter() - started)
        found["tuned"] = scored(best, seed)
    found["shipped"] = scored(JOBS / f"{name}.yaml", seed, place)
    for side, (score, seconds) in found.items():
        print(f"{name} {seed} {side:<8} {score:.4f} {seconds:7.1f} s", flush=True)
    return found


def default_of(name: str) -> dict[str, Any]:
    """Return a shipped job without what was chosen by hand; it holds out validation records where that one does not."""
    shipped: dict[str, Any] = yaml.safe_load((JOBS / f"{name}.yaml").read_text("utf-8"))
    data = shipped["data"]
    if "split" in data:
        data["split"] = {key: value for key, value in data["split"].items() if (key, value) != ("validation", 0)}
    kept = SUBJECTS[name].kept
    inputs = {field: {key: own[key] for key in kept if key in own} for field, own in shipped["inputs"].items()}
    target = {key: value for key, value in shipped.get("target", {}).items() if key == "class_groups"}
    return {"task": shipped["task"], "data": data, "inputs": inputs, "target": target}


def scored(job: Path, seed: int, *overrides: str) -> tuple[float, float]:
    """Return a job's score on test and how long it took from process start."""
    started = time.perf_counter()
    metrics: Any = train(job, seed, *overrides)["metrics"]
    return float(metrics[METRIC]["value"]), time.perf_counter() - started


def tuned(job: Path, seed: int, minutes: float, place: str, scratch: Path) -> Path:
    """Tune in a new process with an empty cache; print what it found; return the best job."""
    run = scratch / "tune"
    command = [*NORIA, "tune", str(job), f"train.seed={seed}", place, "--minutes", str(minutes), "--run", str(run)]
    environment = {**os.environ, "NORIA_CACHE": str(scratch / "cache")}
    done = subprocess.run([*command, "--json"], env=environment, check=True, capture_output=True, text=True)
    facts = json.loads(done.stdout)
    print({key: facts[key] for key in ("trials", "seconds", "best", "importance")}, flush=True)
    return run / "best.yaml"


def row(name: str, rounds: list[dict[str, tuple[float, float]]]) -> str:
    """Return the line of a subject: means over the rounds."""
    score = {side: statistics.mean(one[side][0] for one in rounds) for side in rounds[0]}
    minutes = [
        statistics.mean(one[side][1] for one in rounds) / 60 for side in ("default", "tuning", "tuned", "shipped")
    ]
    gap = score["shipped"] - score["default"]
    closed = f"{(score['tuned'] - score['default']) / gap:.0%}" if abs(gap) >= 0.01 else "no gap"
    cells = [f"{score[side]:.4f}" for side in ("default", "tuned", "shipped")]
    return " | ".join([f"| {name}", *cells, closed, ", ".join(f"{one:.1f}" for one in minutes) + " |"])


if __name__ == "__main__":
    main()
