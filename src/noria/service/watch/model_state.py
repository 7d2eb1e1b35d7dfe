"""How a model is at this moment: its processes, and how much they have to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelState:
    """The state of one model's processes.

    waiting   requests that no process has begun    running   requests in a process
    restarts  processes started in the place of one that died, since the server began
    workers   processes that are up, on whatever machine
    pids      of those on this machine
    """

    model: str
    waiting: int = 0
    running: int = 0
    restarts: int = 0
    workers: int = 0
    pids: tuple[int, ...] = ()


States = Callable[[], Sequence[ModelState]]
