"""Which of our files the training of a small picture job imports: a process of its own trains one and tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from architecture.tree import SOURCE, files

# Readers of what is no folder of pictures, by the names of their files.
FOREIGN_FORMATS = ("conll", "mot", "squad", "coco", "voc", "yolo")

TRAINS = """
import csv, json, sys
from pathlib import Path
import numpy as np
from PIL import Image
import noria

with open("pictures.csv", "w", newline="") as table:
    rows = csv.writer(table)
    rows.writerow(["image", "label"])
    for index, picture in enumerate(np.random.default_rng(0).integers(0, 255, (40, 8, 8), np.uint8)):
        picture[: 4 if index % 2 else 8] //= 4
        Image.fromarray(picture).save(f"{index}.png")
        rows.writerow([f"{index}.png", ("dark", "half")[index % 2]])
job = {
    "task": "image-classification",
    "data": {"path": str(Path("pictures.csv").resolve()), "split": {"validation": 0.2, "test": 0.2}},
    "model": {"width": 16, "depth": 1},
    "train": {"batch_size": 8, "steps": 2},
}
noria.train(job, run=Path("run"))
json.dump(sorted(sys.modules), open("modules.json", "w"))
"""


@dataclass(frozen=True)
class Loaded:
    """What a training has imported: our files by their names in the house, and how many modules in all."""

    ours: tuple[str, ...]
    in_all: int

    @property
    def share_of_lines(self) -> float:
        lines = {name: len(file.text.splitlines()) for name, file in files().items()}
        return sum(lines[name] for name in self.ours) / sum(lines.values())


@cache
def loaded() -> Loaded:
    """Train a picture job for two steps and return what was imported by its end."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"PYTHONPATH": str(SOURCE.parent), "NORIA_CACHE": f"{folder}/cache", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", TRAINS]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | own, check=False, timeout=240, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        modules = json.loads(Path(folder, "modules.json").read_text("utf-8"))
    ours = [name.removeprefix("noria.") for name in modules if name.split(".")[0] == "noria"]
    return Loaded(tuple(ours), len(modules))


def foreign(modules: Iterable[str]) -> list[str]:
    """Return those that read a format which a folder of pictures has not."""
    return [name for name in modules if name.split(".")[-1] in FOREIGN_FORMATS]
