"""What the service's tests share: a tiny model of handwritten digits, and a client without a socket."""

from __future__ import annotations

import asyncio
import base64
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from starlette.applications import Starlette

from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.stages.train import train

Ask = Callable[..., httpx.Response]
GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="session")
def trained(trained: Callable[[str], Path]) -> Callable[[str], Path]:
    """A function: name of a task -> a model of it: the golden one, where no training is needed to be asked.

    The golden one that chats knows no braces: it cannot be asked for JSON.
    """
    return lambda task: trained(task) if task == "chat" else GOLDEN / task


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a tiny model on digits of 16 x 16 pixels; return its run folder."""
    folder = tmp_path_factory.mktemp("digits")
    data = load_digits()
    images, labels = _large(data.images), data.target.astype(np.uint8)
    for name, part in (("train", slice(0, 400)), ("t10k", slice(400, 500))):
        count = len(labels[part])
        header = struct.pack(">IIII", 0x803, count, 16, 16)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + images[part].tobytes())
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels[part].tobytes())
    job = {
        "task": "image-classification",
        "data": {"path": str(folder)},
        "inputs": {"image": {"stem": "reference"}},
        "train": {"steps": 20},
        "evaluate": {"resamples": 100},
    }
    return train(job, run=folder / "small-digits", reporter=Silent())


@pytest.fixture(scope="session")
def predictor(run: Path) -> Predictor:
    return load(run)


@pytest.fixture(scope="session")
def pictures() -> list[bytes]:
    """Five digits as PNG files."""
    return [_png(picture) for picture in _large(load_digits().images[500:505])]


@pytest.fixture(scope="session")
def texts(pictures: list[bytes]) -> list[str]:
    """The same pictures as base64."""
    return [base64.b64encode(picture).decode() for picture in pictures]


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Send one request straight to an application: ask(app, "POST", "/predict", json=..)."""

    def send(app: Starlette, method: str, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(_send(app, method, path, request))

    return send


async def _send(app: Starlette, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(method, path, **request)


def _large(digits: np.ndarray) -> np.ndarray:
    """Return digits of 8 x 8 pixels with values to 16 as uint8[n, 16, 16]."""
    return (digits * 255 / 16).astype(np.uint8).repeat(2, 1).repeat(2, 2)


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()
