"""A finished run without a training: real targets and modalities, made-up outputs, the files a run folder holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from noria.contract import Target
from noria.contract.capabilities import Displays
from noria.metrics.intervals import measure
from noria.modalities.image.modality import Image
from noria.pipeline.prepared import Prepared
from noria.report import write_report
from noria.targets.label import Label
from noria.targets.number import Number
from noria.types import Arrays, Dataset

NAMES = ["猫", "狗", "<script>alert(1)</script>"]


class Cells(Displays):
    """A modality whose values are a dict of cells or a text, as the test asks."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def display(self, arrays: Arrays, state: dict[str, Any]) -> Any:
        return self.value


@dataclass
class Case:
    """A run to report on; change a field before `write` to make it odd."""

    run: Path
    target: Target
    state: dict[str, Any]
    outputs: Arrays
    datasets: dict[str, Dataset]
    inputs: dict[str, Any]
    input_states: dict[str, Any]
    metrics: dict[str, Any]
    report: dict[str, Any] = field(default_factory=dict)
    times_computed: int = 0
    best_by: str | None = None

    def write(self, output: Arrays | None = None) -> str:
        """Write the report and return it."""
        counts = {split: len(dataset) for split, dataset in self.datasets.items()}
        report = {"source": "data/<b>here</b>", "records": counts, "quarantined": 0, "reasons": {}, "quarantine": []}
        report |= {"notes": [], "warnings": [], "slices": {}, "fields": {}} | self.report
        states = {"inputs": self.input_states, "target": self.state}
        prepared = Prepared(self.datasets, states, report, "0123456789abcdef" * 4)
        predictor = SimpleNamespace(
            task=SimpleNamespace(inputs=self.inputs, target=self.target),
            states=states,
            bundle=SimpleNamespace(
                config={"task": "image-classification"},
                job=SimpleNamespace(train=SimpleNamespace(best_by=self.best_by)),
            ),
            outputs=self._computed,
        )
        path = write_report(self.run, prepared, cast(Any, predictor), self.metrics, output)
        assert path == self.run / "report.html"
        return path.read_text("utf-8")

    def _computed(self, dataset: Dataset) -> Arrays:
        self.times_computed += 1
        return self.outputs


def _metrics(target: Target, state: dict[str, Any], outputs: Arrays, truth: Arrays, split: str) -> dict[str, Any]:
    found = target.metrics(state)
    trivial = {name: np.repeat(values.mean(0, keepdims=True), len(values), 0) for name, values in outputs.items()}
    return {
        "split": split,
        "n": len(next(iter(truth.values()))),
        "metrics": measure(found, outputs, truth, 200),
        "baseline": measure(found, trivial, truth, 200),
        "panels": [asdict(panel) for panel in target.panels(outputs, truth, state)],
        "seconds": {"prepare": 0.2, "train": 61.0, "evaluate": 0.4},
    }


def _fill(run: Path) -> None:
    run.mkdir()
    lines = [{"step": i, "epoch": i / 10, "loss": 2.0 / i, "rate": 0.1} for i in range(1, 31)]
    for i in (10, 20, 30):
        lines[i - 1]["validation"] = {"accuracy": 0.5 + i / 100, "log_loss": 1.5 - i / 40}  # type: ignore[assignment]
    times = [{"step": i, "seconds": 2.0 * (i if i < 16 else i - 15)} for i in range(1, 31)]  # resumed after step 15
    plan = {"steps": 30, "seconds": 50.0, "seconds_per_step": 1.5, "memory_bytes": 4e8, "disk_bytes": 8e6}
    plan |= {"weights": 200_590, "precision": "bfloat16", "device": "cpu", "records_per_step": 128}  # type: ignore[dict-item]
    plan |= {"operations_per_step": 1e10, "peak_operations_per_second": 5e10}
    (run / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run / "times.jsonl").write_text("".join(json.dumps(line) + "\n" for line in times))
    (run / "plan.json").write_text(json.dumps(plan))
    (run / "environment.json").write_text(json.dumps({"python": "3.11", "torch": "2.13"}))
    (run / "job.yaml").write_text("task: image-classification\ndata: {path: <photos> & 图片}\n", "utf-8")


@pytest.fixture
def classes(tmp_path: Path) -> Callable[..., Case]:
    """Make a classification of small pictures."""

    def make(names: list[str] = NAMES, n: int = 120, side: int = 8, colors: int = 1, split: str = "test") -> Case:
        generator = np.random.default_rng(0)
        state = {"classes": names}

        def dataset(size: int) -> Dataset:
            pixels = generator.integers(0, 256, (size, side, side, colors), np.uint8)
            labels = generator.integers(0, len(names), size)
            return Dataset(
                {"image": {"pixels": pixels}}, {"label": labels}, places=[f"t<10>k:{i}" for i in range(size)]
            )

        datasets = {"train": dataset(300), "validation": dataset(n), "test": dataset(n)}
        truth = datasets[split].target
        logits = generator.normal(size=(len(truth["label"]), len(names))).astype(np.float32)
        logits[np.arange(len(logits)), truth["label"]] += 2
        run = tmp_path / "照片 <1>"
        _fill(run)
        metrics = _metrics(Label(), state, {"logits": logits}, truth, split)
        inputs, states = {"image": Image()}, {"image": {"height": side, "width": side, "channels": colors}}
        return Case(run, Label(), state, {"logits": logits}, datasets, inputs, states, metrics)

    return make


@pytest.fixture
def numbers(tmp_path: Path) -> Case:
    """Make a regression on a table."""
    generator = np.random.default_rng(0)
    state = {"mean": 200.0, "spread": 50.0}

    def dataset(size: int) -> Dataset:
        values = generator.normal(size=(size, 1)).astype(np.float32)
        return Dataset(
            {"table": {"x": values}}, {"number": values.copy()}, places=[f"rows.csv:{i}" for i in range(size)]
        )

    datasets = {"train": dataset(300), "test": dataset(120)}
    truth = datasets["test"].target
    outputs = {"number": truth["number"] + generator.normal(0, 0.3, (120, 1)).astype(np.float32)}
    run = tmp_path / "prices"
    _fill(run)
    metrics = _metrics(Number(), state, outputs, truth, "test")
    inputs = {"table": Cells({"<i>rooms</i>": np.float32(3), "城市": "上海", "heated": None})}
    return Case(run, Number(), state, outputs, datasets, inputs, {"table": {}}, metrics)
