"""A training from end to end: prepare, plan, every step, bundle, scores, report; and what resuming must find again.

Knows no task. Read next: stages/prepare.py, training/plan.py, training/loop.py, stages/evaluate.py.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.job.in_memory import JobLike
from noria.job.load import asked_again, load_job
from noria.job.value import payoffs_of
from noria.pipeline.bundle import save_bundle
from noria.pipeline.engine import refuse_engine
from noria.pipeline.inference import pick_device
from noria.pipeline.parts import without_parts
from noria.pipeline.predictor import with_running_parts
from noria.pipeline.prepared import Prepared
from noria.pipeline.worth import Worth
from noria.reporter import Reporter, Silent, Terminal
from noria.stages.booked import booked
from noria.stages.compare import held_out_in_both
from noria.stages.evaluate import evaluate_run
from noria.stages.folds import Titled, check_folds, folds_of
from noria.stages.prepare import prepare
from noria.stages.protocols import check_protocols, protocols_of
from noria.store.disk import write_json
from noria.store.progress import how_it_ended, is_finished, is_trained, remove_checkpoints, what_is_saved
from noria.store.run_folder import (
    has_begun,
    locked,
    name_of,
    new_run,
    read_json,
    read_start,
    record_start,
    refuse_changes,
    start_or_resume,
)
from noria.training.allocator import keep_freed_memory
from noria.training.distributed import Processes, joined_processes
from noria.training.forecast import describe, refuse_too_little
from noria.training.loop import Training
from noria.training.plan import Plan, make_plan
from noria.training.signals import StopSignals, watched
from noria.training.validation import chosen_metric


def train(
    source: JobLike,
    overrides: Sequence[str] = (),
    run: Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train a job and evaluate it on its test split; return the run folder.

    resume: go on with what the folder holds, from its newest checkpoint; begin where it holds nothing, and end at once
    where all is done. Raises UserError for anything a user can mend. Leaves by SystemExit (143, 130 or 129) on SIGTERM,
    SIGINT and SIGHUP, saved.
    """
    reporter = reporter or Terminal()
    run = new_run(run, name_of(source), resume)
    keep_freed_memory()
    with joined_processes() as world, watched() as interruption, locked(run, is_shared=not world.is_writer):
        try:
            with booked(run, "train"):
                _train(run, source, overrides, resume, world, interruption, reporter)
        except SystemExit:
            if interruption and world.is_writer:
                reporter.say(what_is_saved(run))
            raise
    return run


def _train(
    run: Path, source: JobLike, overrides: Sequence[str], resume: bool, world: Processes,
    interruption: StopSignals, reporter: Reporter,
) -> None:  # fmt: skip
    """Take whatever is left of a training."""
    started = time.perf_counter()
    is_begun = has_begun(run)
    given = began = start_or_resume(run, source, resume)
    if is_begun:
        given, overrides = asked_again(began, source, overrides)
    job, task = load_job(given, overrides)
    if is_begun:
        refuse_changes(load_job(began)[0], job)
        if is_finished(run):
            if world.is_writer:
                _end(run, job, how_it_ended(run), reporter)
            return
    origin = read_start(run).get("origin") if is_begun else None
    prepared = _prepare_once(job, task, world, reporter, origin)
    refuse_engine(job.evaluate.engine, task)
    if payoffs := payoffs_of(job.value, task.target):
        Worth.before(task, prepared.states["target"], payoffs)  # classes that are not there are told now
    chosen_metric(job, task, prepared)  # what is wrong with it is said now, and not after the plan
    if not is_begun:
        check_folds(folds_of(run, job), task, prepared, world, reporter.say)
        check_protocols(protocols_of(run, job), task, prepared, world, reporter.say)
    if world.is_writer and (other := job.evaluate.compare_to):  # now, and not after hours of training
        held_out_in_both(Path(other), job, task, prepared)
    seconds = {"prepare": time.perf_counter() - started}
    if not is_trained(run):
        plan = _plan(run, job, task, prepared, world, reporter)
        part_seconds = _take_steps(run, job, task, prepared, plan, world, interruption, reporter)
        seconds["train"] = time.perf_counter() - started - seconds["prepare"]
        seconds |= part_seconds
    if job.evaluate.folds is not None:
        before = time.perf_counter()
        _train_folds(run, job, task, world, interruption, reporter)
        seconds["folds"] = time.perf_counter() - before
    if job.evaluate.protocols:
        before = time.perf_counter()
        _train_protocols(run, job, task, world, interruption, reporter)
        seconds["protocols"] = time.perf_counter() - before
    if world.is_writer:
        evaluate_run(run, job, prepared, {stage: round(value, 3) for stage, value in seconds.items()})
        _end(run, job, "", reporter)


