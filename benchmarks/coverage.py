"""How often an interval of 95 % holds the truth: by number of records and true score; the plain bootstrap beside ours.

    python benchmarks/coverage.py [--experiments 1000] [--resamples 300]

Each experiment draws records whose true score is known and asks for the interval. The plain bootstrap is the 2.5th and
97.5th percentile of the score of records drawn again. Records in groups: ten a group, of which each is as right as its
group, whose chance is drawn from a beta distribution with a correlation of 0.2 within the group.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from measuring import machine

from noria.contract import Metric
from noria.metrics.intervals import measure
from noria.targets.label import Label
from noria.types import Arrays

COUNTS = (20, 100, 1000)
SHARES = (0.5, 0.9, 0.99, 1.0)
GROUP = 10  # records
CORRELATION = 0.2  # within a group
LARGE = 1_000_000  # records, to find what is true
METRICS = {one.name: one for one in Label().metrics({"classes": ["a", "b"]})}
Drawn = tuple[Arrays, Arrays, np.ndarray | None]
Draw = Callable[[int, np.random.Generator], Drawn]


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=300)
    arguments = parser.parse_args()
    print(f"{machine()}\n{arguments.experiments} experiments a line, {arguments.resamples} resamples\n")
    print("| score | true | n | held by ours | width | held by the plain bootstrap | width |")
    print("|---|---|---|---|---|---|---|")
    for said, name, true, draw in cases():
        for count in COUNTS:
            ours, plain = covered(METRICS[name], true, count, draw, arguments.experiments, arguments.resamples)
            figures = " | ".join(f"{held:.3f} | {width:.4f}" for held, width in (ours, plain))
            print(f"| {said} | {true:.4g} | {count} | {figures} |", flush=True)


def cases() -> Iterator[tuple[str, str, float, Draw]]:
    """Yield what is scored, by which score, its true value, and how records are drawn."""
    for share in SHARES:
        yield "accuracy", "accuracy", share, labels(share)
    for share in SHARES[:3]:
        yield "accuracy, groups of 10", "accuracy", share, grouped(share)
    for share in SHARES:
        yield "f1_macro, two classes", "f1_macro", share, labels(share)
    for name, share in (("0.5", 0.0), ("0.9", 1.8), ("0.99", 3.3)):
        draw = normal(share)
        yield f"auc, about {name}", "auc", value(METRICS["auc"], draw), draw
    for gap in (0.0, 0.03, 0.14):
        yield "calibration_error", "calibration_error", gap, confident(gap)


def labels(share: float) -> Draw:
    """Draw labels of two classes, as often each, of which a share is answered right."""

    def draw(count: int, generator: np.random.Generator) -> Drawn:
        label = generator.integers(0, 2, count)
        answer = np.where(generator.random(count) < share, label, 1 - label)
        return {"logits": np.eye(2)[answer]}, {"label": label}, None

    return draw


def grouped(share: float) -> Draw:
    """Draw labels in groups, each with a chance of its own to be answered right."""

    def draw(count: int, generator: np.random.Generator) -> Drawn:
        groups = np.arange(count) // GROUP
        total = 1 / CORRELATION - 1
        chance = generator.beta(total * share, total * (1 - share), groups.max() + 1)[groups]
        label = generator.integers(0, 2, count)
        answer = np.where(generator.random(count) < chance, label, 1 - label)
        return {"logits": np.eye(2)[answer]}, {"label": label}, groups

    return draw


def normal(apart: float) -> Draw:
    """Draw scores of two classes, normal, whose means are so far apart."""

    def draw(count: int, generator: np.random.Generator) -> Drawn:
        label = generator.integers(0, 2, count)
        score = generator.normal(size=count) + apart * label
        return {"logits": np.stack([np.zeros(count), score], 1)}, {"label": label}, None

    return draw


def confident(gap: float) -> Draw:
    """Draw answers that are right as often as their confidence less a gap."""

    def draw(count: int, generator: np.random.Generator) -> Drawn:
        confidence = generator.uniform(0.7, 0.99, count)
        right = generator.random(count) < confidence - gap
        return {"logits": np.log(np.stack([1 - confidence, confidence], 1))}, {"label": right.astype(int)}, None

    return draw


def value(metric: Metric, draw: Draw) -> float:
    """Return the score of very many records."""
    output, truth, _ = draw(LARGE, np.random.default_rng(0))
    return float(metric.value(output, truth, np.ones((1, LARGE)))[0])


def covered(
    metric: Metric, true: float, count: int, draw: Draw, experiments: int, resamples: int
) -> list[tuple[float, float]]:
    """Return how many intervals hold the truth and how wide they are: ours, and the plain bootstrap's."""
    generator = np.random.default_rng(count)
    found: list[list[tuple[float, float]]] = [[], []]
    for _ in range(experiments):
        output, truth, groups = draw(count, generator)
        one = measure([metric], output, truth, resamples, groups=groups)[metric.name]
        weights = generator.multinomial(count, np.full(count, 1 / count), resamples).astype(np.float64)
        low, high = np.nanquantile(metric.value(output, truth, weights), [0.025, 0.975])
        if one["low"] is not None:
            found[0].append((one["low"], one["high"]))
        found[1].append((float(low), float(high)))
    return [
        (np.mean([low <= true + 1e-9 and true <= high + 1e-9 for low, high in ends]), np.mean(np.ptp(ends, 1)))
        if len(ends)
        else (np.nan, np.nan)
        for ends in map(np.array, found)
    ]


if __name__ == "__main__":
    main()
