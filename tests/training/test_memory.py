"""Memory that is held in vain is given back, and what is needed is not looked for at every step."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from noria.reporter import Silent
from noria.stages.train import train
from noria.training import memory
from noria.training.memory import Heap, held_bytes, most_bytes
from tiny_data import tiny_job

MEGABYTE = 10**6


def test_the_most_that_was_held_is_known_after_it_was_given_back() -> None:
    before = most_bytes()
    np.ones(before // 8 + 25_000_000)  # given back at once
    assert most_bytes() > before + 150 * MEGABYTE


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_holes_in_the_heap_are_given_back() -> None:
    blocks = [bytearray(100_000) for _ in range(3000)]
    pins = blocks[::10]  # what is between them is free, and is kept
    blocks.clear()
    before = held_bytes()
    Heap(before + 1000 * MEGABYTE).tidy()
    assert held_bytes() > before - 50 * MEGABYTE
    Heap(0).tidy()
    assert held_bytes() < before - 150 * MEGABYTE
    assert len(pins) == 300


HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
PRINTS_LARGE_PAGES = """
import noria, torch
held = torch.ones(40_000_000)
print(next(line.split()[1] for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages")))
"""


@pytest.mark.skipif(
    not HUGE_PAGES.exists() or "[madvise]" not in HUGE_PAGES.read_text("ascii"),
    reason="this system gives large pages to none, or to all",
)
@pytest.mark.parametrize(("said", "least", "most"), [({}, 50_000, 200_000), ({"THP_MEM_ALLOC_ENABLE": "0"}, 0, 20_000)])
def test_large_tensors_lie_in_large_pages_unless_the_user_says_no(said: dict[str, str], least: int, most: int) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    run = [sys.executable, "-c", PRINTS_LARGE_PAGES]
    done = subprocess.run(run, check=True, capture_output=True, text=True, env={**kept, **said})
    assert least <= int(done.stdout) <= most


def test_where_more_is_needed_the_limit_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[int] = []
    heap = Heap(100)
    heap._trim = trimmed.append
    monkeypatch.setattr(memory, "APART", 1)
    for held, times in ((90, 0), (101, 1), (120, 1), (127, 2), (150, 2)):
        monkeypatch.setattr(memory, "held_bytes", lambda held=held: held)
        heap.tidy()
        assert len(trimmed) == times, held


def test_the_heap_is_not_looked_through_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[int] = []
    heap = Heap(100)
    heap._trim = trimmed.append
    needed = iter([101, 50] * memory.APART)  # each step passes the limit, and less is held after trimming
    monkeypatch.setattr(memory, "held_bytes", lambda: next(needed))
    for _ in range(memory.APART):
        heap.tidy()
    assert len(trimmed) == 1
    heap.tidy()
    assert len(trimmed) == 2


@pytest.mark.parametrize(("task", "times"), [("question-answering", 12), ("image-classification", 0)])
def test_a_training_on_records_of_unequal_length_keeps_to_its_forecast(
    task: str, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []
    monkeypatch.setattr(Heap, "tidy", lambda heap: limits.append(heap.limit))
    run = train(tiny_job(task, tmp_path), run=tmp_path / "run", reporter=Silent())
    assert limits == [json.loads((run / "plan.json").read_text())["memory_bytes"]] * times
