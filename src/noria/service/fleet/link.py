"""The way to a process that runs a model, and back: frames are written to it, and cut from what it says.

Child runs it on this machine, at the other end of a socket; ray_link.py runs it on a machine of a Ray cluster. The
process itself is service/engine/process.py, whichever way leads to it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from noria.errors import UserError
from noria.service.request.exchange import LENGTHS, head_of

# Rounds that the threads of a team wait for the next step before they sleep. Between two steps fewer pass; by the
# default, 300,000, they hold the cores for milliseconds that the process that listens needs.
SPINS = "3000"


@dataclass(frozen=True)
class Load:
    """What a process loads. threads: of the CPU. gpus: of a cluster; on this machine the model takes what it finds."""

    name: str
    run: Path
    engine: str | None = None
    threads: int = 1
    gpus: float = 0.0


class Listener(Protocol):
    """Who is told what a process says."""

    def got(self, head: dict[str, Any], body: bytes) -> None: ...

    def lost(self, link: Link) -> None: ...


class Link(ABC):
    """One process, from its start to its end; never opened again."""

    def __init__(self, load: Load, listener: Listener) -> None:
        self._load, self._listener, self._data = load, listener, bytearray()

    @abstractmethod
    async def open(self) -> None:
        """Start the process; raise UserError where it cannot be."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Say whether what is written arrives."""

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """Return its number on this machine; None where it runs on another, or not at all."""

    @abstractmethod
    def state(self) -> str:
        """Return what has become of the process, for people."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send frames to it."""

    @abstractmethod
    async def close(self) -> None:
        """Kill the process, whatever it is at."""

    def hear(self, data: bytes) -> None:
        """Take what came from it, in pieces of any length."""
        self._data += data
        start = 0
        while len(self._data) - start >= LENGTHS.size:
            head_bytes, body_bytes = LENGTHS.unpack_from(self._data, start)
            first = start + LENGTHS.size
            end = first + head_bytes + body_bytes
            if len(self._data) < end:
                break
            head = head_of(bytes(self._data[first : first + head_bytes]))
            self._listener.got(head, bytes(self._data[first + head_bytes : end]))
            start = end
        if start:
            del self._data[:start]

    def break_off(self) -> None:
        """Take note that nothing comes any more."""
        self._listener.lost(self)


def thread_settings(threads: int) -> dict[str, str]:
    """Return the variables that a process needs before it computes: they are read once."""
    number = str(threads)
    spins = os.environ.get("GOMP_SPINCOUNT", SPINS)
    return {"GOMP_SPINCOUNT": spins, "OMP_NUM_THREADS": number, "MKL_NUM_THREADS": number}


Connect = Callable[[Load, Listener], Link]


class Child(Link):
    """A process on this machine, which dies with this one."""

    def __init__(self, load: Load, listener: Listener) -> None:
        super().__init__(load, listener)
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    async def open(self) -> None:
        """Start the process; raise UserError where the machine has no room for one."""
        try:
            mine, theirs = socket.socketpair()
            with theirs, ExitStack() as unless_started:
                unless_started.callback(mine.close)
                mine.setblocking(False)
                self._process = self._started(theirs)
                unless_started.pop_all()
        except OSError as error:
            found = error.strerror or str(error)
            fix = "fewer workers; or more memory, processes or open files for this user (ulimit)"
            raise UserError(f"no process can be started for {self._load.name}", found=found, fix=fix) from error
        self._transport, _ = await asyncio.get_running_loop().create_connection(lambda: _Socket(self), sock=mine)

    def _started(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        env = os.environ | thread_settings(self._load.threads)
        env.pop("NORIA_KEY", None)
        command = [sys.executable, "-m", "noria.service.engine.process", str(theirs.fileno())]
        return subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=env, stdin=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def is_open(self) -> bool:
        """Say whether the socket is."""
        return self._transport is not None

    @property
    def pid(self) -> int | None:
        """Return the number of the process."""
        return None if self._process is None else self._process.pid

    def state(self) -> str:
        """Return what has become of the process."""
        code = None if self._process is None else self._process.poll()
        if code is not None:
            return f"has ended (exit code {code})"
        return "is loading still" if self.is_open else "has closed its connection"

    def write(self, data: bytes) -> None:
        """Send frames to it."""
        if self._transport is not None:
            self._transport.write(data)

    async def close(self) -> None:
        """Kill the process and wait for its end."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._process is not None:
            self._process.kill()  # SIGKILL ends a stopped one too
            await asyncio.to_thread(self._process.wait)

    def break_off(self) -> None:
        """Take note that the socket is closed; nobody is told who closed it himself."""
        if self._transport is not None:
            self._transport = None
            super().break_off()


class _Socket(asyncio.Protocol):
    def __init__(self, link: Child) -> None:
        self._link = link

    def data_received(self, data: bytes) -> None:
        self._link.hear(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.break_off()
