"""A real server in a process of its own, over real connections on this machine: start, answer, refuse, stop."""

from __future__ import annotations

import multiprocessing
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from children import PRELOAD
from noria.errors import UserError
from noria.service.request.limits import Limits
from noria.service.serve import _bound, serve

SECONDS = 120  # after which a server that does not start or stop has failed
MIB = 1 << 20
KEY = "a-key"
ALLOWED = {"authorization": f"Bearer {KEY}"}
HEAD = (
    f"POST /predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
).encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Server:
    """A running server: its process, its address, and the line it printed."""

    def __init__(self, process: Any, log: Path) -> None:
        self.process, self.pid, self.log = process, process.pid, log
        end = time.monotonic() + SECONDS
        while not (found := re.search(r"(http://127\.0\.0\.1:(\d+));.*\n", log.read_text("utf-8"))):
            assert process.is_alive(), log.read_text("utf-8")
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.02)
        self.line, self.url, self.port = found.string, found[1], int(found[2])

    def send(self, sent: signal.Signals) -> None:
        os.kill(self.pid, sent)

    @property
    def models(self) -> list[psutil.Process]:
        """The processes in which the models run."""
        return psutil.Process(self.pid).children()

    def exit_code(self) -> int | None:
        """Wait until the process ends; None where it does not."""
        self.process.join(SECONDS)
        return self.process.exitcode


@contextmanager
def serving(runs: Any, tmp_path: Path, **settings: Any) -> Iterator[Server]:
    """Start a server on a free port, in a process forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOAD, "noria.service.serve"])
    log = tmp_path / "server.log"
    log.touch()
    process = context.Process(target=_serve, args=(runs, log, {"notice_seconds": 0.0} | settings))
    process.start()
    try:
        yield Server(process, log)
    finally:
        process.kill()
        process.join()


def _serve(runs: Any, log: Path, settings: dict[str, Any]) -> None:
    sys.stderr = log.open("w", encoding="utf-8", buffering=1)
    serve(runs, port=0, **settings)


@pytest.fixture(scope="module")
def limited(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a key that reads at most 1 MiB a request, for two seconds."""
    limits = Limits(body_bytes=MIB, body_seconds=2.0)
    with serving(run, tmp_path_factory.mktemp("limited"), key=KEY, limits=limits) as server:
        yield server


def test_a_served_answer_is_the_predictors(limited, predictor, pictures, texts) -> None:
    expected = [one.as_json() for one in predictor.predict([{"image": picture} for picture in pictures])]
    many = {"records": [{"image": text} for text in texts]}
    with httpx.Client(base_url=limited.url, headers=ALLOWED) as client:
        for _ in range(3):  # on one connection
            assert client.post("/predict", json=many).json()["predictions"] == expected
    assert httpx.post(f"{limited.url}/predict", json=many).status_code == 401


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_printed_command_works(limited, pictures, tmp_path) -> None:
    (tmp_path / "digit.png").write_bytes(pictures[0])
    command = limited.line.split("to try it: ")[1].replace("FILE", str(tmp_path / "digit.png"))
    assert KEY not in limited.line
    words = [os.path.expandvars(word.replace("$NORIA_KEY", KEY)) for word in shlex.split(command)]
    assert '"confidence"' in subprocess.run([*words, "-s"], capture_output=True, text=True, timeout=30).stdout


def test_a_port_that_is_taken_is_told(run, limited) -> None:
    with pytest.raises(UserError, match="cannot listen here"):
        serve(run, port=limited.port)


