"""Requests a second and their latency, over loopback: Noria's service, LitServe and FastAPI around a pipeline.

    python benchmarks/service.py [--rounds 3] [--seconds 20] [--clients 32] [--only classifier,noop,overhead,chat]

classifier: MiniLM with a head of two classes, sentences of mixed lengths, one a request; LitServe with its batching
(32 at most, 10 ms), FastAPI around `transformers.pipeline`. All in float32, two threads; Noria also in bfloat16.
noop: what does no work: a LitServe API that returns its input, and a table's model of Noria, which does a little.
overhead: one client, one sentence: the service's latency less that of the predictor alone.
chat: SmolLM2, 1 and 16 streams: Noria and the server of llama.cpp (package xllamacpp) with the weights of 4 bits,
`transformers serve` with them unpacked to bfloat16: on a CPU it reads no others.
The client is one process of plain sockets. Rounds are interleaved; each server is started, warmed up and stopped anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import DATA, NORIA, ROOT, environment, machine, minilm, smollm2

PEER = ROOT / "benchmarks" / "peers" / "services.py"
LITSERVE = ROOT / "benchmarks" / "peers" / "services_litserve.py"
START_SECONDS = 240
TOKENS = 64


@dataclass(frozen=True)
class Server:
    """How a server is started and asked. `body` makes the request of a sentence; a port is filled in as {port}."""

    name: str
    command: Sequence[str]
    path: str
    body: Callable[[str], object]


@dataclass
class Found:
    """What a round measured."""

    seconds: list[float]
    wall: float
    tokens: int = 0

    @property
    def rate(self) -> float:
        """Return the requests a second."""
        return len(self.seconds) / self.wall

    @property
    def token_rate(self) -> float:
        """Return the tokens a second that the answers hold."""
        return self.tokens / self.wall

    def quantile(self, share: float) -> float:
        """Return a quantile of the latency, in milliseconds."""
        return float(np.quantile(self.seconds, share)) * 1000


def main() -> None:
    """Run what is asked for, print a table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--only", default="classifier,noop,overhead,chat")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    speeches = (DATA / "shakespeare" / "input.txt").read_text("utf-8").split("\n\n")[:2000]
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if {"classifier", "overhead"} & set(wanted):
            run = classifier(folder)
        if "classifier" in wanted:
            quick = classifier(folder, "evaluate.precision=bfloat16")
            table("classifier", arguments, classifiers(run, quick), speeches, arguments.clients)
        if "noop" in wanted:
            table("noop", arguments, noops(folder), ["x"], arguments.clients)
        if "overhead" in wanted:
            overhead(arguments, run, speeches)
        if "chat" in wanted:
            servers = chats(folder)
            for streams in (1, 16):
                table(f"chat, {streams} streams", arguments, servers, speeches[:64], streams, tokens=True)


def classifier(folder: Path, *overrides: str) -> Path:
    """Train MiniLM with a head of two classes for a few steps: how good it is does not matter here."""
    rows = [f"{'ab'[i % 2]},{('good', 'bad')[i % 2]} thing number {i}" for i in range(80)]
    (folder / "texts.csv").write_text("\n".join(["label,text", *rows]), "utf-8")
    job = f"task: text-classification\ndata: {{path: '{folder / 'texts.csv'}'}}\ntrain: {{steps: 2}}\n"
    return trained(folder / f"classifier{len(overrides)}", job, f"model.pretrained={minilm()}", *overrides)


