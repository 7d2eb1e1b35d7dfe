"""A server under mixed load, reloads, killed and stopped processes and hostile clients, for as long as is wished.

    python benchmarks/soak.py [--minutes 30] [--seed 0]          make soak

Two tiny models are trained, served by two processes each, and asked over real sockets. Every few seconds one thing
happens to the server: SIGHUP, SIGKILL or SIGSTOP of one of a model's processes; the next happens when all are back. It
fails where an answer is not the predictor's own, where a well-formed request fails other than by a 503 or 429 with
Retry-After, where the memory of the process that listens grows by more than 1 MiB a minute, or descriptors are left open.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from sklearn.datasets import load_digits
from soak_clients import GoodClient, HostileClient, Question, Tally

import noria

MIB = 1 << 20
START_SECONDS, BACK_SECONDS = 300.0, 300.0  # on a busy machine
CALM_SECONDS = 3.0  # after everything is back, until the next thing happens
SAMPLE_SECONDS = 0.5
WORKERS = 2  # processes of each model
FEW_DESCRIPTORS = 4  # that may come and go: a connection that is just closing


@dataclass
class Outcome:
    """What came of it. `problems` is empty where everything held."""

    tally: Tally
    faults: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    mib_per_minute: float = 0.0
    most_mib: float = 0.0
    descriptors: tuple[int, int] = (0, 0)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"answered rightly    {sum(self.tally.answered.values())}  {dict(self.tally.answered)}",
            f"put off (declared)  {dict(self.tally.put_off)}",
            f"wrong               {len(self.tally.wrong)}",
            f"failed              {len(self.tally.failed)}",
            f"faults              {dict(self.faults)}",
            f"hostile             {dict(self.deeds)}",
            f"memory              {self.mib_per_minute:+.2f} MiB a minute, at most {self.most_mib:.0f} MiB",
            f"descriptors         {self.descriptors[0]} before, {self.descriptors[1]} after",
        ]
        return "\n".join([*lines, *(f"PROBLEM: {one}" for one in self.problems)])


def main() -> None:
    """Print what came of it; exit code 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = soak(Path(folder), arguments.minutes, seed=arguments.seed)
    print(outcome)
    raise SystemExit(1 if outcome.problems else 0)


def soak(folder: Path, minutes: float, seed: int = 0, most_growth: float = 1.0) -> Outcome:
    """Train, serve, ask and harm; return what came of it. most_growth: MiB a minute."""
    runs = {"digits": digits(folder), "names": names(folder)}
    questions = questions_of(runs)
    server = Server(folder, runs)
    try:
        return Soak(server, questions, seed, most_growth).run(60 * minutes)
    finally:
        server.process.kill()
        server.process.wait()


