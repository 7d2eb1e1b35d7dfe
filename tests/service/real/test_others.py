"""tritonclient, InferenceClient and Ollama's client against a real server: what they get is what the predictors say."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noria.pipeline.predictor import Predictor
from service.clients import python_of
from service.real.conftest import KEY, TASKS
from service.server import SECONDS, Served

FILMS = ["a moving film", "dull"]
DOGS = ["A dog runs.", "A bird sings."]
TALK = {"messages": [{"role": "user", "content": "What is a noria?"}]}
WARM = {"max_tokens": 6, "temperature": 0.9, "seed": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture."""
    made = tmp_path_factory.mktemp("given")
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(made / "picture.png")
    return made


def heard(client: str, script: str, server: Served, folder: Path) -> dict[str, Any]:
    """Return what a client's user got."""
    command = [str(python_of(client)), "-I", str(Path(__file__).with_name(script)), server.url, KEY, str(folder)]
    online = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}  # which forbids loopback
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=online)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def written(predictor: Predictor, record: Any, **settings: Any) -> str:
    return "".join(str(one.content) for one in predictor.stream(record, **settings))


def test_tritonclient_gets_what_the_predictors_say(server, folder, own) -> None:
    found = heard("tritonclient", "triton.py", server, folder)
    answers = own("text").predict(FILMS)
    texts = {"value": [one.value for one in answers], "confidence": [one.confidence for one in answers]}
    chances = [one.details["probabilities"] for one in answers]
    full = {**texts, "labels": [list(one) for one in chances], "probabilities": [list(one.values()) for one in chances]}
    full["details"] = ["{}", "{}"]
    for name in ("texts", "column", "packed", "later"):
        assert found[name] == full, name
    assert found["texts in json"] == texts
    assert found["id"] == "7"
    picture = own("masks").predict([{"image": (folder / "picture.png").read_bytes()}])[0]
    assert (json.loads(found["picture"]["value"][0]), found["picture"]["confidence"]) == (
        picture.value,
        [picture.confidence],
    )
    person = {"age": "63", "sex": "1", "pressure": "145", "pain": "typical"}
    assert found["table"]["confidence"] == [own("table").predict([{"table": person}])[0].confidence]
    assert found["sound"] == "RIFF"
    assert found["health"] == [True, True]
    assert found["ready"]
    assert found["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert found["config"] == [{"name": "text", "data_type": "TYPE_STRING", "dims": [-1]}]
    assert sorted(found["index"]) == sorted(TASKS)
    told = found["errors"]
    assert "priority" in told.pop("priority")[1]
    assert "txt" in told.pop("input")[1]
    assert told == {"no model": [404], "no key": [401], "version": [404], "load": [501], "statistics": [501]}


def test_huggingfaces_client_gets_what_the_predictors_say(server, folder, own) -> None:
    found = heard("huggingface_hub", "hugging_face.py", server, folder)
    picture = {"image": (folder / "picture.png").read_bytes()}

    chances = own("text").predict([FILMS[0]])[0].details["probabilities"]
    assert found["text"] == found["text by task"] == chances
    assert found["best"] == 1
    filled = own("mask").predict(["To be, or not to [MASK]."])[0]
    assert found["mask"] == [filled.value, filled.details["masks"][0][0]["probability"]]
    assert [one[1:] for one in found["masks"]] == [[80, 60]] * len(found["masks"])
    assert found["masks of text"] == len(found["masks"])
    assert {one[0] for one in found["masks"]} == set(own("masks").predict([picture])[0].details["shares"])
    assert found["voice"] == "RIFF"
    writer = own("writer")
    assert found["goes on"] == written(writer, "To be", **WARM)
    assert found["streamed"] == written(writer, "To be", max_tokens=6)
    assert found["whole"] == f"To be{found['streamed']}"
    assert np.array(found["vectors"]) == pytest.approx(np.array([one.value for one in own("vectors").predict(DOGS)]))
    assert found["alike"][1] == pytest.approx(1, abs=1e-5)
    assert found["chat"] == written(own("chat"), TALK, max_tokens=5, temperature=0)
    assert found["info"] == ["feature-extraction", "sentence-similarity"]
    assert found["health"]
    assert len(found["table"]) == 2
    told = found["errors"]
    assert told.pop("details")[0] == "ValidationError"
    assert {name: one[1] for name, one in told.items()} == {
        **{"no model": 404, "parameter": 400, "language": 400, "zero shot": 400, "no key": 401},
    }


def test_ollamas_client_gets_what_the_predictors_say(server, folder, own) -> None:
    found = heard("ollama", "ollama_user.py", server, folder)
    assert found["models"] == [f"{name}:latest" for name in ("chat", "vectors", "writer")]
    assert found["running"] == 3
    assert found["can"] == ["embedding"]
    assert found["goes on"] == found["streamed"] == written(own("writer"), "To be", **WARM)
    assert found["ended"][0]
    assert found["chat"] == found["chat streamed"] == written(own("chat"), TALK, **WARM)
    assert found["loaded"] == "load"
    vectors = [one.value for one in own("vectors").predict(DOGS)]
    assert np.array(found["vectors"]) == pytest.approx(np.array(vectors))
    assert found["vector"] == pytest.approx(vectors[0])
    told = found["errors"]
    assert "think" in told.pop("think")[1]
    assert "mirostat" in told.pop("option")[1]
    assert told == {"no model": [404], "streamed": [404], "not a writer": [404], "pull": [501]}
