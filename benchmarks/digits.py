"""MNIST from process start to the final test score: the Keras script that many start from, and Noria beside it.

    python benchmarks/digits.py [--rounds 5] [--data FOLDER-OR-ARCHIVE]

Both read the same pixels, written once as .npz (Keras) and IDX files (Noria), uncompressed. Noria's time holds its own
preparation, report and bundle. Settings were chosen on a validation split of the training set; seeds here are fresh.
"""

from __future__ import annotations

import argparse
import os
import struct
import subprocess
from pathlib import Path

import numpy as np
from measuring import DATA, ENVIRONMENTS, ROOT, Contender, environment, interleave, machine, table, train

from noria.sources.formats.opening import open_source
from noria.vision.pictures import read_picture

JOBS = ROOT / "benchmarks" / "jobs"


def main() -> None:
    """Prepare the files, run all sides in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=DATA / "digits")
    parser.add_argument("--without-keras", action="store_true", help="while working on Noria's side")
    arguments = parser.parse_args()
    files = ENVIRONMENTS.parent / "mnist"
    write_files(arguments.data, files)
    contenders = [
        Contender("Noria, the same network", lambda seed: accuracy("digits-reference", files, seed)),
        Contender("Noria, another network", lambda seed: accuracy("digits-fast", files, seed)),
    ]
    if not arguments.without_keras:
        python = environment("keras", ["tensorflow-cpu"])
        contenders.insert(0, Contender("Keras script", lambda seed: keras(python, files, seed)))
    print(machine())
    interleave(contenders, arguments.rounds)
    print(table(contenders, "test accuracy"))


def accuracy(job: str, files: Path, seed: int) -> float:
    """Train a Noria job and return its test accuracy."""
    found = train(JOBS / f"{job}.yaml", seed, f"data.path={files / 'idx'}")
    return float(found["metrics"]["accuracy"]["value"])  # type: ignore[index]


def keras(python: Path, files: Path, seed: int) -> float:
    """Run the Keras script and return its test accuracy."""
    script = ROOT / "benchmarks" / "peers" / "keras_digits.py"
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [str(python), str(script), str(files / "mnist.npz"), str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=quiet)
    return float(done.stdout.split()[-1])


def write_files(source: Path, folder: Path) -> None:
    """Write the digits as mnist.npz and as the four IDX files, once."""
    if (folder / "ready").exists():
        return
    pictures: dict[str, list[np.ndarray]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for rows in open_source(source).rows():
        column = "file" if "file" in rows.columns else "image"
        pictures[rows.split] += [read_picture(value) for value in rows.columns[column]]
        labels[rows.split] += [int(label) for label in rows.columns["label"]]
    (folder / "idx").mkdir(parents=True, exist_ok=True)
    arrays = {}
    for split, name in (("train", "train"), ("test", "t10k")):
        order = np.random.default_rng(0).permutation(len(labels[split]))  # archives come sorted by class
        x, y = np.stack(pictures[split])[order], np.array(labels[split], np.uint8)[order]
        arrays |= {f"x_{split}": x, f"y_{split}": y}
        images = struct.pack(">IIII", 0x803, *x.shape) + x.tobytes()
        (folder / "idx" / f"{name}-images-idx3-ubyte").write_bytes(images)
        (folder / "idx" / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(y)) + y.tobytes())
    np.savez(folder / "mnist.npz", **arrays)
    (folder / "ready").touch()


if __name__ == "__main__":
    main()