def _train_folds(
    run: Path, job: Job, task: Task, world: Processes, interruption: StopSignals, reporter: Reporter
) -> None:
    """Train the folds that are not trained yet."""
    origin, folds = read_start(run).get("origin"), folds_of(run, job)
    for fold, (folder, own) in enumerate(folds, 1):
        with locked(folder):
            titled = Titled(reporter, f"fold {fold} of {len(folds)}")
            _train_beside(folder, own, task, world, interruption, titled, origin)


def _train_protocols(
    run: Path, job: Job, task: Task, world: Processes, interruption: StopSignals, reporter: Reporter
) -> None:
    """Train and score under the other divisions, as far as that is not done yet."""
    origin = read_start(run).get("origin")
    for name, folder, own in protocols_of(run, job):
        with locked(folder):
            started = time.perf_counter()
            prepared = _train_beside(folder, own, task, world, interruption, Titled(reporter, name), origin)
            if not (folder / "metrics.json").is_file():
                evaluate_run(folder, own, prepared, {"train": round(time.perf_counter() - started, 3)})


def _train_beside(
    folder: Path, job: Job, task: Task, world: Processes, interruption: StopSignals, reporter: Reporter,
    origin: str | None,
) -> Prepared:  # fmt: skip
    """Train a run beside another one where it is not trained yet; its checkpoints go when its model is saved."""
    prepared = _prepare_once(job, task, world, Silent(), origin)
    if not is_trained(folder):
        plan = _plan(folder, job, task, prepared, world, Silent())
        _take_steps(folder, job, task, prepared, plan, world, interruption, reporter)
    _end(folder, job, "", reporter)
    return prepared


def _take_steps(
    run: Path, job: Job, task: Task, prepared: Prepared, plan: Plan, world: Processes, interruption: StopSignals,
    reporter: Reporter,
) -> dict[str, float]:  # fmt: skip
    """Train, and save the bundle; return the seconds that each simple model beside the network took, if fitted now."""
    running = with_running_parts(prepared, task, plan.device)
    training = Training(run, job, task, running, plan, world, reporter, interruption)
    training.run_all()
    if world.is_writer:
        weights = training.best_weights()
        state = training.calibrated_state(weights)
        states = {**prepared.states, "target": without_parts(state), **training.chosen_worth(weights, state)}
        save_bundle(run, job, task, replace(prepared, states=states), weights, plan.weights)
    return training.part_seconds


def _end(run: Path, job: Job, text: str, reporter: Reporter) -> None:
    """Leave what a finished training leaves."""
    if not job.train.keep_checkpoints:
        remove_checkpoints(run)
    if text:
        reporter.say(text)


def _prepare_once(job: Job, task: Task, world: Processes, reporter: Reporter, origin: str | None) -> Prepared:
    """Let the writer prepare first; the others then find the data in the cache."""
    if world.is_writer:
        prepared = prepare(job, task, reporter.say, origin)
    world.barrier()
    return prepared if world.is_writer else prepare(job, task, origin=origin)


def _plan(run: Path, job: Job, task: Task, prepared: Prepared, world: Processes, reporter: Reporter) -> Plan:
    """Return the run's plan: the stored one, or a new one that is stored before the first step."""
    if world.is_writer:
        is_begun = has_begun(run)
        if is_begun and read_start(run)["fingerprint"] != prepared.fingerprint:
            raise UserError(
                "the data is not what this training began with",
                where=prepared.report["source"],
                fix="bring the old data back, or start a new run with --run",
            )
        if not (is_begun and (run / "plan.json").exists()):
            device = pick_device()
            plan = make_plan(job, task, with_running_parts(prepared, task, str(device)), device, reporter.say)
            describe(reporter, prepared, plan, job.evaluate.folds or 0, len(job.evaluate.protocols))
            refuse_too_little(reporter, run, plan, (job.evaluate.folds or 0) + len(job.evaluate.protocols))
            record_start(run, job, prepared.record(), prepared.report["quarantine"])
            write_json(run / "plan.json", plan.as_json())
    world.barrier()
    return Plan.of(read_json(run / "plan.json"), run)
