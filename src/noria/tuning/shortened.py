"""A training cut to a share of itself: fewer steps, fewer validations, and of many records a part. Knows no task."""

from __future__ import annotations

import math
from typing import Any

from noria.contract import Task
from noria.job import Job
from noria.pipeline.inference import pick_device
from noria.pipeline.prepared import Prepared
from noria.training.plan import Plan, make_plan
from noria.tuning.preparations import part_of


def planned(job: Job, task: Task, prepared: Prepared, share: float) -> tuple[Job, Prepared, Plan]:
    """Return a job, its data and its plan, cut to a share of the whole training.

    Of many records, both the passes over them and the records are fewer, each by the root of the share.
    """
    train, device = job.train, pick_device()
    if share == 1:
        return job, prepared, make_plan(job, task, prepared, device)
    validations = max(1, math.ceil(share * train.validations))
    minutes = None if train.minutes is None else share * train.minutes
    job = _trained(job, validations=validations, patience=None, minutes=minutes)
    plan = make_plan(job, task, prepared, device)
    if minutes is None:
        plan = plan.cut_to(max(1, round(share * plan.steps)), validations)
        job = _trained(job, steps=plan.steps, epochs=None, tokens=None)
    # Of a part of the records a batch is as large as of all of them.
    job = _trained(job, batch_size=plan.records_per_step // train.accumulate)
    return job, part_of(prepared, share**0.5), plan


def _trained(job: Job, **settings: Any) -> Job:
    return job.model_copy(update={"train": job.train.model_copy(update=settings)})
