"""A run of a small table, and records that came later: of the same kind, or of another one that it does not know."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noria
from noria.database import open_database
from noria.reporter import Reporter, Silent
from noria.stages.train import train
from noria.wheel.turn.folder import WheelFolder

SETTINGS = ["wheel.worth=0.5", "wheel.predictions_per_day=10000"]


def write(path: Path, count: int, seed: int, kind: float = 0.0) -> Path:
    """Write records whose answer is whether a + b is more than two thirds of `kind`, which a run of kind 0 ignores."""
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(2, count))
    kinds = kind + generator.normal(0, 0.3, count)
    truth = a + b + generator.normal(0, 0.2, count) > kinds * 2 / 3
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "kind", "label"])
        rows = zip(a.round(4), b.round(4), kinds.round(4), np.where(truth, "yes", "no"), strict=True)
        writer.writerows(rows)
    return path


def job_on(path: Path) -> dict[str, Any]:
    """Return the job of a tiny run."""
    return {
        "task": "tabular-classification",
        "data": {"path": str(path), "split": {"validation": 0.2, "test": 0.2}},
        "model": {"width": 16, "heads": 2, "depth": 1, "trees": False},  # which would be better than what drifts
        "train": {"steps": 60, "batch_size": 64, "precision": "float32", "validations": 3, "checkpoint_minutes": 0.01},
        "evaluate": {"rivals": False, "resamples": 200},
    }


def booked() -> list[str]:
    """Return the keys of the wheel's entries in the ledger."""
    found = open_database().transact(lambda to: to.run("select key from entry where key like 'wheel/%'"), writes=False)
    return sorted(key.rpartition("/")[2] for (key,) in found)


@pytest.fixture(scope="session")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run; it is copied by those who turn its wheel."""
    folder = tmp_path_factory.mktemp("champion")
    return Path(noria.train(job_on(write(folder / "first.csv", 900, 0)), run=folder / "run", reporter=Silent()))


@pytest.fixture
def run(champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run of one's own, with a database of its own."""
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    return Path(shutil.copytree(champion, tmp_path / "run"))


@pytest.fixture(scope="session")
def candidates() -> dict[str, Path]:
    """Runs of candidates that a test has trained, by what they were made of."""
    return {}


@pytest.fixture(autouse=True)
def _each_candidate_is_trained_once(
    candidates: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copy the run of a candidate where another test has trained the same: most turns differ in what comes after it."""

    def trained(job: Mapping[str, Any], *, run: Path, resume: bool, reporter: Reporter) -> None:
        made_of = identity(job, run)
        if made_of in candidates and not run.exists():
            reporter.say("as before")  # which looks at the clock, as each step does
            shutil.copytree(candidates[made_of], run)
            return
        train(job, run=run, resume=resume, reporter=reporter)
        candidates[made_of] = Path(shutil.copytree(run, tmp_path_factory.mktemp("candidate") / "run"))

    monkeypatch.setattr("noria.wheel.turn.train.train", trained)


def identity(job: Mapping[str, Any], candidate: Path) -> str:
    """Return a hash of what a candidate is made of: its job, the sides of its records, and the champion's weights."""
    wheel = WheelFolder(candidate.parents[2])
    weights = (wheel.champion / "bundle" / "model.safetensors").read_bytes()
    told = json.dumps(job).replace(str(wheel.run), "RUN"), (candidate.parent / "splits.csv").read_text("utf-8")
    return hashlib.sha256(b"".join([*(one.encode() for one in told), weights])).hexdigest()


@pytest.fixture(scope="session")
def same(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return records of the kind that the run has learnt."""
    return write(tmp_path_factory.mktemp("same") / "labelled.csv", 400, 1)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return records of another kind, in a file of the same name."""
    return write(tmp_path_factory.mktemp("other") / "labelled.csv", 700, 2, kind=3.0)
