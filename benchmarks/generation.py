"""SmolLM2-135M answers, batch of 1 and of 16: transformers, llama.cpp and Noria, new tokens a second, with prompts.

    python benchmarks/generation.py [--rounds 5] [--tokens 64] [--gguf FILE]

Both read the same GGUF file and answer greedily, so many tokens whatever is said. transformers loads float32 and is
called as its documentation does; llama.cpp keeps the 4-bit weights, in an environment of its own (`xllamacpp`); Noria
answers in bfloat16. Rounds are interleaved, loading is not counted. OMP_NUM_THREADS holds for all three.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import NORIA, ROOT, environment, machine, smollm2

from noria.model.generation.generate import generate
from noria.model.generation.sampling import Sampling
from noria.pipeline.predictor import Predictor, load
from noria.text.tokenizer import Tokenizer

QUESTIONS = (
    "What is the capital of France?", "Why is the sky blue?", "Write a short poem about the sea.", "What is a noria?",
    "How do I boil an egg?", "Name three planets.", "Explain gravity to a child.", "What does a plumber do?",
    "Give me a recipe for bread.", "Who wrote Hamlet, and when?", "What is the difference between a lake and a sea?",
    "Tell me a joke.", "How far away is the moon?", "What is machine learning?", "Say hello in German.",
    "Why do we sleep?",
)  # fmt: skip

TRANSFORMERS = "transformers, float32"


def main() -> None:
    """Time both sides in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--gguf", type=Path, default=smollm2())
    arguments = parser.parse_args()
    rates: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        model = bundle(arguments.gguf, Path(scratch))
        prompts = Path(scratch) / "prompts.json"
        prompts.write_text(json.dumps(QUESTIONS), "utf-8")
        answer(model, 1, 4)
        llama = environment("llama", ["xllamacpp==2026.10.11549"])
        peers = {TRANSFORMERS: (sys.executable, "generate_smollm2.py"), "llama.cpp": (str(llama), "generate_llama.py")}
        print(machine())
        for turn in range(arguments.rounds):
            for name, (python, script) in peers.items():
                command = [python, str(ROOT / "benchmarks" / "peers" / script), str(arguments.gguf), str(prompts)]
                done = subprocess.run(
                    [*command, str(arguments.tokens), "1"], check=True, stdout=subprocess.PIPE, text=True
                )
                for line in done.stdout.splitlines():
                    size, _, rate = line.partition(" ")
                    if size.isdigit():
                        rates.setdefault((name, int(size)), []).append(float(rate))
                    elif size == "text" and turn == 0:
                        print(f"{name}:", json.loads(rate))
            for size in (1, 16):
                start = time.perf_counter()
                found = answer(model, size, arguments.tokens)
                seconds = time.perf_counter() - start
                rates.setdefault(("Noria, bfloat16", size), []).append(size * arguments.tokens / seconds)
                if turn == 0 and size == 1:
                    print("Noria:", found.texts[0])
            print(f"round {turn + 1}", {f"{k[0]} x {k[1]}": round(v[-1], 1) for k, v in rates.items()}, flush=True)
    print("| | batch | new tokens a second, median (range) | times |\n|---|---|---|---|")
    for (name, size), found in sorted(rates.items(), key=lambda one: (one[0][1], one[0][0] != TRANSFORMERS)):
        median, first = statistics.median(found), statistics.median(rates[TRANSFORMERS, size])
        print(f"| {name} | {size} | {median:.1f} ({min(found):.1f}-{max(found):.1f}) | {median / first:.2f} |")


def answer(model: Predictor, size: int, tokens: int) -> Any:
    """Answer the first questions with so many tokens each, tokenising included."""
    records = [{"messages": [{"role": "user", "content": one}]} for one in QUESTIONS[:size]]
    (chunk,) = model.encoded(records)
    speller = Tokenizer.from_json(model.states["target"]["tokenizer"], -1)  # nothing ends an answer
    batch = chunk.records.batch(slice(None))
    return generate(model.bundle.model, batch.inputs, Sampling(max_tokens=tokens), speller)  # type: ignore[arg-type]


def bundle(gguf: Path, scratch: Path) -> Predictor:
    """Make a bundle of the checkpoint as it is and load it."""
    talks = scratch / "talks.jsonl"
    lines = [
        json.dumps({"messages": [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": f"{i}"}]})
        for i in range(20)
    ]
    talks.write_text("\n".join(lines), "utf-8")
    command = [*NORIA, "train", "chat", f"data.path={talks}", f"model.pretrained={gguf}", "train.steps=0"]
    command += [
        "train.epochs=null",
        "target.max_tokens=2",
        "target.overlap=none",
        "evaluate.precision=bfloat16",
        "--run",
    ]
    quiet = {**os.environ, "NORIA_CACHE": str(scratch / "cache")}
    subprocess.run([*command, str(scratch / "run")], check=True, capture_output=True, env=quiet)
    return load(scratch / "run")


if __name__ == "__main__":
    main()
