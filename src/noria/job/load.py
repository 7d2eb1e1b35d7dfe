"""Read a job: a file, a shipped name, data or a mapping, with `key=value` overrides; all problems at once.

Knows no task: the settings of a task's inputs and target are the fields of their dataclasses. Read next: schema.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from noria.contract import Task, answer_field, registry
from noria.contract.checkpoints import loader_for, ready_loader
from noria.contract.settings import fields_by_task, values_of
from noria.errors import UserError, did_you_mean, raise_all
from noria.job.from_checkpoint import settings_of_origin
from noria.job.from_data import is_data, job_of_data
from noria.job.in_memory import JobLike, apart, as_mapping
from noria.job.problems import keys_of, unknown_key, unmet_rules, wrong_values
from noria.job.removed import removed_problems, without_removed
from noria.job.renamed import read_stored_job, with_new_names
from noria.job.schema import BUDGETS, Job
from noria.job.text import Section, Where, parse, parse_override, read_text, set_key
from noria.job.value import value_problems

SEVERAL = (
    "are learnt together where the answer is `labels`, several numbers where it is `measurements`: noria list tasks"
)
BESIDE_THE_MODEL = {"linear", "trees", "dropout"}  # settings of `model` that ask for no other network


def load_job(source: JobLike, overrides: Sequence[str] = ()) -> tuple[Job, Task]:
    """Read a job, apply `key=value` overrides, check everything.

    `source` is a job file, the name of a shipped one, data, a frame, or a mapping. Returns the resolved job and
    its task with the job's settings filled in. Raises all problems together.
    """
    frame = None
    if not isinstance(source, str | os.PathLike):
        name, text = "job", ""
        content, overrides = as_mapping(source, overrides)
        content, frame = apart(content)
    elif _is_data(source):
        name, text = Path(source).name, ""
        content, overrides = job_of_data(Path(source), overrides)
    else:
        path = _job_path(source)
        name, text = path.name, read_text(path)
        content = parse(text, name)
    given: Section = {}
    for override in overrides:
        set_key(given, *parse_override(override))
    asked = merge(content, given)
    where = Where(name, text, given)
    task_name = asked.get("task")
    if not isinstance(task_name, str):
        raise UserError("the job names no task", where=name, expected="task: <name>", fix="see: noria list tasks")
    task = _find_task(task_name, where)
    broken = _not_mappings(asked, task, where)
    raise_all(broken)
    task = _done_by(task, task_name, asked.get("model") or {}, where)
    is_open = not set(asked.get("model") or ()) - BESIDE_THE_MODEL
    usual = merge(task.defaults, task.defaults_without_model) if is_open else task.defaults
    task, problems = _fill_task(task, usual, asked, where)
    if problems:  # settings may be unknown because the checkpoint that has them is not there
        problems += _no_checkpoint(asked.get("model") or {})
    job = None
    try:
        defaults = {key: value for key, value in usual.items() if key not in ("inputs", "target")}
        defaults = _layer(defaults, settings_of_origin(asked.get("model")))
        whole = _layer(_layer(defaults, content), given)
        problems += removed_problems(whole, where)
        filled = {name: values_of(one) for name, one in task.inputs.items()}
        whole |= {"inputs": filled, "target": values_of(task.target)}
        job = Job.model_validate(without_removed(whole))
        if frame is not None and job.data.path == str(frame.path):  # and no override names another place
            job.data.hold(frame)
    except ValidationError as error:
        problems += wrong_values(error, where, Job)
    if job is not None:
        problems += _budget_problems(job, where)
        problems += _ready_problems(job, where)
        problems += _fold_problems(job, where)
        problems += _field_problems(job, task, where)
        problems += value_problems(job.value, job.task, task.target, where)
    raise_all(problems)
    assert job is not None
    return job, task


def asked_again(began: JobLike, source: JobLike, overrides: Sequence[str]) -> tuple[JobLike, Sequence[str]]:
    """Return the job that a run began with, as what is given on resuming asks for it, and the overrides left.

    A job file is not read again, but data in its place says, with its overrides, what is to be learnt.
    """
    if not isinstance(began, Mapping) or isinstance(source, Mapping):
        return began, overrides
    if not isinstance(source, str | os.PathLike):
        asked, left = as_mapping(source, overrides)
    elif _is_data(source):
        asked, left = job_of_data(Path(source), overrides)
    else:
        return began, overrides
    return merge(began, asked), left


def load_stored_job(source: Path | Mapping[str, Any]) -> tuple[Job, Task]:
    """Read a job that Noria itself wrote into a run or a bundle, maybe an earlier version of it."""
    return load_job(read_stored_job(source) if isinstance(source, Path) else with_new_names(source))


def shipped_jobs() -> dict[str, Path]:
    """Return the job files that come with Noria, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parents[1] / "jobs").glob("*.yaml"))}


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> Section:
    """Merge two nested mappings; `over` wins."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _is_data(source: str | os.PathLike[str]) -> bool:
    return str(source) not in shipped_jobs() and is_data(Path(source))


def _job_path(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    shipped = shipped_jobs()
    if str(source) in shipped:
        return shipped[str(source)]
    raise UserError(f"there is no job file or shipped job {str(source)!r}", fix=did_you_mean(str(source), shipped))


def _find_task(name: str, where: Where) -> Task:
    try:
        return registry.task(name)
    except UserError as error:
        raise UserError(error.what, where=where(["task"]), fix=error.fix) from error


def _done_by(task: Task, name: str, model: Mapping[str, Any], where: Where) -> Task:
    """Return the task as a checkpoint does it that needs no training; as it is where the job names none."""
    loader = ready_loader(model)
    if loader is None:
        return task
    if answer_field(task) != loader.answer:
        does = [one for one in registry.names("tasks") if answer_field(registry.task(one)) == loader.answer]
        place, expected = where(["model", "pretrained"]), f"task: {' or '.join(does)}"
        raise UserError(f"{loader.kind} does not do {name}", where=place, expected=expected)
    return loader.task(task)


def _no_checkpoint(model: Mapping[str, Any]) -> list[UserError]:
    """Return what is wrong with a checkpoint that nothing recognises; nothing where the job names none."""
    try:
        if isinstance(model.get("pretrained"), str):
            loader_for(model["pretrained"])
    except UserError as error:
        return [error]
    return []


def _not_mappings(asked: Section, task: Task, where: Where) -> list[UserError]:
    """Return a problem for each section that is no mapping: the rest can only be checked where they are."""
    sections = [["data"], ["data", "fields"], ["inputs"], ["target"], ["model"], ["train"], ["evaluate"], ["value"]]
    problems = []
    for path in [*sections, *(["inputs", name] for name in task.inputs)]:
        branch: Any = asked
        for key in path:
            branch = branch.get(key) if isinstance(branch, Mapping) else None
        if branch is not None and not isinstance(branch, Mapping):
            problems.append(
                UserError("wrong value", where=where(path), expected="a section of keys", found=repr(branch)[:80])
            )
    return problems


def _fill_task(task: Task, defaults: Mapping[str, Any], asked: Section, where: Where) -> tuple[Task, list[UserError]]:
    """Put the job's settings into the task's modalities and target."""
    problems: list[UserError] = []
    inputs = asked.get("inputs") or {}
    for name in inputs:
        if name not in task.inputs:
            problems.append(
                UserError("unknown input", where=where(["inputs", name]), fix=did_you_mean(name, task.inputs))
            )
    filled = {}
    for name, component in task.inputs.items():
        settings = merge(defaults.get("inputs", {}).get(name, {}), inputs.get(name) or {})
        filled[name], found = _fill_spoke(component, settings, where, ["inputs", name])
        problems += found
    target, found = _fill_spoke(
        task.target, merge(defaults.get("target", {}), asked.get("target") or {}), where, ["target"]
    )
    task.inputs, task.target = filled, target
    return task, problems + found


def _fill_spoke(component: Any, settings: Section, where: Where, path: list[str]) -> tuple[Any, list[UserError]]:
    own = values_of(component)
    problems = [unknown_key([*path, key], keys_of(type(component)), where) for key in settings if key not in own]
    given = {key: value for key, value in settings.items() if key in own}
    try:
        whole = fields_by_task(component) | own | given
        return TypeAdapter(type(component)).validate_python(whole), problems
    except ValidationError as error:
        return component, problems + wrong_values(error, where, type(component), path, given)
    except UserError as error:
        return component, problems + unmet_rules(error, where, path, keys_of(type(component)))


def _layer(under: Mapping[str, Any], over: Mapping[str, Any]) -> Section:
    """Merge two layers of a job; a budget named in the upper one replaces the budget of the lower."""
    train = dict(under.get("train") or {})
    if any((over.get("train") or {}).get(budget) is not None for budget in BUDGETS):
        train = {key: value for key, value in train.items() if key not in BUDGETS}
    return merge({**under, "train": train}, over)


def _budget_problems(job: Job, where: Where) -> list[UserError]:
    named = [budget for budget in BUDGETS if getattr(job.train, budget) is not None]
    if len(named) <= 1:
        return []
    return [
        UserError(
            "a training has one budget",
            where=where(["train"]),
            expected="one of minutes, epochs, steps, tokens",
            found=", ".join(named),
        )
    ]


def _ready_problems(job: Job, where: Where) -> list[UserError]:
    """Return what a job asks of a model that does its task as it is, and that nothing changes."""
    named = [budget for budget in BUDGETS if getattr(job.train, budget)]
    if job.model.ready is None or not named:
        return []
    return [
        UserError(
            f"{job.model.ready} is used as it is: training takes no step",
            where=where(["train", named[0]]),
            found=f"{named[0]}: {getattr(job.train, named[0])}",
            fix=f"leave train.{named[0]} out; or leave out model.pretrained, to learn from this data",
        )
    ]


def _fold_problems(job: Job, where: Where) -> list[UserError]:
    """Return why a job cannot be cross-validated."""
    reasons = {
        "data.split.order divides by place, and a fold would be learnt from what comes after it": job.data.split.order,
        f"data.split.fold={job.data.split.fold} is one of the folds itself": job.data.split.fold,
        f"data.split.within={job.data.split.within} has every history in each split": job.data.split.within,
    }
    others = (
        "" if job.data.split.within in ("last", "lines") else "; a larger data.split.test makes intervals narrower, too"
    )
    return [
        UserError(
            "this is not cross-validated",
            where=where(["evaluate", "folds"]),
            found=reason,
            fix=f"leave evaluate.folds out{others}",
        )
        for reason, holds in reasons.items()
        if holds and job.evaluate.folds is not None
    ]


def _takes_one(task: Task, field: str) -> bool:
    """Say whether a field is filled by one column: every answer but one that is made of several, and single cells."""
    return task.inputs[field].raw_type == "cell" if field in task.inputs else task.target.raw_type != "columns"


def _field_problems(job: Job, task: Task, where: Where) -> list[UserError]:
    known = [*task.inputs, answer_field(task)]
    problems = []
    for name, columns in job.data.fields.items():
        place = where(["data", "fields", name])
        is_answer = name == answer_field(task)
        if name not in known:
            problems.append(UserError(f"task {job.task} has no such field", where=place, fix=did_you_mean(name, known)))
        elif not isinstance(columns, str) and _takes_one(task, name):
            one = f"data.fields.{name}={columns[0] if columns else 'COLUMN'}"
            fix = f"{one}, and train a model for each; yes/no answers {SEVERAL}" if is_answer else one
            problems.append(
                UserError(f"{name} is filled by one column", where=place, found=", ".join(columns), fix=fix)
            )
    return problems
