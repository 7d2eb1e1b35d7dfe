"""Texts to ids on all cores: the `tokenizers` library by itself, and Noria's preparation, by the same BPE of 8,192.

    python benchmarks/tokenising.py [--rounds 7] [--megabytes 4] [--data TEXT ...]

English, German and Chinese, each text once: repeated ones would flatter whoever remembers words. Both learn nothing
here: the vocabulary is there before. The library gives its own objects; Noria's encoding gives arrays of ids and of
bytes a token, and its preparation also reads the file, divides it, and stores and checks the arrays. Interleaved.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import DATA, machine
from tokenizers import Tokenizer as Library

from noria.job import Job
from noria.job.load import load_job
from noria.stages.prepare import prepare
from noria.text.tokenizer import Tokenizer

SETTINGS = {"eos_token": "<|end|>"}
FIRST = "tokenizers, encode_batch_fast"


def main() -> None:
    """Time all sides in turn, once with lines as records and once with long pieces; print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=float, default=4.0)
    parser.add_argument("--data", type=Path, nargs="*", help="texts of yours in the place of ours")
    arguments = parser.parse_args()
    print(machine())
    lines = sample(arguments.data, arguments.megabytes)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["NORIA_CACHE"] = scratch
        for name, count in (("lines", len(lines)), ("pieces", 1000)):
            whole = "\n".join(lines)
            step = -(-len(whole) // count)
            texts = lines if name == "lines" else [whole[i : i + step] for i in range(0, len(whole), step)]
            rates = timed(texts, arguments.rounds, Path(scratch) / name)
            megabytes = sum(len(text.encode()) for text in texts) / 1e6
            print(f"\n{megabytes:.1f} MB in {len(texts):,} {name}\n")
            print(f"| | MB a second, median (range) | times {FIRST} |\n|---|---|---|")
            first = statistics.median(rates[FIRST])
            for side, found in rates.items():
                median = statistics.median(found)
                print(f"| {side} | {median:.2f} ({min(found):.2f}-{max(found):.2f}) | {median / first:.2f} |")


def timed(texts: list[str], rounds: int, folder: Path) -> dict[str, list[float]]:
    """Return megabytes a second of each side, round by round."""
    folder.mkdir()
    tokenizer = learnt(texts, folder)
    data = folder / "data.jsonl"
    data.write_text("\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts), "utf-8")
    job, task = load_job(
        {"task": "text-generation", "data": {"path": str(data)}, "target": {"tokenizer": str(folder)}}
        | {"inputs": {"prompt": {"tokenizer": str(folder)}}}  # an input that no record has
    )
    library = Library.from_file(str(folder / "tokenizer.json"))
    state = {"tokenizer": tokenizer.to_json()}
    seeds = iter(range(rounds + 1))  # another division each time, so that none is found in the cache
    sides: dict[str, Callable[[], object]] = {
        FIRST: lambda: library.encode_batch_fast(texts, add_special_tokens=False),
        "tokenizers, encode_batch": lambda: library.encode_batch(texts, add_special_tokens=False),
        "Noria, encoding": lambda: task.target.encode(texts, state),
        "Noria, preparation": lambda: prepare(changed(job, next(seeds)), task),
    }
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, run in sides.items():
            start = time.perf_counter()
            run()  # what it gives is let go within the time
            if turn:  # the first round warms up
                rates[name].append(megabytes / (time.perf_counter() - start))
    return rates


def changed(job: Job, seed: int) -> Job:
    """Return the job with another seed of its division."""
    data = job.data.model_copy(update={"split": job.data.split.model_copy(update={"seed": seed})})
    return job.model_copy(update={"data": data})


def learnt(texts: list[str], folder: Path) -> Tokenizer:
    """Learn a vocabulary and write it as a folder that both sides read."""
    backend = json.loads(json.loads(Tokenizer.train(texts, "bpe", 8192).to_json())["backend"])
    library = Library.from_str(json.dumps(backend))
    library.add_special_tokens(list(SETTINGS.values()))
    library.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(SETTINGS), "utf-8")
    return Tokenizer.from_folder(folder)


def sample(paths: list[Path] | None, megabytes: float) -> list[str]:
    """Return lines of all texts, as many bytes of each, in blocks of a hundred turn by turn."""
    texts = [path.read_text("utf-8") for path in paths] if paths else ours()
    share = int(megabytes * 1e6 / len(texts))
    blocks: list[list[list[str]]] = []
    for text in texts:
        lines = [line for line in text.encode()[:share].decode("utf-8", "ignore").split("\n") if line.strip()]
        blocks.append([lines[i : i + 100] for i in range(0, len(lines), 100)])
    longest = max(map(len, blocks))
    return [line for turn in range(longest) for one in blocks if turn < len(one) for line in one[turn]]


def ours() -> list[str]:
    """Return Shakespeare, captions in two languages, poems of the Tang and reviews of hotels."""
    captions = [gzip.decompress((DATA / "multi30k" / f"train.{one}.gz").read_bytes()).decode() for one in ("en", "de")]
    poems = [json.loads(path.read_text("utf-8")) for path in sorted((DATA / "poetry_zh").glob("poet.*.json"))]
    verses = "\n".join(verse for poem in poems for one in poem for verse in one["paragraphs"])
    reviews = (DATA / "sentiment_zh" / "ChnSentiCorp_htl_all.csv").read_text("utf-8")
    return [(DATA / "shakespeare" / "input.txt").read_text("utf-8"), *captions, verses, reviews]


if __name__ == "__main__":
    main()
