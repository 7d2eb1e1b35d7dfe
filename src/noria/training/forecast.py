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


def describe(reporter: Reporter, prepared: Prepared, plan: Plan) -> None:
    """Tell what the data is and what the training will cost, before it begins."""
    reporter.say(describe_data(prepared))
    threads = f"{plan.threads} thread" + "s" * (plan.threads > 1)
    reporter.say(
        f"plan: {plan.weights:,} weights, {plan.steps:,} steps of {plan.records_per_step} records, {plan.precision} "
        f"({plan.reason}) on {plan.device} with {threads}, {1000 * plan.seconds_per_step:.1f} ms a step"
    )
    reporter.say(
        f"forecast: {duration(plan.seconds)}, {size(plan.memory_bytes)} of memory, {size(plan.disk_bytes)} of disk"
    )


def refuse_too_little(reporter: Reporter, run: Path, plan: Plan) -> None:
    """Raise UserError where the disk cannot hold what the plan forecasts; warn where the memory may not."""
    free = shutil.disk_usage(run).free
    if plan.disk_bytes > free:
        raise UserError(
            "the disk has too little room for this training",
            where=str(run),
            expected=f"{size(plan.disk_bytes)} for checkpoints and the model",
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
