"""Variants of the trunk against the plain one at equal compute: each is trained for the same CPU seconds.

    OMP_NUM_THREADS=1 python benchmarks/variants.py [--rounds 2] [--out variants.json] [--tasks characters ...]

Seconds are those of the processor that training steps take, so that other work on the machine costs no variant more
than another: a short probe measures a step of each, and each gets the steps that fit into its task's budget. Scores are
those of the last weights on a validation split held out from training; the test splits are never read. Learning rates
and all else are those of the plain trunk. Rounds are interleaved, each with a fresh seed for all variants.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import DATA, machine

from noria.stages.train import train

PROBES, PROBE_STEPS, WARM_STEPS = 2, 20, 4


@dataclass(frozen=True)
class Setting:
    """One task: a job, the budget of a training in CPU seconds, the metric, and what is its own in each variant."""

    job: dict[str, Any]
    seconds: float
    metric: str
    variants: dict[str, tuple[str, ...]]


class Stopwatch:
    """A reporter that says nothing and notes the processor's seconds at the end of each step."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def say(self, text: str) -> None:
        """Say nothing."""

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Stopwatch]:
        """Start anew: training is the last thing of which progress is told before the scores."""
        self.started = time.monotonic()
        if title == "training":
            self.at = [time.process_time()]
        yield self

    def advance(self, done: int, loss: float | None = None, score: float | None = None) -> None:
        """Note the time after a step."""
        self.at.append(time.process_time())


def main() -> None:
    """Probe, train, and print a table of each task after each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path("variants.json"))
    parser.add_argument("--tasks", nargs="+", default=["characters", "sentences", "long contexts"])
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NORIA_CACHE"] = scratch
        known = settings_of(arguments.data, Path(scratch))
        settings = {name: known[name] for name in arguments.tasks}
        steps = {name: steps_of(one) for name, one in settings.items()}
        found: list[dict[str, Any]] = []
        for turn in range(arguments.rounds):
            for name, setting in settings.items():
                for variant in steps[name]:
                    one = run(setting, variant, arguments.first_seed + turn, steps[name][variant])
                    found.append({"task": name, "variant": variant, "round": turn, **one})
                    print(json.dumps(found[-1]), flush=True)
                    arguments.out.write_text(json.dumps({"machine": machine(), "runs": found}, indent=1), "utf-8")
        for name, setting in settings.items():
            print(f"\n{name}, {setting.seconds:.0f} CPU seconds each\n{table(found, name, setting.metric)}")


def settings_of(data: Path, scratch: Path) -> dict[str, Setting]:
    """Return the three tasks; the text's last tenth and the sentences' test file stay outside."""
    text = (data / "shakespeare" / "input.txt").read_text("utf-8")
    (scratch / "text.txt").write_text(text[: len(text) * 9 // 10], "utf-8")
    for name in ("train.tsv", "dev.tsv"):
        (scratch / "sentences").mkdir(exist_ok=True)
        (scratch / "sentences" / name).write_bytes((data / "sentiment_en" / name).read_bytes())
    return {
        "characters": Setting(text_job(scratch, window=256, batch_size=8), 30.0, "loss", variants()),
        "sentences": Setting(sentence_job(scratch), 25.0, "accuracy", variants(is_causal=False)),
        "long contexts": Setting(text_job(scratch, window=2048, batch_size=1), 35.0, "loss", variants()),
    }


def variants(is_causal: bool = True) -> dict[str, tuple[str, ...]]:
    """Return the variants by name; recurrent blocks look back only. What is tried anew gets a line here."""
    found: dict[str, tuple[str, ...]] = {"plain": (), "SwiGLU": ("model.block=swiglu",)}
    if is_causal:
        found["recurrent, every 2nd attends"] = ("model.block=recurrent", "model.block_settings.attention_every=2")
        found["recurrent"] = ("model.block=recurrent",)
    return found


def text_job(scratch: Path, window: int, batch_size: int) -> dict[str, Any]:
    """Return characters of Shakespeare, by the shipped job's settings."""
    return {
        "task": "text-generation",
        "data": {
            "path": str(scratch / "text.txt"), "split": {"order": True, "test": 0, "validation": 0.05}
        },
        "inputs": {"prompt": {"tokenizer": "character"}},
        "target": {"is_stream": True, "window": window},
        "model": {"width": 128, "depth": 4, "heads": 2},
        "train": {
            "batch_size": batch_size, "learning_rate": 0.01, "muon_learning_rate": 0.04, "warmup": 0.05,
            "precision": "bfloat16", "validations": 0,
        },
        "evaluate": {"batch_size": 8, "resamples": 100},
    }  # fmt: skip


def sentence_job(scratch: Path) -> dict[str, Any]:
    """Return sentences of film reviews, by the task's own settings."""
    return {
        "task": "text-classification",
        "data": {"path": str(scratch / "sentences"), "columns": ["text", "label"], "split": {"test": 0}},
        "inputs": {"text": {"tokenizer": "unigram", "vocabulary": 4096, "token_dropout": 0.3}},
        "model": {"width": 128, "depth": 2, "heads": 4, "dropout": 0.3},
        "train": {"batch_size": 32, "precision": "bfloat16", "validations": 0},
    }


def steps_of(setting: Setting) -> dict[str, int]:
    """Return for how many steps each variant may train, by the least seconds a step that probes in turn count."""
    least = dict.fromkeys(setting.variants, math.inf)
    for _ in range(PROBES):
        for variant in setting.variants:
            least[variant] = min(least[variant], run(setting, variant, 0, PROBE_STEPS)["seconds per step"])
    return {variant: round(setting.seconds / seconds) for variant, seconds in least.items()}


def run(setting: Setting, variant: str, seed: int, steps: int) -> dict[str, Any]:
    """Train once; return the score on validation and the CPU seconds."""
    watch = Stopwatch()
    overrides = [*setting.variants[variant], f"train.seed={seed}", f"train.steps={steps}"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = train(setting.job, overrides, run=Path(scratch) / "run", reporter=watch)
        scores = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert scores["split"] == "validation"
    return {
        "seed": seed,
        "steps": steps,
        "seconds": watch.at[-1] - watch.at[0],
        "seconds per step": (watch.at[-1] - watch.at[WARM_STEPS]) / (steps - WARM_STEPS),
        "score": scores["metrics"][setting.metric]["value"],
        "n": scores["metrics"][setting.metric].get("n", scores.get("n")),
    }


def table(found: list[dict[str, Any]], task: str, metric: str) -> str:
    """Return medians and ranges; the last column is the median difference from the plain trunk of the same seed."""
    runs = [one for one in found if one["task"] == task]
    plain = {one["seed"]: one["score"] for one in runs if one["variant"] == "plain"}
    lines = [f"| | steps | CPU seconds | {metric}, median (range) | less plain |", "|---|---|---|---|---|"]
    for variant in dict.fromkeys(one["variant"] for one in runs):
        own = [one for one in runs if one["variant"] == variant]
        scores = [one["score"] for one in own]
        seconds = statistics.median(one["seconds"] for one in own)
        more = statistics.median(one["score"] - plain[one["seed"]] for one in own)
        score = f"{statistics.median(scores):.4f} ({min(scores):.4f}-{max(scores):.4f})"
        lines.append(f"| {variant} | {own[0]['steps']:,} | {seconds:.1f} | {score} | {more:+.4f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
