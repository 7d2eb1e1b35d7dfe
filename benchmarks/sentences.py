"""Sentences as vectors by MiniLM, tokenising included: sentence-transformers, the transformers pipeline, and Noria.

sentence-transformers runs by its default and by its OpenVINO backend in bfloat16; Noria by torch, and where openvino is
installed, by `evaluate.engine=openvino`.

    python benchmarks/sentences.py [--rounds 5] [--count 1024] [--minilm FOLDER]

Speeches of Shakespeare, of mixed lengths. Rounds are interleaved; each side is warmed up and timed within its process.
Noria answers in bfloat16; the vectors of both engines are compared with those of sentence-transformers in float32.
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

from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load

PEERS = ("sentence-transformers", "sentence-transformers by OpenVINO, bfloat16", "pipeline")
JOB = ROOT / "src" / "noria" / "jobs" / "search.yaml"


def main() -> None:
    """Make the bundle, time all sides in turn, print the table and how close the vectors are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--minilm", type=Path, default=minilm())
    arguments = parser.parse_args()
    python = environment("sentences", ["torch==2.13.0", "sentence-transformers[openvino]"])
    speeches = (DATA / "shakespeare" / "input.txt").read_text("utf-8").split("\n\n")[: arguments.count]
    rates: dict[str, list[float]] = {name: [] for name in PEERS}
    with tempfile.TemporaryDirectory() as scratch:
        models = by_engine(bundle(arguments.minilm, Path(scratch)))
        records = [{"text": speech} for speech in speeches]
        for model in models.values():
            model.predict(records[:32])
        rates |= {name: [] for name in models}
        vectors: dict[str, np.ndarray] = {}
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
            for name, model in models.items():
                start = time.perf_counter()
                answers = model.predict(records)
                rates[name].append(len(records) / (time.perf_counter() - start))
                vectors[name] = np.array([answer.value for answer in answers])
            print(f"round {turn + 1}", {name: round(found[-1], 1) for name, found in rates.items()}, flush=True)
        wanted = np.load(out)
    first = statistics.median(rates["sentence-transformers"])
    print("| | sentences a second, median (range) | times sentence-transformers |\n|---|---|---|")
    for name, found in rates.items():
        median = statistics.median(found)
        print(f"| {name} | {median:.0f} ({min(found):.0f}-{max(found):.0f}) | {median / first:.2f} |")
    for name, own in vectors.items():
        cosine = (own * wanted).sum(1) / np.linalg.norm(own, axis=1)
        print(f"{name}: cosine to float32 least {cosine.min():.6f}, mean {cosine.mean():.6f}, n {len(cosine)}")


def by_engine(run: Path) -> dict[str, Predictor]:
    """Return the model by torch, and by OpenVINO where that is installed."""
    found = {"Noria, bfloat16": load(run, "cpu", "bfloat16")}
    try:
        found["Noria, bfloat16, OpenVINO"] = load(run, "cpu", "bfloat16", "openvino")
    except UserError as error:
        print(error)
    return found


def bundle(checkpoint: Path, scratch: Path) -> Path:
    """Make a run of the checkpoint as it is."""
    pairs = scratch / "pairs.jsonl"
    lines = [json.dumps({"text": f"a text {i}", "embedding": f"text number {i}"}) for i in range(40)]
    pairs.write_text("\n".join(lines), "utf-8")
    command = [*NORIA, "train", str(JOB), f"data.path={pairs}", f"model.pretrained={checkpoint}", "--run"]
    quiet = {**os.environ, "NORIA_CACHE": str(scratch / "cache")}
    subprocess.run([*command, str(scratch / "run")], check=True, capture_output=True, env=quiet)
    return scratch / "run"


if __name__ == "__main__":
    main()
