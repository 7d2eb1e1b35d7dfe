"""What the golden bundles are on disk: folders with stored inputs and answers, how two answers are compared.

    tests/golden/TASK[+VARIANT]/config.json model.safetensors inputs.json answers.json

inputs.json: {"records": [{field: raw value}, ...]}; bytes of a file are {"base64": "..."}. answers.json:
{"predictions": [{"value", "confidence", "details"}, ...]}, and of a sound "heard", how loud its stretches are. Knows no
task. Read next: test_golden.py, make_golden.py.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import noria
from noria.store.digests import SEAL, sealed
from noria.types import Media

FOLDER = Path(__file__).parent
TOLERANCE = 1e-4  # relative or absolute, of numbers: CPUs add in different orders; answers are rounded to 1e-6 or 1e-4
STRETCHES = 8  # that a sound is compared by
PNG = "iVBORw0KGgo"  # how a PNG begins in base64: versions of zlib pack the same pixels differently

Weights = dict[str, np.ndarray]


def golden_names() -> list[str]:
    """List the folders of bundles, TASK or TASK+VARIANT."""
    return sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


def stored_records(folder: Path) -> list[dict[str, Any]]:
    """Return the stored inputs as `predict` takes them."""
    records = read(folder / "inputs.json")["records"]
    return [{name: _raw(value) for name, value in record.items()} for record in records]


def as_stored(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return records as JSON holds them; the opposite of `stored_records`."""
    return [
        {
            name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in record.items()
        }
        for record in records
    ]


def answers(folder: Path, records: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return what a bundle answers to records, as JSON holds it."""
    predictions = noria.load(folder, device="cpu").predict(records)
    plain = [
        {"value": one.value, "confidence": one.confidence, "details": one.details}
        | ({"heard": _loudness(one.media)} if one.media and one.media.mime == "audio/wav" else {})
        for one in predictions
    ]
    found: list[Any] = json.loads(json.dumps(plain))
    return found


def differences(expected: Any, found: Any, place: str = "answers") -> list[str]:
    """List where two answers differ: numbers by more than TOLERANCE, pictures in any pixel, all else at all."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping) and expected.keys() == found.keys():
        return [one for key in expected for one in differences(expected[key], found[key], f"{place}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [one for i, pair in pairs for one in differences(*pair, f"{place}[{i}]")]
    if isinstance(expected, float) and isinstance(found, float | int):
        is_same = math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    elif str(expected).startswith(PNG) and str(found).startswith(PNG):
        is_same = np.array_equal(_pixels(expected), _pixels(found))
    else:
        is_same = expected == found
    return [] if is_same else [f"{place}: {str(expected)[:200]} became {str(found)[:200]}"]


def copied(folder: Path, to: Path) -> Path:
    """Copy a bundle with its inputs and answers; return the copy."""
    shutil.copytree(folder, to)
    return to


def rewrite_config(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a bundle's config in place."""
    config = read(folder / "config.json")
    change(config)
    write(folder / "config.json", sealed(config) if SEAL in config else config)


def rewrite_weights(folder: Path, change: Callable[[Weights], Weights]) -> None:
    """Change a bundle's weights in place, and the sha256 that the config knows them by."""
    from safetensors.numpy import load, save

    data = save(change(load((folder / "model.safetensors").read_bytes())))
    (folder / "model.safetensors").write_bytes(data)
    rewrite_config(folder, lambda config: config["weights"].update(sha256=hashlib.sha256(data).hexdigest()))


def noisy(weights: Weights, share: float, seed: int = 0) -> Weights:
    """Return weights each of which is off by about this share of itself."""
    generator = np.random.default_rng(seed)
    return {
        name: np.asarray(value * (1 + share * generator.standard_normal(value.shape)), value.dtype)
        if value.dtype.kind == "f"
        else value
        for name, value in weights.items()
    }


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _raw(value: Any) -> Any:
    is_file = isinstance(value, Mapping) and value.keys() == {"base64"}
    return base64.b64decode(value["base64"]) if is_file else value


def _loudness(sound: Media) -> list[float]:
    """Return how loud each stretch of a sound is: what its samples are, without their phases."""
    import soundfile

    samples = soundfile.read(io.BytesIO(sound.data))[0]
    return [round(float(np.sqrt(np.mean(one**2))), 6) for one in np.array_split(samples, STRETCHES) if len(one)]


def _pixels(encoded: str) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        return np.asarray(picture.convert("RGB"))
