"""Measure how well drift is seen: false alarms of clean windows, alarms of shifted ones, expected beside real accuracy.

    python benchmarks/drift.py                      all sets, 8 seeds with 25 clean windows each
    python benchmarks/drift.py hotels --seeds 2 --size 200

hotels    reviews of hotels; then of goods, by category, and with three quarters bad ones
adult     Census income; then people below 25, above 50, above 60
digits    MNIST, 6,000 pictures to learn from; then turned by 10, 20 and 30 degrees

A seed is another division of the records, another model, another calibration split. Windows are drawn from records that
the model never saw. An alarm without truths is one of the tests of probabilities and embeddings at a level of 5 %.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from measuring import DATA
from PIL import Image

import noria
from noria.contract import answer_field
from noria.drift.assess import assess
from noria.drift.window import Window
from noria.pipeline.observations import ROWS, Observations
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.reference import read_reference
from noria.reporter import Silent

Records = list[dict[str, Any]]
ALL = 10**9
NETWORK = {"model": {"width": 16, "depth": 0}, "evaluate": {"rivals": False, "resamples": 200}}


def hotels(generator: np.random.Generator, folder: Path) -> tuple[dict[str, Any], str, Records, dict[str, Records]]:
    """Return the job, the column of the answer, held-out records, and shifted ones by name."""
    with (DATA / "sentiment_zh" / "ChnSentiCorp_htl_all.csv").open(encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["review"].strip()]
    pool, job = _divided(rows, generator, folder, 4500)
    with zipfile.ZipFile(DATA / "sentiment_zh" / "online_shopping_10_cats.zip") as archive:
        text = archive.read("online_shopping_10_cats.csv").decode("utf-8-sig")
    goods = [row for row in csv.DictReader(io.StringIO(text)) if row["review"].strip()]
    shifted: dict[str, Records] = {}
    for name in ("酒店", "水果", "书籍", "手机", "洗发水"):
        found = [{"label": row["label"], "review": row["review"]} for row in goods if row["cat"] == name]
        shifted[name] = [found[i] for i in generator.permutation(len(found))[:1500]]
    good, bad = ([row for row in pool if row["label"] == one] for one in "10")
    shifted["three quarters bad"] = good[: len(bad) // 3] + bad
    settings = {"text": {"ngrams": 2, "vocabulary": 4096}}
    job |= {"task": "text-classification", "inputs": settings, "train": {"epochs": 5, "learning_rate": 0.01}}
    job["data"] |= {"fields": {"text": "review"}}
    return job, "label", pool, shifted


def adult(generator: np.random.Generator, folder: Path) -> tuple[dict[str, Any], str, Records, dict[str, Records]]:
    """Return the same of census income."""
    with (DATA / "adult" / "adult.csv").open() as file:
        rows = list(csv.DictReader(file))
    pool, job = _divided([rows[i] for i in generator.permutation(len(rows))[:18000]], generator, folder, 12000)
    ages = np.array([int(row["age"]) for row in pool])
    shifted = {
        "below 25": [pool[i] for i in np.flatnonzero(ages < 25)],
        "above 50": [pool[i] for i in np.flatnonzero(ages > 50)],
        "above 60": [pool[i] for i in np.flatnonzero(ages > 60)],
    }
    job |= {"task": "tabular-classification", "train": {"steps": 300}, "model": {"width": 32, "heads": 2, "depth": 1}}
    job["data"] |= {"fields": {"label": "income-per-year"}}
    return job, "income-per-year", pool, shifted


def digits(generator: np.random.Generator, folder: Path) -> tuple[dict[str, Any], str, Records, dict[str, Records]]:
    """Return the same of handwritten digits."""
    found = list(_digits(10000))
    order = generator.permutation(len(found))
    for index in order[:6000]:
        label, data = found[index]
        (folder / "train" / label).mkdir(parents=True, exist_ok=True)
        (folder / "train" / label / f"{index}.png").write_bytes(data)
    pool = [{"image": _turned(found[i][1], 0), "label": found[i][0]} for i in order[6000:]]
    shifted = {
        f"{degrees} degrees": [{"image": _turned(found[i][1], degrees), "label": found[i][0]} for i in order[6000:8000]]
        for degrees in (10, 20, 30)
    }
    job = {
        "task": "image-classification",
        "data": {"path": str(folder / "train"), "split": {"validation": 0.2, "test": 0.02}},
        "inputs": {"image": {"widths": [8, 16, 32], "pools": [2, 2, 2], "blocks": 1, "color_jitter": 0}},
        "train": {"steps": 250, "batch_size": 64},
        "model": {"depth": 0},
    }
    return job, "label", pool, shifted


SETS: dict[str, Callable[..., tuple[dict[str, Any], str, Records, dict[str, Records]]]] = {
    "hotels": hotels,
    "adult": adult,
    "digits": digits,
}


def _divided(rows: Records, generator: np.random.Generator, folder: Path, count: int) -> tuple[Records, dict[str, Any]]:
    """Write so many records to be learnt from; return the others, and how the job reads them."""
    order = generator.permutation(len(rows))
    path = folder / "train.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[i] for i in order[:count])
    return [rows[i] for i in order[count:]], {"data": {"path": str(path), "split": {"validation": 0.25, "test": 0.02}}}


def _digits(count: int) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(DATA / "digits" / "mnist-pngs.tar.gz") as archive:
        for member in archive:
            if member.name.endswith(".png"):
                file = archive.extractfile(member)
                assert file is not None
                yield member.name.split("/")[-2], file.read()
                count -= 1
            if not count:
                return


def _turned(data: bytes, degrees: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L").rotate(degrees, Image.Resampling.BILINEAR))


def observed(predictor: Predictor, records: Records, column: str) -> Observations:
    """Return what is kept of the answers to records with their truths."""
    window, done = Window(predictor, ALL), 0
    state = predictor.states["target"]
    inputs = [{key: value for key, value in record.items() if key != column} for record in records]
    for chunk in predictor.encoded(inputs):
        answers = [records[done + int(i)][column] for i in chunk.kept]
        done += len(chunk) + len(chunk.rejected)
        truth = predictor.task.target.encode(answers, state)
        window.add(chunk, truth.arrays, ~np.isin(np.arange(len(chunk)), list(truth.bad)))
    return window.observations


def drawn(seen: Observations, size: int, generator: np.random.Generator) -> Observations:
    """Return a window of so many records, in a random order."""
    chosen = generator.permutation(len(seen))[:size]
    rows = {one: getattr(seen, one)[chosen] for one in ROWS if one != "places"}
    assert seen.vectors is not None
    return replace(seen, **rows, vectors=seen.vectors[chosen], places=("",) * len(chosen))


def unknown(window: Observations) -> Observations:
    """Return a window whose truths are not known."""
    nothing = np.full(len(window), np.nan)
    return replace(window, truths=nothing, scores=nothing)


def one_seed(name: str, seed: int, size: int, clean: int, shifted: int) -> Iterator[dict[str, Any]]:
    """Train once; yield a line for each window."""
    generator = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        job, column, pool, others = SETS[name](generator, folder)
        job = {**NETWORK, **job, "train": {"seed": seed, **job["train"]}}
        predictor = load(noria.train(job, run=folder / "run", reporter=Silent()))
        reference = read_reference(predictor.bundle)
        assert column in (answer_field(predictor.task), *predictor.bundle.config["fields"].values())
        for shift, records in {"": pool, **others}.items():
            seen = observed(predictor, records, column)
            for _ in range(clean if not shift else shifted):
                window = drawn(seen, size, generator)
                blind, told = assess(reference, unknown(window)), assess(reference, window)
                yield {
                    "set": name, "seed": seed, "shift": shift, "n": len(window),
                    "alarm": blind.has_alarm, "alarm_with_truths": told.has_alarm,
                    **{one.name: one.p < blind.level / len(blind.tests) for one in blind.tests},
                    "before": told.before and told.before.value,
                    "expected": told.expected and told.expected.value,
                    "covered": told.expected and told.realised
                    and told.expected.low <= float(np.nanmean(seen.scores)) <= told.expected.high,
                    "realised": told.realised and told.realised.value, "accuracy": float(np.nanmean(seen.scores)),
                }  # fmt: skip


def summary(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return a table: of each set and shift, how many windows gave an alarm, and the accuracies."""
    heads = ["records", "windows", "alarms", "by probabilities", "by embeddings", "with truths"]
    heads += ["accuracy before", "expected", "real"]
    said = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for key in dict.fromkeys((one["set"], one["shift"]) for one in lines):
        some = [one for one in lines if (one["set"], one["shift"]) == key]
        columns = ["alarm", "class probabilities", "embeddings", "alarm_with_truths"]
        counts = [str(sum(bool(one[column]) for one in some)) for column in columns]
        means = [f"{np.mean([one[column] for one in some]):.3f}" for column in ("before", "expected", "accuracy")]
        said.append(f"| {key[0]}, {key[1] or 'clean'} | {len(some)} | {' | '.join([*counts, *means])} |")
    return "\n".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", nargs="*", default=[], help=", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--size", type=int, default=500, help="records of a window")
    parser.add_argument("--clean", type=int, default=25, help="clean windows a seed")
    parser.add_argument("--shifted", type=int, default=5, help="windows of each shift a seed")
    parser.add_argument("--out", type=Path, help="a file for a line of JSON a window")
    given = parser.parse_args()
    lines: list[dict[str, Any]] = []
    for name in given.sets or SETS:
        for seed in range(given.seeds):
            for line in one_seed(name, seed, given.size, given.clean, given.shifted):
                lines.append(line)
                if given.out:
                    with given.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")
            print(f"{name}, seed {seed}: {len(lines)} windows", flush=True)
    print(summary(lines))


if __name__ == "__main__":
    main()
