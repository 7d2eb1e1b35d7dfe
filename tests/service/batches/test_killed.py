"""A server that is killed goes on with its batches when it is started again: each line is answered, and once."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from noria.database import open_database
from noria.pipeline.predictor import Predictor
from service.batches.conftest import GOLDEN
from service.batches.server import ENDPOINT, line
from service.server import SECONDS

KILLS = 2
LINES = 3000


@contextmanager
def server(log: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """Serve a model of vectors from the environment's home; kill it in the end."""
    command = [sys.executable, "-m", "noria.cli", "serve", f"vectors={GOLDEN / 'text-embedding'}", "--port", "0"]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=dict(os.environ))
    try:
        end = time.monotonic() + SECONDS
        while not (found := re.search(r"(http://127\.0\.0\.1:\d+);", log.read_text("utf-8"))):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.05)
        with httpx.Client(base_url=found[1], timeout=60) as client:
            yield client, process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)


def begun(client: httpx.Client, lines: list[Any]) -> str:
    text = "\n".join(map(json.dumps, lines))
    file = client.post("/v1/files", data={"purpose": "batch"}, files={"file": ("a", text)}).json()["id"]
    asked = {"input_file_id": file, "endpoint": ENDPOINT, "completion_window": "24h"}
    return str(client.post("/v1/batches", json=asked).json()["id"])


def test_a_killed_server_goes_on_and_each_line_is_answered_once(tmp_path: Path, vectors: Predictor) -> None:
    texts = [f"A dog runs {index} miles." for index in range(LINES)]
    chance, batch = random.Random(0), ""
    for kill in range(KILLS):
        with server(tmp_path / f"log{kill}") as (client, _):
            batch = batch or begun(client, [line(index, text) for index, text in enumerate(texts)])
            before = client.get(f"/v1/batches/{batch}").json()["request_counts"]["completed"]
            end = time.monotonic() + SECONDS
            while client.get(f"/v1/batches/{batch}").json()["request_counts"]["completed"] == before:
                assert time.monotonic() < end, (tmp_path / f"log{kill}").read_text("utf-8")
            time.sleep(chance.uniform(0, 0.3))
    with server(tmp_path / "log") as (client, _):
        end = time.monotonic() + SECONDS
        while (found := client.get(f"/v1/batches/{batch}").json())["status"] != "completed":
            assert time.monotonic() < end, found
            time.sleep(0.1)
        answers = client.get(f"/v1/files/{found['output_file_id']}/content").text.splitlines()
    assert found["request_counts"] == {"total": LINES, "completed": LINES, "failed": 0}
    got = [json.loads(one) for one in answers]
    assert [one["custom_id"] for one in got] == [str(index) for index in range(LINES)]
    assert [one["id"] for one in got] == [f"{batch}/{number}" for number in range(1, LINES + 1)]
    database = open_database()
    predictions = "select amount from total where name = 'predictions' and job = ?"
    assert sum(database.transact(lambda to: to.run(predictions, batch))[0]) == LINES
    database.close()
    expected = vectors.predict([{"text": text} for text in texts[::100]])
    for one, answer in zip(got[::100], expected, strict=True):
        assert one["response"]["body"]["data"][0]["embedding"] == pytest.approx(answer.value, abs=5e-6)
