"""OpenAI's own clients and curl, against a real server on a real port: what they get is what the predictors say."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from noria.contract import registry
from noria.contract.examples import records_like
from noria.pipeline.predictor import Predictor
from noria.text.subtitles import lines_of, srt, vtt
from service.clients import CLIENTS, python_of
from service.real.conftest import KEY, TASKS
from service.server import SECONDS, Served

Own: TypeAlias = "Callable[[str], Predictor]"

WARM = {"temperature": 1.0, "seed": 3, "max_tokens": 12}
TALK = [{"role": "user", "content": "What is a noria?"}]
TEXTS = ["the wheel turns", "水车"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: Any) -> Path:
    (record,) = records_like(registry.task("speech-recognition"), 1, seed=5)
    path: Path = tmp_path_factory.mktemp("sound") / "talk.wav"
    path.write_bytes(record["audio"])
    return path


@pytest.fixture(scope="module")
def expected(own: Own, sound: Path) -> dict[str, Any]:
    """What the predictors say."""

    def written(name: str, record: Any, **settings: Any) -> str:
        return "".join(str(one.content) for one in own(name).stream(record, **settings))

    said = own("ears").predict([{"audio": sound.read_bytes()}])[0]
    lines = lines_of(said.value, said.details["words"])
    wav = b"".join(bytes(one.content) for one in own("voice").stream({"text": "aoi"}))  # type: ignore[arg-type]
    chat = {"messages": TALK}
    return {
        "models": sorted({*TASKS, "chat"}),
        "chat": written("chat", chat, **WARM),
        "chat_stream": written("chat", chat, **WARM),
        "chat_json": {"a": "b"},
        "chats_side_by_side": [written("chat", chat, **{**WARM, "seed": seed}) for seed in range(6)],
        "completion": [written("writer", {"prompt": prompt}, **WARM) for prompt in ("To be", "or")],
        "response": written("chat", chat, temperature=1.0, max_tokens=12),
        "embeddings": [one.value for one in own("vectors").predict([{"text": text} for text in TEXTS])],
        "transcription": {
            "text": f"{said.value}\n",
            "json": said.value,
            "streamed": said.value,
            "srt": srt(lines),
            "vtt": vtt(lines),
            "words": [[one["text"], one["start_s"], one["end_s"]] for one in said.details["words"]],
            "segments": [[start, end, text] for start, end, text in lines],
        },
        "speech": [len(wav), len(wav) - 44, "RIFF"],
        "errors": {
            "no model": ["NotFoundError", 404, "model", "model_not_found"],
            "no model to find": ["NotFoundError", 404, None, "not_found"],
            "wrong key": ["AuthenticationError", 401],
            "picture": ["BadRequestError", 400, "messages[0].content[0].type", "unsupported_parameter"],
            "tools": ["BadRequestError", 400, "tools", "unsupported_parameter"],
            "mp3": ["BadRequestError", 400, "response_format", "unsupported_value"],
            "streamed": ["BadRequestError", 400, "n", "invalid_value"],
        },
    }


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.startswith("openai")])
def test_a_client_gets_what_the_predictors_say(
    client: str, server: Served, expected: dict[str, Any], sound: Path
) -> None:
    script = Path(__file__).with_name("openai_user.py")
    command = [str(python_of(client)), "-I", str(script), server.url, KEY, str(sound)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    packed, plain = found.pop("embeddings")
    vectors = np.array(expected["embeddings"])
    assert np.array(plain) == pytest.approx(vectors, abs=1e-5)
    assert np.array(packed) == pytest.approx(vectors, abs=1e-5)
    errors = found.pop("errors")
    assert 400 <= errors.pop("not a chat")[1] < 500
    for name, told in expected["errors"].items():
        assert errors[name][: len(told)] == told, name
    assert found == {name: one for name, one in expected.items() if name not in ("embeddings", "errors")}


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.startswith("openai")])
def test_a_client_of_batches_gets_what_the_predictors_say(
    client: str, server: Served, expected: dict[str, Any], tmp_path: Path
) -> None:
    script = Path(__file__).with_name("openai_batches.py")
    command = [str(python_of(client)), "-I", str(script), server.url, KEY, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["chat"] == expected["chats_side_by_side"]
    assert np.array(found["embeddings"]) == pytest.approx(np.array(expected["embeddings"]), abs=1e-5)
    assert found["lists"] == [True, 2]
    assert found["cancelled"] == 2000
    assert found["errors"] == {
        "url": ["BadRequestError", 400, "invalid_url"],
        "purpose": ["BadRequestError", 400, "invalid_value"],
        "file": ["NotFoundError", 404, "not_found"],
        "batch": ["NotFoundError", 404, "not_found"],
    }


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_gets_it_too(server: Served, expected: dict[str, Any], sound: Path) -> None:
    def curl(path: str, *words: str) -> str:
        command = [
            "curl",
            "-sS",
            "--max-time",
            "60",
            "-H",
            f"Authorization: Bearer {KEY}",
            f"{server.url}{path}",
            *words,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=90).stdout

    body = json.dumps({"model": "chat", "messages": TALK, **WARM})
    said = json.loads(curl("/v1/chat/completions", "-H", "Content-Type: application/json", "-d", body))
    assert said["choices"][0]["message"]["content"] == expected["chat"]
    form = ["-F", f"file=@{sound}", "-F", "model=ears", "-F", "response_format=srt"]
    assert curl("/v1/audio/transcriptions", *form) == expected["transcription"]["srt"]
    assert json.loads(curl("/v1/models/voice"))["id"] == "voice"
