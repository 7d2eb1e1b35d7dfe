"""A tiny data set for any task, made from its own example: pictures become files, the rest cells of a CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Task, registry
from noria.contract.examples import records_like
from noria.sound.wav import wav_bytes

RECORDS = 60


def tiny_file(task: Task, folder: Path, count: int = RECORDS, seed: int = 0) -> Path:
    """Write such records as a CSV, with the files that its cells name beside it; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, record in enumerate(records_like(task, count, seed)):
        row: dict[str, Any] = {}
        for name, value in record.items():
            if isinstance(value, Mapping):
                row |= value
            elif isinstance(value, np.ndarray):
                kind = ".png" if value.dtype == np.uint8 and value.ndim < 4 else ".npy"
                (folder / f"{name}-{index}{kind}").write_bytes(file_of(value))
                row[name] = f"{name}-{index}{kind}"
            elif isinstance(value, tuple):  # a sound: its samples and their rate
                (folder / f"{name}-{index}.wav").write_bytes(file_of(value))
                row[name] = f"{name}-{index}.wav"
            elif isinstance(value, bytes):
                (folder / f"{name}-{index}.txt").write_bytes(value)
                row[name] = f"{name}-{index}.txt"
            else:
                row[name] = json.dumps(value) if isinstance(value, list) else value
        rows.append(row)
    path = folder / "records.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def tiny_job(task_name: str, folder: Path, count: int = RECORDS, **train: Any) -> dict[str, Any]:
    """Return a job on such data that trains in a fraction of a second, the same on every run."""
    task = registry.task(task_name)
    path = tiny_file(task, folder / "data", count)
    depth = min(1, dict(task.defaults.get("model", {})).get("depth", 1))
    budget = {} if {"minutes", "epochs", "tokens"} & train.keys() else {"steps": 12}
    window = {"target": {"window": 16}} if hasattr(task.target, "window") else {}
    return window | {
        "task": task_name,
        "data": {"path": str(path), "split": {"validation": 0.2, "test": 0.2}},
        "model": {"width": 16, "heads": 2, "depth": depth},
        "train": {"batch_size": 8, "precision": "float32", "validations": 3, "checkpoint_minutes": 1e-9}
        | budget
        | train,
        "evaluate": {"resamples": 200},
    }


def file_of(array: np.ndarray | tuple[np.ndarray, int]) -> bytes:
    """Return the file of a raw value that is an array: a wav of samples with their rate, a PNG of a picture, a .npy."""
    if isinstance(array, tuple):
        return wav_bytes(*array)
    if array.dtype == np.uint8 and array.ndim < 4:
        return png(array)
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def png(picture: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def reviews_job(folder: Path, lines: Sequence[str]) -> dict[str, Any]:
    """Write the lines of a table of reviews, and return a job of texts whose fields are not called like its columns."""
    (folder / "reviews.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return {
        "task": "text-classification",
        "data": {"path": folder / "reviews.csv", "fields": {"text": "review", "label": "stars"}},
        "inputs": {"text": {"tokenizer": "character"}},
        "model": {"width": 8, "heads": 1, "depth": 0},
        "train": {"steps": 5, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }
