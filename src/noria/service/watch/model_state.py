"""How a model is at this moment: its processes, and how much they have to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelState:
    """The state of one model's processes.

    waiting   requests that no process has begun    running   requests in a process
    restarts  processes started in the place of one that died, since the server began
    workers   processes that are up, on whatever machine
    pids      of those on this machine
    watched   what the last records show beside those of calibration; {} where nothing is known yet
    """

    model: str
    waiting: int = 0
    running: int = 0
    restarts: int = 0
    workers: int = 0
    pids: tuple[int, ...] = ()
    watched: Mapping[str, Any] = field(default_factory=dict)


States = Callable[[], Sequence[ModelState]]
