"""Batches of OpenAI's API beside live traffic: lines a second, live latency with and without, and random kill -9.

    python benchmarks/openai_batches.py [LINES] [KILLS]

The model is the tests' tiny one for texts as vectors. Live: one client that asks one text after the other, with a pause
of 50 ms. With KILLS, the server is killed so often at random moments while it works on one batch; every line has to
be answered and booked once.
"""

from __future__ import annotations

import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np

from noria.database import open_database

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "text-embedding"
ENDPOINT = "/v1/embeddings"
AT_ONCE, LIVE, PAUSE_S = 48, 200, 0.05


@contextmanager
def server() -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """Serve the model; kill the server in the end."""
    command = [sys.executable, "-m", "noria.cli", "serve", f"vectors={GOLDEN}", "--port", "0"]
    with tempfile.NamedTemporaryFile("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            while not (found := re.search(r"(http://127\.0\.0\.1:\d+);", Path(log.name).read_text("utf-8"))):
                if process.poll() is not None:
                    raise SystemExit(Path(log.name).read_text("utf-8"))
                time.sleep(0.05)
            with httpx.Client(base_url=found[1], timeout=120) as client:
                yield client, process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def body(index: int) -> dict[str, str]:
    """Return a request."""
    return {"model": "vectors", "input": f"A dog runs {index} miles, and a bird sings."}


def begin(client: httpx.Client, count: int) -> str:
    """Begin a batch of so many lines."""
    lines = ({"custom_id": str(i), "method": "POST", "url": ENDPOINT, "body": body(i)} for i in range(count))
    text = "\n".join(map(json.dumps, lines))
    file = client.post("/v1/files", data={"purpose": "batch"}, files={"file": ("a", text)}).json()["id"]
    asked = {"input_file_id": file, "endpoint": ENDPOINT, "completion_window": "24h"}
    return str(client.post("/v1/batches", json=asked, headers={"Idempotency-Key": os.urandom(8).hex()}).json()["id"])


def completed(client: httpx.Client, batch: str) -> int:
    """Return how many lines are answered."""
    return int(client.get(f"/v1/batches/{batch}").json()["request_counts"]["completed"])


def ended(client: httpx.Client, batch: str) -> dict[str, object]:
    """Wait for the end of a batch."""
    while (found := client.get(f"/v1/batches/{batch}").json())["status"] != "completed":
        time.sleep(0.1)
    return dict(found)


def rate_live(client: httpx.Client, count: int) -> float:
    """Return the requests a second of clients that ask side by side."""

    def ask(index: int) -> None:
        own.client.post(ENDPOINT, json=body(index)).raise_for_status()

    def connect() -> None:
        own.client = httpx.Client(base_url=client.base_url, timeout=120)

    own, began = threading.local(), time.monotonic()
    with ThreadPoolExecutor(AT_ONCE, initializer=connect) as pool:
        list(pool.map(ask, range(count)))
    return count / (time.monotonic() - began)


def latencies(client: httpx.Client) -> list[float]:
    """Return the milliseconds that one client waits for each of its requests."""
    found = []
    for index in range(LIVE):
        time.sleep(PAUSE_S)
        began = time.monotonic()
        client.post(ENDPOINT, json=body(index)).raise_for_status()
        found.append(1000 * (time.monotonic() - began))
    return found


def shown(name: str, milliseconds: list[float]) -> str:
    """Return the percentiles of latencies."""
    p50, p95 = np.percentile(milliseconds, (50, 95))
    return f"{name}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, n {len(milliseconds)}"


def measure(count: int) -> Iterator[str]:
    """Yield rates and latencies."""
    with server() as (client, _):
        alone = latencies(client)
        live = rate_live(client, count)
        began = time.monotonic()
        batch = begin(client, count)
        ended(client, batch)
        seconds = time.monotonic() - began
        yield f"live, {AT_ONCE} clients: {live:.0f} requests/s; batch: {count / seconds:.0f} lines/s; n {count}"
        stop = threading.Event()

        def go_on() -> None:
            with httpx.Client(base_url=client.base_url, timeout=120) as other:
                while not stop.is_set():
                    ended(other, begin(other, count))

        thread = threading.Thread(target=go_on)
        thread.start()
        time.sleep(2)
        beside = latencies(client)
        stop.set()
        yield shown("live latency alone", alone)
        yield shown("live latency beside a batch", beside)
        thread.join()


def survive(count: int, kills: int) -> str:
    """Return what became of a batch whose server was killed at random moments."""
    chance, batch, restarts = random.Random(0), "", 0
    while restarts < kills:
        with server() as (client, _):
            batch = batch or begin(client, count)
            end, before = time.monotonic() + chance.uniform(0.2, 3.0), completed(client, batch)
            while time.monotonic() < end and completed(client, batch) == before:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.3))
        restarts += 1
    with server() as (client, _):
        found = ended(client, batch)
        answers = client.get(f"/v1/files/{found['output_file_id']}/content").text.splitlines()
    ids = [json.loads(one)["custom_id"] for one in answers]
    database = open_database()
    rows = database.transact(lambda to: to.run("select count(*) from entry where job = ?", batch))
    database.close()
    is_right = ids == [str(index) for index in range(count)]
    return f"{kills} kills, {count} lines: each answered once and in order: {is_right}; booked: {rows[0][0]}"


def main() -> None:
    """Measure in a home of its own."""
    count, kills = (int(one) for one in [*sys.argv[1:], *("5000", "0")[len(sys.argv) - 1 :]])
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as home:
        os.environ["NORIA_HOME"] = home
        if kills:
            print(survive(count, kills))
        else:
            for line in measure(count):
                print(line, flush=True)


if __name__ == "__main__":
    main()