def trained(run: Path, job: str, *overrides: str) -> Path:
    """Train a job, a text or the name of a shipped one, and return its run; show what it says where it fails."""
    file = run.with_suffix(".yaml")
    file.write_text(job, "utf-8")
    env = {**os.environ, "NORIA_CACHE": str(run.parent / "cache")}
    command = [*NORIA, "train", str(file) if "\n" in job else job, *overrides, "--run", str(run)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return run


def classifiers(run: Path, quick: Path | None = None) -> list[Server]:
    """Return the servers of one classifier; quick: the same in bfloat16."""
    python = str(environment("services", ["torch==2.13.0", "transformers>=5", "litserve", "fastapi", "uvicorn"]))
    own = [*NORIA, "serve", str(run), "--port", "{port}"]
    others = (("LitServe, batches of 32", LITSERVE, "classifier"), ("FastAPI, pipeline", PEER, "fastapi"))
    peers = [
        Server(name, [python, str(script), kind, "{port}", str(minilm())], "/predict", lambda text: {"text": text})
        for name, script, kind in others
    ]
    ours = [Server("Noria", own, "/predict", lambda text: {"text": text})]
    if quick is not None:
        own = [*NORIA, "serve", str(quick), "--port", "{port}"]
        ours.append(Server("Noria, bfloat16", own, "/predict", lambda text: {"text": text}))
    return [*ours, *peers]


def noops(folder: Path) -> list[Server]:
    """Return servers that do nothing, or a table's row."""
    python = str(environment("services", ["torch==2.13.0", "transformers>=5", "litserve", "fastapi", "uvicorn"]))
    rows = ["x,label", *(f"{i * 37 % 101},{'ab'[i * 37 % 101 > 50]}" for i in range(200))]
    (folder / "table.csv").write_text("\n".join(rows), "utf-8")
    job = f"task: tabular-classification\ndata: {{path: '{folder / 'table.csv'}'}}\ntrain: {{steps: 2}}\n"
    own = [*NORIA, "serve", str(trained(folder / "noop", job)), "--port", "{port}"]
    return [
        Server("Noria, a row of a table", own, "/predict", lambda _: {"x": 1}),
        Server("LitServe, no work", [python, str(LITSERVE), "noop", "{port}", ""], "/predict", lambda _: {"text": "x"}),
    ]


def chats(folder: Path) -> list[Server]:
    """Return the servers of SmolLM2 by OpenAI's API, from one file of weights."""
    gguf = smollm2()
    run = trained_chat(folder, gguf)
    llama = str(environment("llamacpp", ["xllamacpp"]))
    python = environment("transformers_serve", ["torch==2.13.0", "transformers[serving]>=5.24", "gguf", "accelerate"])
    weights = folder / "SmolLM2"
    if not weights.exists():
        subprocess.run([str(python), str(PEER), "unpacked", "0", f"{gguf}:{weights}"], check=True)
    serve = [str(python.with_name("transformers")), "serve", str(weights), "--port", "{port}", "--device", "cpu"]
    serve += ["--dtype", "bfloat16"]

    def body(text: str, model: str = "chat") -> dict[str, object]:
        said = [{"role": "user", "content": f"Go on with this: {text[:200]}"}]
        return {"model": model, "messages": said, "max_tokens": TOKENS, "temperature": 0, "stream": False}

    def body_of_folder(text: str) -> dict[str, object]:
        return body(text, str(weights))

    return [
        Server("Noria", [*NORIA, "serve", f"chat={run}", "--port", "{port}"], "/v1/chat/completions", body),
        Server("llama.cpp", [llama, str(PEER), "llamacpp", "{port}", str(gguf)], "/v1/chat/completions", body),
        Server("transformers serve", serve, "/v1/chat/completions", body_of_folder),
    ]


def trained_chat(folder: Path, gguf: Path | None) -> Path:
    """Return a run that holds the weights of a GGUF file as they are."""
    roles = ("user", "assistant")
    talks = [{"messages": [{"role": role, "content": f"{role} {i}"} for role in roles]} for i in range(20)]
    (folder / "talks.jsonl").write_text("\n".join(map(json.dumps, talks)), "utf-8")
    data = (f"data.path={folder / 'talks.jsonl'}", f"model.pretrained={gguf}", "train.steps=0", "train.epochs=null")
    quick = ("target.max_tokens=2", "target.overlap=none", "evaluate.precision=bfloat16")
    return trained(folder / "chat", "chat", *data, *quick)


def table(
    title: str,
    arguments: argparse.Namespace,
    servers: Sequence[Server],
    texts: Sequence[str],
    clients: int,
    tokens: bool = False,
) -> None:
    """Ask all servers in turn; print medians and ranges."""
    found: dict[str, list[Found]] = {one.name: [] for one in servers}
    for turn in range(arguments.rounds):
        for one in servers:
            with running(one) as port:
                bodies = [json.dumps(one.body(text)).encode() for text in texts]
                asyncio.run(load(port, one.path, bodies, clients, min(5.0, arguments.seconds)))
                found[one.name].append(asyncio.run(load(port, one.path, bodies, clients, arguments.seconds)))
            last = found[one.name][-1]
            print(f"round {turn + 1} {one.name}: {last.rate:.1f}/s, p99 {last.quantile(0.99):.0f} ms", flush=True)
    unit = "tokens" if tokens else "requests"
    print(f"\n{title}, {clients} clients\n| | {unit} a second | p50 ms | p99 ms | times Noria |\n|---|---|---|---|---|")
    first = statistics.median(one.token_rate if tokens else one.rate for one in found[servers[0].name])
    for name, rounds in found.items():
        rates = [one.token_rate if tokens else one.rate for one in rounds]
        middle = statistics.median(rates)
        p50, p99 = (statistics.median(one.quantile(share) for one in rounds) for share in (0.5, 0.99))
        ratio = middle / first
        print(f"| {name} | {middle:.1f} ({min(rates):.1f}-{max(rates):.1f}) | {p50:.1f} | {p99:.1f} | {ratio:.2f} |")
    print()


def overhead(arguments: argparse.Namespace, run: Path, speeches: Sequence[str]) -> None:
    """Compare one client of the service with the predictor alone, in a process each, on the same sentences."""
    server = classifiers(run)[0]
    differences = []
    for _ in range(arguments.rounds):
        done = subprocess.run(
            [sys.executable, str(PEER), "bare", "0", str(run)], input="\0".join(speeches[:300]), check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        bare = float(done.stdout)
        with running(server) as port:
            bodies = [json.dumps(server.body(text)).encode() for text in speeches[:300]]
            asyncio.run(load(port, server.path, bodies, 1, 3.0))
            served = asyncio.run(load(port, server.path, bodies, 1, arguments.seconds)).quantile(0.5)
        differences.append(served - bare)
        print(f"predictor alone {bare:.2f} ms, served {served:.2f} ms", flush=True)
    middle = statistics.median(differences)
    print(f"\noverhead at batch 1: p50 {middle:.2f} ms ({min(differences):.2f} to {max(differences):.2f})\n")


@contextmanager
def running(server: Server) -> Iterator[int]:
    """Start a server, wait until it answers, yield its port, stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [part.replace("{port}", str(port)) for part in server.command]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            end = time.monotonic() + START_SECONDS
            body = json.dumps(server.body("a sentence")).encode()
            while not answers(port, server.path, body):
                if process.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise SystemExit(f"{server.name} does not start:\n{log.read().decode()[-3000:]}")
                time.sleep(0.3)
            yield port
        finally:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, sent)
                    process.wait(15)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue


def answers(port: int, path: str, body: bytes) -> bool:
    """Say whether a request is answered with 200."""
    try:
        return asyncio.run(one_request(port, path, body)) == 200
    except (OSError, asyncio.IncompleteReadError, IndexError, ValueError):
        return False


async def one_request(port: int, path: str, body: bytes) -> int:
    """Return the status of one request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return (await ask(reader, writer, path, body))[0]
    finally:
        writer.close()


async def load(port: int, path: str, bodies: Sequence[bytes], clients: int, seconds: float) -> Found:
    """Ask with so many clients for so long, each one request after another on its own connection."""
    found: list[float] = []
    tokens: list[int] = []
    start = time.perf_counter()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        while time.perf_counter() - start < seconds:
            asked = time.perf_counter()
            status, answer = await ask(reader, writer, path, bodies[turn % len(bodies)])
            if status != 200:
                raise SystemExit(f"{path} was answered with {status}")
            found.append(time.perf_counter() - asked)
            if b'"usage"' in answer:
                tokens.append(json.loads(answer)["usage"]["completion_tokens"])
            turn += clients
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return Found(found, time.perf_counter() - start, sum(tokens))


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes) -> tuple[int, bytes]:
    """Send one request, read its whole answer, return the status and the body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    writer.write(head.encode() + b"\r\n" + body)
    said = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in said:
        answer = b""
        while (size := int((await reader.readline()).strip(), 16)) > 0:
            answer += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        length = int(said.split(b"content-length:")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
    return int(said.split(b" ")[1]), answer


if __name__ == "__main__":
    main()
