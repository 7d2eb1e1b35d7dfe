"""The same job under other divisions of its data, each an ordinary run in RUN/protocols/NAME, shown in one table.

How records are divided decides a figure as much as the model does: papers on one data set use several ways, whose
figures cannot be set against one another. Knows no task. Read next: folds.py, train.py, report/protocols.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.job.data import Split
from noria.pipeline.prepared import Prepared
from noria.stages.prepare import prepare
from noria.store.run_folder import read_json
from noria.training.distributed import Processes


def protocols_of(run: Path, job: Job) -> list[tuple[str, Path, Job]]:
    """Return name, folder and job of each other division; none where the job names none."""
    plain: dict[str, Any] = {"protocols": {}, "folds": None, "compare_to": None}
    evaluate = job.evaluate.model_copy(update=plain)
    train = job.train.model_copy(update={"report_to": []})
    found = []
    for name, split in job.evaluate.protocols.items():
        data = job.data.model_copy(update={"split": split})
        own = job.model_copy(update={"data": data, "evaluate": evaluate, "train": train})
        found.append((name, run / "protocols" / name, own))
    return found


def check_protocols(
    protocols: Sequence[tuple[str, Path, Job]], task: Task, prepared: Prepared, world: Processes,
    tell: Callable[[str], None],
) -> None:  # fmt: skip
    """Prepare the data of every division; raise UserError where one cannot be: now, and not after the training."""
    if not protocols:
        return
    if world.size > 1:
        raise UserError("other protocols are trained in one process", fix="start it without torchrun")
    tell(f"preparing {len(protocols)} other protocols")
    for name, _, own in protocols:
        try:
            prepare(own, task, origin=prepared.origin)
        except UserError as error:
            raise error.with_found(f"divided as evaluate.protocols.{name} says") from None


def under_each(run: Path, job: Job, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return this run and each other division by name: what was scored, by the model, the trivial answer and rivals."""
    found = [_row(f"this run: {said_of(job.data.split)}", metrics)]
    for name, folder, own in protocols_of(run, job):
        path = folder / "metrics.json"
        if not path.is_file():
            raise UserError(
                "the scores of a protocol are not there any more",
                where=str(path),
                fix=f"train it again: noria train {run / 'job.yaml'} --run {run} --resume",
            )
        found.append(_row(f"{name}: {said_of(own.data.split)}", read_json(path)))
    return found


def said_of(split: Split) -> str:
    """Return in words what a division says otherwise than one that says nothing."""
    said = split.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{key} {value}" for key, value in said.items()) or "as usual"


def _row(name: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    rivals = (metrics.get("rivals") or {}).get("models", [])
    return {
        "name": name,
        "split": metrics["split"],
        "n": metrics["n"],
        "metrics": metrics["metrics"],
        "baseline": metrics["baseline"],
        "rivals": [{"name": one["name"], "metrics": one["metrics"]} for one in rivals],
    }
