"""Sockets that mean no good: silent, slow, greedy. Others are answered, and neither memory nor descriptors grow."""

from __future__ import annotations

import logging
import multiprocessing
import os
import re
import resource
import socket
import ssl
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from children import PRELOAD
from noria.service.door import protocol
from noria.service.door.door import Door
from noria.service.request.limits import Limits

MIB = 1 << 20
SECONDS = 60
QUICK = Limits(silent_seconds=0.5, head_seconds=0.5, unread_seconds=0.5, stall_seconds=0.5)


def connect(port: int, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    if sent:
        made.sendall(sent)
    return made


def rest_of(connection: socket.socket) -> bytes:
    """Return all that still comes, until the server closes."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def status(port: int, path: str = "/livez") -> int:
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=SECONDS).status_code


def test_silent_sockets_keep_nobody_out(served) -> None:
    with served(limits=Limits(connections=40)) as running, ExitStack() as stack:
        silent = [stack.enter_context(connect(running.port)) for _ in range(200)]
        assert [status(running.port), status(running.port, "/schema")] == [200, 200]
        assert rest_of(silent[0]) == b""  # the oldest made room
        assert len(running.server.server_state.connections) <= 40


def test_a_silent_socket_is_closed_in_time(served) -> None:
    with served(limits=QUICK) as running, connect(running.port) as silent:
        assert rest_of(silent) == b""


@pytest.mark.parametrize("sent", [b"G", b"GET /schema HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_headers_that_never_end_are_told_and_closed(served, sent) -> None:
    with served(limits=QUICK) as running, connect(running.port, sent) as slow:
        answer = rest_of(slow)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"too_slow"' in answer


def test_headers_that_come_byte_by_byte_have_no_more_time(served) -> None:
    with served(limits=QUICK) as running, connect(running.port) as slow:
        slow.settimeout(0.05)
        found = b""
        for byte in b"GET /schema HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"x" * 1000:
            try:
                slow.send(bytes([byte]))
                found += slow.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            if found:
                break
        assert b"408" in found


def test_a_body_that_stalls_is_given_up(served) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf"
    with served(limits=QUICK) as running, connect(running.port, head) as slow:
        assert rest_of(slow).startswith(b"HTTP/1.1 408 ")
        assert running.app.state.held.num_bytes == 0


def test_a_client_that_does_not_read_is_cut(served) -> None:
    with served(limits=QUICK) as running, connect(running.port) as greedy:
        # A smaller buffer here would only make the kernel hand over what it holds in a trickle: 100 s of waiting.
        greedy.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        end = time.monotonic() + SECONDS
        while not running.server.server_state.connections and time.monotonic() < end:
            time.sleep(0.01)
        while running.server.server_state.connections:
            assert time.monotonic() < end, "it is not cut"
            time.sleep(0.05)
        assert len(rest_of(greedy)) < 50_000_000


def test_what_is_no_http_is_told_in_the_shape_of_every_error_and_not_logged(served, caplog) -> None:
    with (
        caplog.at_level(logging.DEBUG, "uvicorn.error"),
        served() as running,
        connect(running.port, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n") as odd,
    ):
        answer = rest_of(odd)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"not_http"' in answer
    assert not [one for one in caplog.records if "Invalid HTTP" in one.message]


def test_a_body_in_chunks_of_one_byte_is_read_and_others_have_their_turn(served, monkeypatch) -> None:
    fed: list[int] = []
    plain = protocol.H11Protocol.data_received

    def counting(self: Any, data: bytes) -> None:
        fed.append(len(data))
        plain(self, data)

    monkeypatch.setattr(protocol.H11Protocol, "data_received", counting)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with served() as running, connect(running.port) as slow:
        slow.sendall(head + b"1\r\nA\r\n" * 20_000 + b"0\r\n\r\n")
        answer = rest_of(slow)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"A" * 20_000)
    assert max(fed) <= protocol.SLICE_BYTES


def test_a_large_body_and_requests_one_behind_the_other_are_answered(served) -> None:
    body = os.urandom(3 * MIB)
    one = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    last = b"GET /schema HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with served() as running, connect(running.port) as connection:
        connection.sendall(one + one + last)
        answer = rest_of(connection)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(body) == 2


def test_what_follows_a_request_with_two_lengths_is_not_answered(served) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
    smuggled = b"GET /schema HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with served() as running, connect(running.port, head + b"1\r\nA\r\n0\r\n\r\n" + smuggled) as connection:
        answer = rest_of(connection)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer


def test_chunks_that_cost_too_much_to_parse_are_refused(served, monkeypatch) -> None:
    monkeypatch.setattr(protocol, "PARSE_SECONDS", 0.0)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with served() as running, connect(running.port, head + b"1\r\nA\r\n" * 1000) as slow:
        answer = rest_of(slow)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"too_many_chunks" in answer
    assert running.app.state.held.num_bytes == 0


def test_where_too_many_are_being_answered_others_come_again_and_the_process_is_known_to_live(served) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
    with served(limits=Limits(connections=33)) as running, connect(running.port, head) as first:
        end = time.monotonic() + SECONDS
        while (answer := httpx.get(f"http://127.0.0.1:{running.port}/schema")).status_code != 503:
            assert time.monotonic() < end
        assert answer.headers["retry-after"] == "1"
        assert status(running.port) == 200
        first.sendall(b"0123456789")
        assert b"200 OK" in first.recv(65536)


def _serve_with_few_files(log: Path, num_files: int) -> None:
    sys.stderr = log.open("w", encoding="utf-8", buffering=1)
    logging.basicConfig(stream=sys.stderr)
    from noria.service.door import descriptors
    from service.door.conftest import serving_small

    resource.setrlimit(resource.RLIMIT_NOFILE, (num_files, num_files))
    descriptors.RESERVED = 64
    limits = Limits(connections=descriptors.connections_that_fit(1000))
    with serving_small(limits=limits) as running:
        sys.stderr.write(f"port {running.port}, {limits.connections} connections\n")
        time.sleep(SECONDS)


def test_a_thousand_sockets_grow_neither_memory_nor_descriptors_nor_the_log(tmp_path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOAD, "noria.service.serve"])
    log = tmp_path / "log"
    log.touch()
    process = context.Process(target=_serve_with_few_files, args=(log, 192))
    process.start()
    try:
        end = time.monotonic() + SECONDS
        while not (found := re.search(r"port (\d+), (\d+)", log.read_text())):
            assert process.is_alive(), log.read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
        port, most = int(found[1]), int(found[2])
        assert 20 < most < 128
        child = psutil.Process(process.pid)
        assert status(port) == 200
        before, files = child.memory_info().rss, child.num_fds()
        with ExitStack() as stack:
            for _ in range(1005):
                stack.enter_context(connect(port))
            assert status(port) == 200
            assert child.num_fds() <= files + most
        assert status(port) == 200
        assert child.memory_info().rss - before < 16 * MIB
        assert log.stat().st_size < 10_000, log.read_text()[:2000]
    finally:
        process.kill()
        process.join()


def test_handshakes_that_never_come_keep_nobody_out(served, certificate) -> None:
    door = Door(certificate=certificate[0], certificate_key=certificate[1])
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with served(door, Limits(connections=40, silent_seconds=300.0)) as running, ExitStack() as stack:
        silent = [stack.enter_context(connect(running.port)) for _ in range(100)]
        url = f"https://localhost:{running.port}/schema"
        assert httpx.get(url, verify=trusted, timeout=SECONDS).status_code == 200
        assert rest_of(silent[0]) == b""


def test_plain_words_to_an_encrypted_port_are_cut(served, certificate) -> None:
    door = Door(certificate=certificate[0], certificate_key=certificate[1])
    with served(door) as running, closing(connect(running.port, b"GET / HTTP/1.1\r\n\r\n")) as plain:
        assert b"HTTP" not in rest_of(plain)