class Server:
    """`noria serve` in a process of its own."""

    def __init__(self, folder: Path, runs: dict[str, Path]) -> None:
        self.log = folder / "server.log"
        command = [sys.executable, "-m", "noria.cli", "serve", *(f"{name}={run}" for name, run in runs.items())]
        command += ["--port", "0", "--workers", str(WORKERS), "--access-log", str(folder / "access.log")]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.num_workers = WORKERS * len(runs)
        end = time.monotonic() + START_SECONDS
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the server does not start:\n{self.log.read_text()}")
            time.sleep(0.1)
        self.port = int(found[1])
        self.own = psutil.Process(self.process.pid)

    def workers(self) -> list[psutil.Process]:
        """Return the processes of the models."""
        return [one for one in self.own.children() if one.status() != psutil.STATUS_ZOMBIE]

    def is_whole(self) -> bool:
        """Say whether as many processes run as there should, none of them stopped, and all answer."""
        workers = self.workers()
        if len(workers) != self.num_workers or any(one.status() == psutil.STATUS_STOPPED for one in workers):
            return False
        import urllib.request

        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Soak:
    """One go."""

    def __init__(self, server: Server, questions: list[Question], seed: int, most_growth: float) -> None:
        self._server, self._questions, self._most_growth = server, questions, most_growth
        self._seed, self._random = seed, random.Random(seed)
        self._outcome = Outcome(Tally())
        self._memory: list[tuple[float, float]] = []  # seconds, MiB

    def run(self, seconds: float) -> Outcome:
        """Let everybody loose for so long, then look at what is left."""
        outcome, over = self._outcome, threading.Event()
        self._ask_once()
        before = self._server.own.num_fds()
        good = [GoodClient(self._server.port, self._questions, outcome.tally, over, self._seed + n) for n in range(4)]
        hostile = [HostileClient(self._server.port, bombs(), over, self._seed + n) for n in range(2)]
        for client in [*good, *hostile]:
            client.start()
        self._harm(time.monotonic() + seconds)
        self._wait_until_whole("at the end")
        over.set()
        for client in [*good, *hostile]:
            client.join(60)
        for one in hostile:
            outcome.deeds += one.done
        self._judge(before)
        return outcome

    def _ask_once(self) -> None:
        """Ask every question, so that everything is loaded before memory is measured."""
        over = threading.Event()
        client = GoodClient(self._server.port, self._questions, self._outcome.tally, over, self._seed)
        client.start()
        while set(self._outcome.tally.answered) != {one.name for one in self._questions} and client.is_alive():
            if self._outcome.tally.failed or self._outcome.tally.wrong:
                break
            time.sleep(0.1)
        over.set()
        client.join()

    def _harm(self, end: float) -> None:
        """Do one thing after another to the server."""
        while time.monotonic() < end and self._server.process.poll() is None:
            self._watch(CALM_SECONDS)
            kind = self._random.choice(["SIGHUP", "SIGKILL", "SIGSTOP"])
            try:
                if kind == "SIGHUP":
                    self._server.process.send_signal(signal.SIGHUP)
                else:
                    self._random.choice(self._server.workers()).send_signal(getattr(signal, kind))
            except (psutil.NoSuchProcess, IndexError):
                continue
            self._outcome.faults[kind] += 1
            self._watch(2.0)  # a reload has begun, a killed process has been missed
            self._wait_until_whole(f"after {kind}")

    def _wait_until_whole(self, when: str) -> None:
        end = time.monotonic() + BACK_SECONDS
        while not self._server.is_whole():
            self._watch(SAMPLE_SECONDS)
            if time.monotonic() > end or self._server.process.poll() is not None:
                self._outcome.problems.append(f"the models are not back {when}")
                return

    def _watch(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._memory.append((time.monotonic(), self._server.own.memory_info().rss / MIB))
            time.sleep(SAMPLE_SECONDS)

    def _judge(self, before: int) -> None:
        outcome = self._outcome
        if self._server.process.poll() is not None:
            outcome.problems.append(f"the server has ended with {self._server.process.returncode}")
            return
        end = time.monotonic() + 60
        while self._server.own.num_fds() > before + FEW_DESCRIPTORS and time.monotonic() < end:
            time.sleep(0.5)  # what hostile clients left is closed at its deadline
        outcome.descriptors = (before, self._server.own.num_fds())
        outcome.mib_per_minute = slope(self._memory)
        outcome.most_mib = max(size for _, size in self._memory)
        for kind, found in (("wrong answer", outcome.tally.wrong), ("failed request", outcome.tally.failed)):
            outcome.problems += [f"{kind}: {one}" for one in found[:5]]
        if outcome.mib_per_minute > self._most_growth:
            outcome.problems.append(f"memory grows by {outcome.mib_per_minute:.2f} MiB a minute")
        if outcome.descriptors[1] > before + FEW_DESCRIPTORS:
            outcome.problems.append(f"{outcome.descriptors[1] - before} descriptors are left open")


def slope(memory: list[tuple[float, float]]) -> float:
    """Return MiB a minute, by least squares over the later two thirds: before, buffers find their size."""
    later = np.array(memory[len(memory) // 3 :])
    return float(60 * np.polyfit(later[:, 0] - later[0, 0], later[:, 1], 1)[0]) if len(later) > 2 else 0.0


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


MODELS = {"digits", "names"}


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


if __name__ == "__main__":
    main()
