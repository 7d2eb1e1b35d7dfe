"""How many operations a second this machine reaches at best: a short matrix product in the precision of training.

What a training did in a second is told beside it. Knows no task. Read next: plan.py.
"""

from __future__ import annotations

import time
from functools import cache

import torch

SIDES = {"cpu": 768}  # rows and columns of the product: some 10 ms of a core; elsewhere OTHER_SIDE
OTHER_SIDE = 4096
TIMES = 4  # the first of which warms up


@cache
def measured_peak(device: torch.device, precision: str) -> float:
    """Return operations a second, the best of a few products; 0 where the clock saw none of their time.

    Measured once a process: `tune` and cross-validation train many times on one machine.
    """
    side = SIDES.get(device.type, OTHER_SIDE)
    factor = torch.ones(side, side, device=device, dtype=getattr(torch, precision))
    seconds = min([_seconds(factor) for _ in range(TIMES)][1:])
    return 2 * side**3 / seconds if seconds > 0 else 0.0


def _seconds(factor: torch.Tensor) -> float:
    _wait(factor.device)
    start = time.perf_counter()
    factor @ factor
    _wait(factor.device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
