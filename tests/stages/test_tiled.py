"""A job that learns and answers in tiles: the same answer in a batch of one and of many, predicted and scored."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.pipeline import inference as infer
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.train import train
from noria.types import Dataset, Ragged
from other_data import read
from tiny_data import tiny_file, tiny_job

TILES = {"object-detection": [24, 40], "semantic-segmentation": [20, 32]}


@pytest.mark.parametrize("task", TILES)
def test_a_run_in_tiles_answers_the_same_everywhere(task: str, tmp_path: Path) -> None:
    job = tiny_job(task, tmp_path)
    inputs = {"inputs": {"image": {"tile": TILES[task]}}}
    run = train({**job, **inputs}, run=tmp_path / "run", reporter=Silent())
    model = load(run, device="cpu")
    assert [model.states["inputs"]["image"][side] for side in ("height", "width")] == TILES[task]
    path = tiny_file(model.task, tmp_path / "new", count=7, seed=5)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    together = [one.as_json() for one in model.predict(rows, root=path.parent)]
    for row, expected in zip(rows, together, strict=True):
        assert close(model.predict([row], root=path.parent)[0].as_json(), expected)
    dataset, bad = read(model, path)
    assert not bad
    assert (dataset.inputs["image"]["tiles"].lengths == 6).all()
    kept = model.outputs(dataset)
    decoded = [one.as_json() for one in model.task.target.decode(kept, model.states["target"])]
    assert close(decoded, together)
    scored = evaluate(run, path, reporter=Silent())
    for metric in model.task.target.metrics(model.states["target"]):
        truth = {name: values[:] for name, values in dataset.target.items()}
        value = float(metric.value(kept, truth, np.ones((1, 7), np.float32))[0])
        said = scored["metrics"][metric.name]["value"]
        assert said == pytest.approx(value, abs=1e-6) if np.isfinite(value) else said is None


def test_few_pictures_of_many_tiles_are_in_memory_at_once() -> None:
    tiles = np.broadcast_to(np.uint8(0), (640, 512, 1024, 4))  # 2 MiB each, of which there is only one
    arrays = {"pixels": np.zeros((64, 1)), "tiles": Ragged(tiles, 10 * np.arange(65))}
    _, sizes = infer.batches_of(Dataset({"image": arrays}, {}), 32)
    assert sum(sizes) == 64
    assert max(sizes) * 10 * 2 * 2**20 <= infer.MOST_BYTES < 32 * 10 * 2 * 2**20


def close(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return bool(one == (pytest.approx(other, rel=1e-4, abs=1e-4) if isinstance(one, float) else other))