def test_answers_do_not_wait_for_the_clients_acknowledgement() -> None:
    with closing(_bound((socket.AF_INET, "127.0.0.1"), 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # else asyncio leaves Nagle's algorithm on: 44 ms a request, not 4


def test_a_port_that_is_none_is_told(run) -> None:
    with pytest.raises(UserError, match="there is no such port"):
        serve(run, port=70_000)


def test_endless_chunks_are_cut_off_and_memory_stays_flat(limited, texts) -> None:
    process = psutil.Process(limited.pid)
    chunk = b"10000\r\n" + b"A" * 65536 + b"\r\n"
    assert status_of(limited, HEAD + CHUNKED, chunk) == 413
    before = process.memory_info().rss
    for _ in range(10):
        assert status_of(limited, HEAD + CHUNKED, chunk) == 413
        assert status_of(limited, HEAD + b"Content-Length: 99999999999\r\n\r\n", b"A" * 65536) == 413
    assert process.memory_info().rss - before < 8 * MIB
    with httpx.Client(base_url=limited.url, headers=ALLOWED) as client:
        assert client.post("/predict", json={"image": texts[0]}).status_code == 200


def test_chunks_of_one_byte_cost_no_memory(limited) -> None:
    process = psutil.Process(limited.pid)
    before = process.memory_info().rss
    assert status_of(limited, HEAD + CHUNKED, b"1\r\nA\r\n" * 5000, 40 * MIB) in (
        408,
        413,
    )
    assert process.memory_info().rss - before < 16 * MIB


@pytest.mark.parametrize("length", [b"5\r\nContent-Length: 6", b"-1", b"five", b"0x10"])
def test_a_length_that_is_none_is_refused(limited, length) -> None:
    assert status_of(limited, HEAD + b"Content-Length: " + length + b"\r\n\r\n", b"") == 400


def test_a_body_that_never_comes_is_given_up(limited) -> None:
    assert status_of(limited, HEAD + b"Content-Length: 10\r\n\r\n", b"") == 408


def test_a_client_without_the_key_is_not_read_to_the_end(limited) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status_of(limited, head, b"10000\r\n" + b"A" * 65536 + b"\r\n") == 401


def test_a_request_that_has_begun_is_finished_before_the_server_stops(
    run, predictor, pictures, texts, tmp_path
) -> None:
    expected = [one.as_json() for one in predictor.predict([{"image": pictures[0]}])]
    with serving(run, tmp_path, notice_seconds=3.0) as server:
        (model,) = server.models
        model.suspend()
        answers: list[httpx.Response] = []
        ask = partial(httpx.post, f"{server.url}/predict", json={"image": texts[0]}, timeout=SECONDS)
        asking = threading.Thread(target=lambda: answers.append(ask()))
        asking.start()
        wait_until(lambda: num_asked(server) == 1)
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        server.send(signal.SIGTERM)
        wait_until(lambda: httpx.get(f"{server.url}/readyz").status_code == 503)  # and it is still listening
        assert httpx.get(f"{server.url}/livez").status_code == 200
        wait_for_no(server.port)
        assert not answers
        model.resume()
        asking.join(SECONDS)
        assert answers[0].status_code == 200
        assert answers[0].json()["predictions"] == expected
        assert server.exit_code() == 0


def test_a_model_that_hangs_does_not_keep_the_server_from_stopping(run, texts, tmp_path) -> None:
    with serving(run, tmp_path, drain_seconds=1) as server:
        (model,) = server.models

        def ask() -> None:
            with pytest.raises(httpx.HTTPError):
                httpx.post(f"{server.url}/predict", json={"image": texts[0]}, timeout=SECONDS).raise_for_status()

        model.suspend()
        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(lambda: num_asked(server) == 1)
        server.send(signal.SIGTERM)
        assert server.exit_code() == 143
        asking.join(SECONDS)
        assert not model.is_running()
        assert "1 requests were not finished within 1 seconds" in server.log.read_text("utf-8")


def test_a_model_that_dies_is_started_anew_and_who_waits_is_told_to_ask_again(
    run, predictor, pictures, texts, tmp_path
) -> None:
    expected = [one.as_json() for one in predictor.predict([{"image": pictures[0]}])]
    with serving(run, tmp_path) as server:
        (model,) = server.models
        model.suspend()
        answers: list[httpx.Response] = []
        ask = partial(httpx.post, f"{server.url}/predict", json={"image": texts[0]}, timeout=SECONDS)
        asking = threading.Thread(target=lambda: answers.append(ask()))
        asking.start()
        wait_until(lambda: num_asked(server) == 1)
        model.kill()
        asking.join(SECONDS)
        assert answers[0].status_code == 503
        assert answers[0].headers["retry-after"] == "1"
        assert answers[0].json()["error"]["code"] == "model_died"
        assert httpx.get(f"{server.url}/livez").status_code == 200
        assert httpx.get(f"{server.url}/readyz").status_code == 503
        wait_until(lambda: httpx.get(f"{server.url}/readyz").status_code == 200)
        assert ask().json()["predictions"] == expected
        assert "is started anew" in server.log.read_text("utf-8")
        server.process.kill()
        server.process.join()
        wait_until(lambda: not any(one.is_running() for one in [model]))


def test_a_newer_version_takes_the_older_ones_place_and_a_broken_one_does_not(
    run, predictor, pictures, texts, tmp_path
) -> None:
    expected = [one.as_json() for one in predictor.predict([{"image": pictures[0]}])]
    served = tmp_path / "served"
    shutil.copytree(run / "bundle", served / "bundle")
    with serving([f"a={served}", f"b={run}"], tmp_path) as server:
        before = {one.pid for one in server.models}
        statuses: list[int] = []
        is_over = threading.Event()

        def ask_on() -> None:
            with httpx.Client(base_url=server.url, timeout=SECONDS) as client:
                while not is_over.is_set():
                    answer = client.post("/predict/a", json={"image": texts[0]})
                    statuses.append(answer.status_code)
                    assert answer.json()["predictions"] == expected

        asking = threading.Thread(target=ask_on)
        asking.start()
        changed = httpx.post(f"{server.url}/models/a/reload", timeout=SECONDS)
        assert changed.status_code == 200, changed.text
        wait_until(lambda: len(server.models) == 2)
        assert len({one.pid for one in server.models} - before) == 1
        (served / "bundle" / "config.json").write_text("{")
        refused = httpx.post(f"{server.url}/models/a/reload", timeout=SECONDS)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_changed")
        wait_until(lambda: len(statuses) > 20)
        is_over.set()
        asking.join(SECONDS)
        assert set(statuses) == {200}
        assert httpx.post(f"{server.url}/predict", json={"image": texts[0]}).status_code == 404  # which one?
        assert {one["name"] for one in httpx.get(f"{server.url}/models").json()["models"]} == {"a", "b"}


def test_ctrl_c_stops_the_server(run, tmp_path) -> None:
    with serving(run, tmp_path, notice_seconds=100.0) as server, socket.create_connection(("127.0.0.1", server.port)):
        server.send(signal.SIGINT)
        assert server.exit_code() == 0


def status_of(server: Server, head: bytes, chunk: bytes, most_bytes: int = 64 * MIB) -> int:
    """Send a request by hand, chunk after chunk until the server answers; return the answer's status."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        try:
            connection.sendall(head)
            connection.setblocking(False)
            sent = 0
            while chunk and sent < most_bytes:
                try:
                    sent += connection.send(chunk[sent % len(chunk) :])
                except BlockingIOError:
                    time.sleep(0.005)
                if has_answer(connection):
                    break
        except (BrokenPipeError, ConnectionResetError):
            pass
        connection.settimeout(30)
        return int(connection.recv(65536).split(b" ")[1])


def has_answer(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def num_asked(server: Server) -> int:
    """Return how many requests a server has taken and not answered, but for the one that asks for it."""
    (found,) = re.findall(r"^http_requests_inprogress ([0-9.]+)$", httpx.get(f"{server.url}/metrics").text, re.M)
    return int(float(found)) - 1


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def wait_for_no(port: int) -> None:
    """Wait until nobody listens any more."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    raise AssertionError("somebody still listens")
