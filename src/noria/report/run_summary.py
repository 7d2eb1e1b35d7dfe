"""Plan against what happened: seconds, steps, memory, disk; the resolved job and the packages it ran with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.report.learning import training_seconds
from noria.report.markup import Markup, join, tag
from noria.report.tables import Cell, facts, table
from noria.units import duration, operations, size


def course(run: Path, metrics: Mapping[str, Any], history: Sequence[Any], times: Sequence[Any]) -> Markup:
    """Return the whole section; what was not written down is a dash."""
    plan, environment = _read(run / "plan.json"), _read(run / "environment.json")
    chosen = [
        ("weights", f"{plan['weights']:,}" if "weights" in plan else None),
        ("precision", plan.get("precision")),
        ("device", plan.get("device")),
        ("threads", str(plan["threads"]) if "threads" in plan else None),
        ("records a step", f"{plan['records_per_step']:,}" if "records_per_step" in plan else None),
    ]
    job = run / "job.yaml"
    text = job.read_text("utf-8") if job.is_file() else "job.yaml is not in the run folder."
    versions = facts([(name, str(value)) for name, value in environment.items()])
    return join(
        table(["", "forecast", "real"], _compared(run, plan, metrics, history, times)),
        facts([(name, value) for name, value in chosen if value is not None]),
        tag("details", tag("summary", "The resolved job"), tag("pre", text, tabindex=0)),
        tag("details", tag("summary", "Versions"), versions),
    )


def _compared(
    run: Path, plan: Mapping[str, Any], metrics: Mapping[str, Any], history: Sequence[Any], times: Sequence[Any]
) -> list[list[Cell]]:
    seconds = metrics.get("seconds", {})
    trained = training_seconds(times)
    steps = history[-1]["step"] if history else None
    real = sum(seconds[stage] for stage in ("train", "evaluate") if stage in seconds) or None
    rows: list[list[Cell]] = [
        ["training and evaluation", _told(duration, plan.get("seconds")), _told(duration, real)],
        ["steps", plan.get("steps"), steps],
        [
            "one step (real: with its share of validation)",
            _told(_milliseconds, plan.get("seconds_per_step")),
            _told(_milliseconds, trained / steps if trained and steps else None),
        ],
        [
            "arithmetic of the steps",
            _told(operations, _arithmetic(plan, plan.get("steps"))),
            _spent(plan, steps, trained),
        ],
        ["memory", _told(size, plan.get("memory_bytes")), _told(size, metrics.get("memory_bytes"))],
        ["disk", _told(size, plan.get("disk_bytes")), _told(size, _disk_bytes(run))],
    ]
    others = [[stage, None, duration(value)] for stage, value in seconds.items()]
    return rows + others


def _arithmetic(plan: Mapping[str, Any], steps: int | None) -> float | None:
    """Return the operations of so many steps; None where they were not counted."""
    each = plan.get("operations_per_step")
    return each * steps if each and steps else None


def _spent(plan: Mapping[str, Any], steps: int | None, seconds: float | None) -> str | None:
    """Return the operations of the training, and how near to the best this machine can do they were done."""
    count, peak = _arithmetic(plan, steps), plan.get("peak_operations_per_second")
    if count is None:
        return None
    if not seconds or not peak:
        return operations(count)
    return f"{operations(count)}, {count / seconds / peak:.0%} of this machine's measured {operations(peak)} a second"


def _told(write: Any, value: float | None) -> str | None:
    return None if value is None else str(write(value))


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _disk_bytes(run: Path) -> int:
    """Count what was planned: not other trainings, nor the report itself, which would change its own content."""
    beside = {run / "folds", run / "protocols"}
    files = (file for file in run.rglob("*") if file.is_file() and file.name != "report.html")
    return sum(file.stat().st_size for file in files if not beside & {*file.parents})


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content
