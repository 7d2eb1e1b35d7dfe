"""A model that gives vectors, and a home of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.pipeline.predictor import Predictor, load

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="session")
def vectors() -> Predictor:
    return load(GOLDEN / "text-embedding", device="cpu")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, and a server that waits for nothing when it stops."""
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("noria.service.batches.runner.STOP_SECONDS", 0.2)
    monkeypatch.delenv("NORIA_DATABASE", raising=False)
    return tmp_path / "home"
