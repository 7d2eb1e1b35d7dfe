"""In which arithmetic a model is trained, and by how many threads: by rules on the machine and the model.

A race of timings would take now one, now the other, and the same job, seed and machine would give another model. What
was measured to pay stands here. Knows no task. Read next: plan.py.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

# On a CPU with AVX512-BF16 bfloat16 is 0.91 to 1.01 times as fast at width 32, 1.06 to 1.17 at 64, 1.2 to 2.2 above.
LEAST_WIDTH = 64
LEAST_CAPABILITY = (8, 0)  # of CUDA: Ampere, the first whose tensor cores multiply bfloat16
# Operations of a step that are worth a thread, some 50 ms of a core: where a step is shorter its threads wait for one
# another as long as they work (9.0 ms with one and 8.9 with two on an AMD Zen 4 with 2 free cores).
THREAD_WORK = 2e9
WORK_PER_WEIGHT = 20  # operations that the optimizer takes for each weight


def usual_precision(device: torch.device, width: int) -> tuple[str, str]:
    """Return the precision to train in where the job leaves it open, and why."""
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        said = f"CUDA capability {capability[0]}.{capability[1]}"
        return ("bfloat16" if capability >= LEAST_CAPABILITY else "float32"), said
    if device.type != "cpu":
        return "float32", f"on {device.type} nothing else was tried"
    if _has("_is_amx_tile_supported"):
        return "bfloat16", "a CPU with AMX"
    if not _has("_is_avx512_bf16_supported"):
        return "float32", "a CPU without instructions for bfloat16"
    is_wide = width >= LEAST_WIDTH
    said = f"a CPU with AVX512-BF16, {width} features a token, {LEAST_WIDTH} or more pay"
    return ("bfloat16" if is_wide else "float32"), said


def usual_threads(device: torch.device, operations: float, weights: int, there: int) -> int:
    """Return the threads to train with: as many as a step is worth, of those that are there."""
    if device.type != "cpu":
        return there
    return max(1, min(there, math.ceil((operations + WORK_PER_WEIGHT * weights) / THREAD_WORK)))


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count the floating point operations of products, convolutions and attention within it, in `total`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here; to keep its compiler out, torch would load it: more than a second

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = function(*args, **(kwargs or {}))
        count = flop_registry.get(function._overloadpacket)
        if count is not None:
            self.total += count(*args, **(kwargs or {}), out_val=found)
        return found


def _has(question: str) -> bool:
    """Ask torch what the processor can do; an older torch may not know."""
    return bool(getattr(torch.cpu, question, bool)())
