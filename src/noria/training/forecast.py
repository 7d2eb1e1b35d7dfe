"""What a plan forecasts, told before the first step and held against what there is. Knows no task."""

from __future__ import annotations

import shutil
from pathlib import Path

from noria.errors import EXIT_DISK_FULL, UserError
from noria.pipeline.prepared import Prepared
from noria.pipeline.prepared import describe as describe_data
from noria.reporter import Reporter
from noria.training.memory import free_bytes, held_bytes
from noria.training.plan import Plan
from noria.units import duration, size

WEIGHT_BYTES = 4  # of a saved one


def describe(reporter: Reporter, prepared: Prepared, plan: Plan, folds: int = 0, protocols: int = 0) -> None:
    """Tell what the data is and what the training will cost, before it begins; and so many more like it."""
    reporter.say(describe_data(prepared))
    if not len(prepared.splits.get("validation", ())):
        reporter.say("no validation split: the last weights are taken, not the best ones; data.split.validation=0.1")
    threads = f"{plan.threads} thread" + "s" * (plan.threads > 1)
    reporter.say(
        f"plan: {plan.weights:,} weights, {plan.steps:,} steps of {plan.records_per_step} records, {plan.precision} "
        f"({plan.reason}) on {plan.device} with {threads}, {1000 * plan.seconds_per_step:.1f} ms a step"
    )
    fitting = f" and the fitting of {' and '.join(plan.beside)}" if plan.beside else ""
    needed = f"{size(plan.memory_bytes)} of memory, {size(plan.disk_bytes)} of disk"
    reporter.say(f"forecast: {duration(plan.seconds)}{fitting}, {needed}")
    if more := folds + protocols:
        whole, disk = duration((1 + more) * plan.seconds), size(_disk_bytes(plan, more))
        said = [f"{folds} folds"] * bool(folds) + [f"{protocols} other protocols"] * bool(protocols)
        reporter.say(f"with {' and '.join(said)} that is {1 + more} trainings: about {whole}, {disk} of disk")


def _disk_bytes(plan: Plan, folds: int) -> int:
    """Return what the whole run may take: of its folds only one at a time has checkpoints, the others their models."""
    return plan.disk_bytes * (1 + bool(folds)) + folds * WEIGHT_BYTES * plan.weights


def refuse_too_little(reporter: Reporter, run: Path, plan: Plan, folds: int = 0) -> None:
    """Raise UserError where the disk cannot hold what the plan forecasts; warn where the memory may not."""
    free, disk_bytes = shutil.disk_usage(run).free, _disk_bytes(plan, folds)
    if disk_bytes > free:
        raise UserError(
            "the disk has too little room for this training",
            where=str(run),
            expected=f"{size(disk_bytes)} for checkpoints and the model",
            found=f"{size(free)} free",
            fix="free some space, or name a folder on a larger disk with --run",
            exit_code=EXIT_DISK_FULL,
        )
    more, free = plan.memory_bytes - held_bytes(), free_bytes()
    if more > free:
        reporter.say(
            f"warning: {size(more)} more memory may be needed and {size(free)} are free; a smaller train.batch_size "
            f"with train.accumulate takes less, and data that does not fit is read from the disk at every step"
        )
