"""What soak.py serves and asks: two tiny models, questions with the answers of their predictors, and bombs."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from soak_clients import Question

import noria

MODELS = {"digits", "names"}


def digits(folder: Path) -> Path:
    """Train a tiny model of pictures."""
    data = load_digits()
    for index, (picture, label) in enumerate(zip(data.images[:400], data.target[:400], strict=True)):
        place = folder / "pictures" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{index}.png").write_bytes(png(picture))
    job = {
        "task": "image-classification",
        "data": {"path": str(folder / "pictures")},
        "train": {"steps": 60},
        "evaluate": {"resamples": 100},
    }
    return noria.train(job, run=folder / "digits")


def names(folder: Path) -> Path:
    """Train a tiny model that writes."""
    parts = ["an", "be", "cor", "da", "el", "fi", "go", "ha", "il", "jo", "ka", "lu", "mi", "no"]
    lines = [f"{first}{second}{third}" for first in parts for second in parts for third in parts[:4]]
    (folder / "names.txt").write_text("\n".join(lines) + "\n")
    job = {
        "task": "text-generation",
        "data": {"path": str(folder / "names.txt"), "columns": ["text"]},
        "inputs": {"prompt": {"tokenizer": "character"}},
        "target": {"is_running": False, "longest": 64, "max_tokens": 32},
        "model": {"width": 32, "depth": 1, "heads": 2},
        "train": {"steps": 40, "batch_size": 32},
        "evaluate": {"resamples": 100},
    }
    return noria.train(job, run=folder / "names")


def questions_of(runs: dict[str, Path]) -> list[Question]:
    """Return questions with the answers that the predictors give by themselves."""
    return [*picture_questions(noria.load(runs["digits"])), *writing_questions(noria.load(runs["names"])), *others()]


def picture_questions(predictor: Any) -> list[Question]:
    """Return one record, many, and a form."""
    pictures = [png(picture) for picture in load_digits().images[500:516]]
    expected = [one.as_json() for one in predictor.predict([{"image": picture} for picture in pictures])]
    texts = [base64.b64encode(picture).decode() for picture in pictures]
    one = json.dumps({"image": texts[0]}).encode()
    many = json.dumps({"records": [{"image": text} for text in texts]}).encode()
    edge = "----soak"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="0.png"\r\n\r\n'.encode()
    form = head + pictures[0] + f"\r\n--{edge}--\r\n".encode()
    path = "/predict/digits"

    def same(num: int) -> Any:
        return lambda body: is_same(json.loads(body)["predictions"], expected[:num])

    return [
        Question("one picture", "POST", path, same(1), one),
        Question("16 pictures", "POST", path, same(16), many),
        Question("a form", "POST", path, same(1), form, f"multipart/form-data; boundary={edge}"),
    ]


def writing_questions(predictor: Any) -> list[Question]:
    """Return answers that are written, streamed."""
    found = []
    for seed in (1, 2, 3):
        record, settings = {"prompt": ""}, {"seed": seed, "temperature": 1.0, "max_tokens": 16}
        expected = "".join(chunk.content for chunk in predictor.stream(record, **settings))
        body = json.dumps({"record": record, "settings": settings}).encode()
        found.append(
            Question(f"a name ({seed})", "POST", "/stream/names", lambda got, e=expected: written(got) == e, body)
        )
    return found


def others() -> list[Question]:
    """Return what is looked up, and what is refused."""
    return [
        Question("alive", "GET", "/livez", lambda body: b"alive" in body),
        Question(
            "models", "GET", "/models", lambda body: {one["name"] for one in json.loads(body)["models"]} == MODELS
        ),
        Question("metrics", "GET", "/metrics", lambda body: b"noria_requests_total" in body),
        Question("no record", "POST", "/predict/digits", is_error, b'{"records": 3}', status=400),
        Question("no model", "POST", "/predict/nothing", is_error, b"{}", status=404),
        Question("no picture", "POST", "/predict/digits", is_error, b'{"image": "aGVsbG8="}', status=422),
    ]


def is_error(body: bytes) -> bool:
    """Say whether this is an error in the usual shape."""
    return bool(json.loads(body)["error"]["message"])


def is_same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Say whether predictions are these: the same values; numbers to what the order of adding up may change."""
    if len(found) != len(expected):
        return False
    pairs = zip(found, expected, strict=True)
    return all(a["value"] == b["value"] and abs(a["confidence"] - b["confidence"]) < 1e-4 for a, b in pairs)


def written(body: bytes) -> str:
    """Return the text of a stream's events."""
    events = [json.loads(block.removeprefix(b"data: ")) for block in body.split(b"\n\n") if block]
    return "".join(one["text"] for one in events)


def bombs() -> list[bytes]:
    """Return bodies that become large when they are understood."""
    file = io.BytesIO()
    Image.new("1", (7000, 7000)).save(file, "PNG")
    picture = {"image": base64.b64encode(file.getvalue()).decode()}
    return [
        b"[" * 100_000,
        b'{"records": [' + b"{}," * 50_000 + b"{}]}",
        json.dumps({"records": [picture] * 40}).encode(),
        json.dumps({"image": "A" * 5_000_000}).encode(),
    ]


def png(picture: np.ndarray) -> bytes:
    """Return a digit as a file."""
    file = io.BytesIO()
    Image.fromarray((picture * 255 / 16).astype(np.uint8).repeat(2, 0).repeat(2, 1)).save(file, "PNG")
    return file.getvalue()
