"""A server under mixed load, reloads, killed and stopped processes and hostile clients, for as long as is wished.

    python benchmarks/soak.py [--minutes 30] [--seed 0]          make soak

Two tiny models are trained, served by two processes each, and asked over real sockets. Every few seconds one thing
happens to the server: SIGHUP, SIGKILL or SIGSTOP of one of a model's processes; the next happens when all are back. It
fails where an answer is not the predictor's own, where a well-formed request fails other than by a 503 or 429 with
Retry-After, where the memory of the process that listens grows by more than 1 MiB a minute, or descriptors stay open.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from soak_clients import GoodClient, HostileClient, Question, Tally
from soak_questions import bombs, digits, names, questions_of

MIB = 1 << 20
START_SECONDS, BACK_SECONDS = 300.0, 300.0  # on a busy machine
SAMPLE_SECONDS = 0.5
KINDS = ["SIGHUP", "SIGKILL", "SIGSTOP"]
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
        made = Path(folder)
        outcome = soak({"digits": digits(made), "names": names(made)}, made, arguments.minutes, seed=arguments.seed)
    print(outcome)
    raise SystemExit(1 if outcome.problems else 0)


@dataclass(frozen=True)
class Pace:
    """How hard it is. most_growth: MiB a minute. rest: seconds of a good client between two questions. calm: seconds
    after everything is back, until the next thing happens."""

    most_growth: float = 1.0
    rest: float = 0.0
    calm: float = 3.0


def soak(runs: dict[str, Path], folder: Path, minutes: float, seed: int = 0, pace: Pace | None = None) -> Outcome:
    """Serve, ask and harm; return what came of it."""
    questions = questions_of(runs)
    server = Server(folder, runs)
    try:
        return Soak(server, questions, seed, pace or Pace()).run(60 * minutes)
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
        self.num_workers, self.num_harmed, self.num_reloaded = WORKERS * len(runs), 0, 0
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
        said = self.log.read_text()
        if said.count("answers again") < self.num_harmed:
            return False  # one is loading: stopped at that, it would be waited for as long as a model may load
        if said.count("is served in the place of") + said.count("is still served") < self.num_reloaded:
            return False  # one is going to be replaced: harmed before that, it would never answer again
        workers = self.workers()
        if len(workers) != self.num_workers or any(one.status() == psutil.STATUS_STOPPED for one in workers):
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Soak:
    """One go."""

    def __init__(self, server: Server, questions: list[Question], seed: int, pace: Pace) -> None:
        self._server, self._questions, self._pace = server, questions, pace
        self._seed, self._random = seed, random.Random(seed)
        self._outcome = Outcome(Tally())
        self._memory: list[tuple[float, float]] = []  # seconds, MiB

    def run(self, seconds: float) -> Outcome:
        """Let everybody loose for so long, then look at what is left."""
        outcome, over = self._outcome, threading.Event()
        self._ask_once()
        before = self._server.own.num_fds()
        good = [self._good_client(over, n, self._pace.rest) for n in range(4)]
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
        client = self._good_client(over)
        client.start()
        while set(self._outcome.tally.answered) != {one.name for one in self._questions} and client.is_alive():
            if self._outcome.tally.failed or self._outcome.tally.wrong:
                break
            time.sleep(0.1)
        over.set()
        client.join()

    def _good_client(self, over: threading.Event, number: int = 0, rest: float = 0.0) -> GoodClient:
        tally = self._outcome.tally
        return GoodClient(self._server.port, self._questions, tally, over, self._seed + number, rest)

    def _harm(self, end: float) -> None:
        """Do one thing after another to the server: each once before any is done again, and once at least."""
        kinds = self._random.sample(KINDS, len(KINDS))
        while (kinds or time.monotonic() < end) and self._server.process.poll() is None:
            self._watch(self._pace.calm)
            kinds = kinds or self._random.sample(KINDS, len(KINDS))
            kind = kinds[-1]
            try:
                if kind == "SIGHUP":
                    self._server.process.send_signal(signal.SIGHUP)
                    self._server.num_reloaded += self._server.num_workers // WORKERS
                else:
                    self._random.choice(self._server.workers()).send_signal(getattr(signal, kind))
                    self._server.num_harmed += 1
            except (psutil.NoSuchProcess, IndexError):
                continue
            self._outcome.faults[kinds.pop()] += 1
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
        outcome.mib_per_minute = growth(self._memory)
        outcome.most_mib = max(size for _, size in self._memory)
        for kind, found in (("wrong answer", outcome.tally.wrong), ("failed request", outcome.tally.failed)):
            outcome.problems += [f"{kind}: {one}" for one in found[:5]]
        if outcome.mib_per_minute > self._pace.most_growth:
            outcome.problems.append(f"memory grows by {outcome.mib_per_minute:.2f} MiB a minute")
        if outcome.descriptors[1] > before + FEW_DESCRIPTORS:
            outcome.problems.append(f"{outcome.descriptors[1] - before} descriptors are left open")


def growth(memory: list[tuple[float, float]]) -> float:
    """Return MiB a minute: how far the lowest of the last third lies above the lowest of the second.

    In the first third buffers find their size; what is held for a while, a body or a version that is being loaded, is
    no growth. memory: seconds and MiB, in order.
    """
    start, end = memory[0][0], memory[-1][0]
    third = (end - start) / 3
    second = [size for time_s, size in memory if start + third <= time_s < end - third]
    last = [size for time_s, size in memory if time_s >= end - third]
    return 60 * (min(last) - min(second)) / third if second else 0.0


if __name__ == "__main__":
    main()
