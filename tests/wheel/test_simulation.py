"""The policy on simulated streams, as benchmarks/wheel.py sets it beside habits, here with records made of numbers."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DEAR = 10_000.0


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    """Return the benchmark, by another name than that of this folder of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        spec = importlib.util.spec_from_file_location("wheel_benchmark", BENCHMARKS / "wheel.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "wheel_benchmark", module)
        spec.loader.exec_module(module)
        yield module


def records(generator: np.random.Generator, count: int, kind: float, border: float) -> tuple[np.ndarray, np.ndarray]:
    """Return records whose answer is whether a + b is above a border; that of kind 0 is 0, whatever the third says."""
    values = generator.normal(size=(count, 3))
    values[:, 2] = kind + 0.3 * values[:, 2]
    return values, (values[:, :2].sum(1) + generator.normal(0, 0.3, count) > border).astype(np.int64)


def simulated(benchmark: ModuleType, seed: int, is_harmful: bool) -> Any:
    """Return a stream whose records are of another kind from day 14 on: with another border, or with the same."""
    generator = np.random.default_rng(seed)
    first, before = records(generator, 2200, 0, 0), records(generator, 1500, 0, 0)
    after = records(generator, 1500, 3, 2 if is_harmful else 0)
    stream = benchmark.Stream(before, after, lambda: LogisticRegression(solver="liblinear", C=10), first)
    return benchmark.Simulation(stream, generator)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_a_change_does_harm_the_wheel_earns_more_than_a_model_that_is_never_trained_again(
    benchmark: ModuleType, seed: int
) -> None:
    simulation = simulated(benchmark, seed, is_harmful=True)
    never, _ = simulation.by_calendar(0)
    for price in benchmark.PRICES[:2]:
        value, trainings, promotions = simulation.by_policy(price)
        assert promotions >= 1
        assert trainings <= 3 * benchmark.BUDGET  # of three months
        assert value - price * trainings > never
    assert simulation.by_policy(DEAR) == (never, 0, 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_a_change_does_no_harm_nothing_is_trained(benchmark: ModuleType, seed: int) -> None:
    simulation = simulated(benchmark, seed, is_harmful=False)
    assert simulation.by_policy(benchmark.PRICES[0]) == (simulation.by_calendar(0)[0], 0, 0)
