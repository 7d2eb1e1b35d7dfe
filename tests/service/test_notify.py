"""Whoever started the server is told when it is ready, where it wants to know."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from noria.service.notify import notify


@pytest.mark.parametrize("kind", ["a path", "an abstract name"])
def test_the_state_arrives_at_the_socket_that_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(tmp_path / "notify") if kind == "a path" else f"@noria-test-{tmp_path.name}-{id(monkeypatch)}"
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0") if kind == "an abstract name" else name)
        receiver.settimeout(10)
        notify("READY=1")
        assert receiver.recv(100) == b"READY=1"


@pytest.mark.parametrize("name", ["", "/nowhere/at/all"])
def test_nobody_to_tell_is_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify("STOPPING=1")
