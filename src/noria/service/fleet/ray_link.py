"""Models on the machines of a Ray cluster: each process is an actor, wherever the cluster has room for it.

The door stays this process: keys, limits and slow clients are its matter, and the cluster sees whole requests alone. An
actor is no more than service/engine/process.py with queues for a socket. So it is watched and asked as a process of
this machine is, and started anew where there is room then. It ends with this process.
https://docs.ray.io/en/latest/ray-core/actors.html
"""

from __future__ import annotations

import asyncio
import os
import platform
import queue
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from noria.cluster import connected, require_ray
from noria.service.engine.process import answer_frames
from noria.service.fleet.link import Link, Listener, Load, thread_settings
from noria.service.request.exchange import LENGTHS, head_of

IN, OUT = "frames_in", "frames_out"  # a thread of the actor for each, so that a call of one never waits for the other


class ModelActor:
    """The far side: what runs in the actor's process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        os.environ.pop("NORIA_KEY", None)
        self._in: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._out: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._answer, daemon=True).start()

    def take(self, data: bytes) -> None:
        """Take a frame."""
        self._in.put(data)

    def frames(self) -> Any:
        """Yield frames, whole ones, until there are no more."""
        while (data := self._out.get()) is not None:
            yield data

    def read(self) -> tuple[dict[str, Any], bytes]:
        """Return the next frame that was taken."""
        data = self._in.get()
        head_bytes, _ = LENGTHS.unpack_from(data)
        body = LENGTHS.size + head_bytes
        return head_of(data[LENGTHS.size : body]), data[body:]

    def send(self, data: bytes) -> None:
        """Have a frame sent."""
        self._out.put(data)

    def _answer(self) -> None:
        try:
            answer_frames(self, f"\n  on: {platform.node()}; every machine of the cluster needs the run at this path")
        finally:
            self._out.put(None)


class RayLink(Link):
    """The near side."""

    def __init__(self, load: Load, listener: Listener) -> None:
        super().__init__(load, listener)
        self._actor: Any = None
        self._hearing: asyncio.Task[None] | None = None
        self._is_open, self._state = False, "waits for a machine of the cluster that has as many CPUs and GPUs free"

    async def open(self) -> None:
        """Start the actor and wait until a machine has taken it."""
        ray = await asyncio.to_thread(connected)
        needs = {"num_cpus": self._load.threads, "num_gpus": self._load.gpus}
        actor = ray.remote(**needs, scheduling_strategy="SPREAD", concurrency_groups={IN: 1, OUT: 1})(ModelActor)
        self._actor = actor.remote(thread_settings(self._load.threads))
        await self._actor.__ray_ready__.remote()
        self._is_open, self._state = True, "is loading still"
        self._hearing = asyncio.create_task(self._hear())

    @property
    def is_open(self) -> bool:
        """Say whether the actor lives, as far as is known."""
        return self._is_open

    @property
    def pid(self) -> None:
        """Return nothing: its number is another machine's."""
        return None

    def state(self) -> str:
        """Return what has become of the actor."""
        return self._state

    def write(self, data: bytes) -> None:
        """Send a frame to it."""
        if self._is_open:
            self._actor.take.options(concurrency_group=IN).remote(data)

    async def close(self) -> None:
        """Kill the actor, or wait for it no more."""
        self._is_open = False
        if self._hearing is not None:
            self._hearing.cancel()
            with suppress(asyncio.CancelledError):
                await self._hearing
        if self._actor is not None:
            require_ray().kill(self._actor)

    async def _hear(self) -> None:
        from ray.exceptions import RayError

        try:
            async for one in self._actor.frames.options(num_returns="streaming", concurrency_group=OUT).remote():
                self.hear(await one)
            self._state = "has ended"
        except RayError as error:
            self._state = f"has ended ({str(error).strip().partition(chr(10))[0]})"
        self._is_open = False
        self.break_off()
