"""A training from end to end: prepare, plan, every step, bundle, scores, report; and what resuming must find again.

Knows no task. Read next: stages/prepare.py, training/plan.py, training/loop.py, stages/evaluate.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.job.load import load_job
from noria.pipeline.bundle import save_bundle
from noria.pipeline.inference import pick_device
from noria.pipeline.parts import without_parts
from noria.pipeline.predictor import with_running_parts
from noria.pipeline.prepared import Prepared
from noria.reporter import Reporter, Terminal
from noria.stages.compare import held_out_in_both
from noria.stages.evaluate import evaluate_run
from noria.stages.prepare import prepare
from noria.store.disk import write_json
from noria.store.run_folder import locked, name_of, new_run, read_json, record_start, refuse_changes, start_or_resume
from noria.training.allocator import keep_freed_memory
from noria.training.distributed import Processes, joined_processes
from noria.training.loop import Training
from noria.training.plan import Plan, describe, make_plan
from noria.training.signals import watched


def train(
    source: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    run: Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train a job and evaluate it on its test split; return the run folder.

    Raises UserError for anything a user can mend. Leaves by SystemExit (143 or 130) on SIGTERM and SIGINT, saved.
    """
    reporter = reporter or Terminal()
    started = time.perf_counter()
    run = new_run(run, name_of(source))
    keep_freed_memory()
    with joined_processes() as world, watched() as interruption, locked(run, is_shared=not world.is_writer):
        source = start_or_resume(run, source, resume)
        job, task = load_job(source, overrides)
        if resume:
            refuse_changes(load_job(source)[0], job)
        origin = read_json(run / "prepare.json").get("origin") if resume else None
        prepared = _prepare_once(job, task, world, reporter, origin)
        if world.is_writer and (other := job.evaluate.compare_to):  # now, and not after hours of training
            held_out_in_both(Path(other), job, prepared)
        prepared_at = time.perf_counter()
        plan = _plan(run, job, task, prepared, world, reporter)
        running = with_running_parts(prepared, task, plan.device)
        training = Training(run, job, task, running, plan, world, reporter, interruption)
        training.run_all()
        seconds = {"prepare": prepared_at - started, "train": time.perf_counter() - prepared_at}
        if world.is_writer:
            weights = training.best_weights()
            states = {**prepared.states, "target": without_parts(training.calibrated_state(weights))}
            save_bundle(run, job, task, replace(prepared, states=states), weights, plan.weights)
            evaluate_run(run, job, prepared, {stage: round(value, 3) for stage, value in seconds.items()})
    return run


def _prepare_once(job: Job, task: Task, world: Processes, reporter: Reporter, origin: str | None) -> Prepared:
    """Let the writer prepare first; the others then find the data in the cache."""
    if world.is_writer:
        prepared = prepare(job, task, reporter.say, origin)
    world.barrier()
    return prepared if world.is_writer else prepare(job, task, origin=origin)


def _plan(run: Path, job: Job, task: Task, prepared: Prepared, world: Processes, reporter: Reporter) -> Plan:
    """Return the run's plan: the stored one, or a new one that is stored before the first step."""
    if world.is_writer:
        has_begun = (run / "job.yaml").exists()  # written last of what a training begins with
        if has_begun and read_json(run / "prepare.json")["fingerprint"] != prepared.fingerprint:
            raise UserError(
                "the data is not what this training began with",
                where=prepared.report["source"],
                fix="bring the old data back, or start a new run",
            )
        if not (has_begun and (run / "plan.json").exists()):
            device = pick_device()
            plan = make_plan(job, task, with_running_parts(prepared, task, str(device)), device)
            describe(reporter, prepared, plan)
            record_start(run, job, prepared.record(), prepared.report["quarantine"])
            write_json(run / "plan.json", plan.as_json())
    world.barrier()
    return Plan(**read_json(run / "plan.json"))
