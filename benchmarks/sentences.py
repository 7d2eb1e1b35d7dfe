"""Sentences as vectors by MiniLM, tokenising included: sentence-transformers, the transformers pipeline, and Noria.

    python benchmarks/sentences.py [--rounds 5] [--count 1024] [--minilm FOLDER]

Speeches of Shakespeare, of mixed lengths. Rounds are interleaved; each side is warmed up and timed within its process.
Noria answers in bfloat16; its vectors are compared with those of sentence-transformers in float32, one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import DATA, NORIA, ROOT, environment, machine, minilm

from noria.pipeline.predictor import Predictor, load

JOB = ROOT / "src" / "noria" / "jobs" / "search.yaml"


def main() -> None:
    """Make the bundle, time all sides in turn, print the table and how close the vectors are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--minilm", type=Path, default=minilm())
    arguments = parser.parse_args()
    python = environment("sentences", ["torch==2.13.0", "sentence-transformers"])
    speeches = (DATA / "shakespeare" / "input.txt").read_text("utf-8").split("\n\n")[: arguments.count]
    rates: dict[str, list[float]] = {"sentence-transformers": [], "pipeline": [], "Noria, bfloat16": []}
    with tempfile.TemporaryDirectory() as scratch:
        model = bundle(arguments.minilm, Path(scratch))
        records = [{"text": speech} for speech in speeches]
        model.predict(records[:32])
        texts, out = Path(scratch) / "texts", Path(scratch) / "vectors.npy"
        texts.write_text("\0".join(speeches), "utf-8")
        script = ROOT / "benchmarks" / "peers" / "sentence_vectors.py"
        print(machine())
        for turn in range(arguments.rounds):
            command = [str(python), str(script), str(arguments.minilm), str(texts), str(out), "1"]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            for line in done.stdout.splitlines():
                name, rate = line.rsplit(" ", 1)
                if name in rates:
                    rates[name].append(float(rate))
            start = time.perf_counter()
            answers = model.predict(records)
            rates["Noria, bfloat16"].append(len(records) / (time.perf_counter() - start))
            print(f"round {turn + 1}", {name: round(found[-1], 1) for name, found in rates.items()}, flush=True)
        own = np.array([answer.value for answer in answers])
        cosine = (own * np.load(out)).sum(1) / np.linalg.norm(own, axis=1)
    first = statistics.median(rates["sentence-transformers"])
    print("| | sentences a second, median (range) | times sentence-transformers |\n|---|---|---|")
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"| {name} | {median:.0f} ({min(found):.0f}-{max(found):.0f}) | {median / first:.2f} |")
    print(f"cosine to float32: least {cosine.min():.6f}, mean {cosine.mean():.6f}, n {len(cosine)}")


def bundle(checkpoint: Path, scratch: Path) -> Predictor:
    """Make a bundle of the checkpoint as it is and load it."""
    pairs = scratch / "pairs.jsonl"
    lines = [json.dumps({"text": f"a text {i}", "embedding": f"text number {i}"}) for i in range(40)]
    pairs.write_text("\n".join(lines), "utf-8")
    command = [*NORIA, "train", str(JOB), f"data.path={pairs}", f"model.pretrained={checkpoint}", "--run"]
    quiet = {**os.environ, "NORIA_CACHE": str(scratch / "cache")}
    subprocess.run([*command, str(scratch / "run")], check=True, capture_output=True, env=quiet)
    return load(scratch / "run")


if __name__ == "__main__":
    main()
