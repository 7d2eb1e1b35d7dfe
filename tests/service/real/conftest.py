"""One real server of tiny models for all clients that other people write, and what its predictors say themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noria.pipeline.predictor import Predictor, load
from service.server import Served, serving

GOLDEN = Path(__file__).parents[2] / "golden"
TASKS = {
    "text": "text-classification",
    "table": "tabular-classification",
    "voice": "text-to-speech",
    "ears": "speech-recognition",
    "mask": "masked-language-modelling",
    "masks": "semantic-segmentation",
    "writer": "text-generation",
    "vectors": "text-embedding",
    "chat": "chat",
}
KEY = "a-key"


@pytest.fixture(scope="package")
def runs(trained: Callable[[str], Path]) -> dict[str, Path]:
    """Where the models stand. The golden one that chats knows no braces, and is asked for JSON."""
    return {name: GOLDEN / task for name, task in TASKS.items()} | {"chat": trained("chat")}


@pytest.fixture(scope="package")
def server(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server of all models: each is a process of its own."""
    with serving(runs, tmp_path_factory.mktemp("server") / "log", KEY) as served:
        yield served


@pytest.fixture(scope="package")
def own(runs: dict[str, Path]) -> Callable[[str], Predictor]:
    """A function: name of a model -> its predictor."""
    made: dict[str, Predictor] = {}
    return lambda name: made.setdefault(name, load(runs[name], device="cpu"))
