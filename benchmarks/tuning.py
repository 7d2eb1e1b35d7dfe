"""How much of the gap between a default job and the shipped, hand-set one a tuning closes, on test records.

    python benchmarks/tuning.py [--minutes 10] [--rounds 1] [--only sentiment_en ...]

The default job says no more than where the data is. It is trained, tuned for so many minutes, and the best job found is
trained in turn; the shipped job is trained beside them. Tuning sees training and validation records alone. Closed is
(tuned - default) / (shipped - default), of the score on test; where the two ends lie within a point of one another it
says nothing.
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
    """A shipped job, its data, the metric of the comparison, and what a job has to say to be the default one."""

    data: Path
    metric: str
    default: dict[str, Any]


SUBJECTS = {
    "sentiment_en": Subject(
        DATA / "sentiment_en",
        "accuracy",
        {"task": "text-classification", "data": {"columns": ["text", "label"]}},
    ),
    "sentiment_zh": Subject(
        DATA / "sentiment_zh" / "ChnSentiCorp_htl_all.csv",
        "accuracy",
        {"task": "text-classification", "data": {"fields": {"text": "review"}}},
    ),
    "heart": Subject(
        DATA / "heart" / "processed.cleveland.csv",
        "auc",
        {
            "task": "tabular-classification",
            "data": {"fields": {"label": "target"}, "split": {"test": 0.2}},
            "target": {"class_groups": {"healthy": [0], "ill": [1, 2, 3, 4]}},
        },
    ),
}


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
        lines.append(row(f"{name} ({SUBJECTS[name].metric})", rounds))
    print("\n".join(lines))


def measured(name: str, seed: int, minutes: float) -> dict[str, tuple[float, float]]:
    """Return score on test and seconds of the default job, the tuned and the shipped one; of tuning the seconds."""
    subject = SUBJECTS[name]
    with tempfile.TemporaryDirectory() as scratch:
        default = Path(scratch) / f"{name}.yaml"
        default.write_text(yaml.safe_dump(subject.default), "utf-8")
        place = f"data.path={subject.data}"
        found = {"default": scored(default, seed, subject.metric, place)}
        started = time.perf_counter()
        best = tuned(default, seed, minutes, place, Path(scratch))
        found["tuning"] = (0.0, time.perf_counter() - started)
        found["tuned"] = scored(best, seed, subject.metric)
    found["shipped"] = scored(JOBS / f"{name}.yaml", seed, subject.metric, place)
    for side, (score, seconds) in found.items():
        print(f"{name} {seed} {side:<8} {score:.4f} {seconds:7.1f} s", flush=True)
    return found


def scored(job: Path, seed: int, metric: str, *overrides: str) -> tuple[float, float]:
    """Return a job's score on test and how long it took from process start."""
    started = time.perf_counter()
    metrics: Any = train(job, seed, *overrides)["metrics"]
    return float(metrics[metric]["value"]), time.perf_counter() - started


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
