"""A job made from nothing but a data table and the name of its answer: `noria train heart.csv label=target`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from noria.columns import TextForm, read_table
from noria.contract import Modality, answer_field, registry
from noria.contract.source import Source
from noria.errors import UserError
from noria.job.text import Section
from noria.sources.core.layout import some
from noria.sources.formats.opening import open_source

FIELDS = "data.fields."  # may stand before the answer's field, as errors name it
LOOKED_AT = 1_000  # rows that say what the columns hold
TRIED = 50  # of their cells that a modality is asked to read


def answer_of(overrides: Sequence[str]) -> str | None:
    """Return the override that names the answer's column of a table (`label=COLUMN`), if there is one."""
    answers = _tasks_of_columns()
    named = ((one, *one.removeprefix(FIELDS).partition("=")) for one in overrides)
    return next((one for one, field, _, column in named if field in answers and column), None)


def job_of_table(path: Path, overrides: Sequence[str], source: Source | None = None) -> tuple[Section, list[str]]:
    """Return the job for a table, and the overrides that are left once the answer's column is known.

    The answer's field (`label=COLUMN`, `number=COLUMN`) says which task it is: the one whose inputs all take columns,
    or, where all that is left to learn from is one column of texts, the one that takes a text. Of several, `task=NAME`
    says which; else the one that comes with Noria is meant. `source` is the table where the path is none of a file.
    """
    answers = _tasks_of_columns()
    named = task_of(overrides)
    if override := answer_of(overrides):
        field, _, column = override.removeprefix(FIELDS).partition("=")
        answering = columns_of(column)
        fields = {field: answering}
        asked = {answering} if isinstance(answering, str) else {*answering}
        by_text = None if named else _of_texts(path, source, field, asked)
        task, texts = by_text or (named or _only(answers[field], path, override), {})
        job = {"task": task, "data": {"path": str(path), "fields": {**texts, **fields}}}
        return job, [one for one in overrides if one is not override and not one.startswith("task=")]
    raise UserError(
        "a table alone does not say what is to be learnt",
        where=str(path),
        expected=" or ".join(f"{field}=COLUMN" for field in sorted(answers)),
        found=f"columns {some((source or open_source(path)).columns)}",
        fix=f"noria train {path.name} label=COLUMN",
    )


def task_of(overrides: Sequence[str]) -> str:
    """Return the task that overrides name; empty where they name none."""
    return next((one.partition("=")[2] for one in overrides if one.startswith("task=")), "")


def job_of_task(name: str, path: Path, overrides: Sequence[str]) -> tuple[Section, list[str]]:
    """Return the job of a task for data, and the overrides that are left once those that name columns are taken."""
    task = registry.task(name)
    fields = {}
    for override in overrides:
        field, _, column = override.partition("=")
        if column and field in (*task.inputs, answer_field(task)):
            fields[field] = columns_of(column)
    left = [one for one in overrides if one.partition("=")[0] not in (*fields, "task")]
    return {"task": name, "data": {"path": str(path), "fields": fields}}, left


def columns_of(text: str) -> str | list[str]:
    """Return the column that an override names, or the columns of a list of them: [a, b]."""
    is_list = text.startswith("[") and text.endswith("]")
    return [one.strip() for one in text[1:-1].split(",")] if is_list else text


def _of_texts(path: Path, source: Source | None, field: str, answers: set[str]) -> tuple[str, dict[str, str]] | None:
    """Return the task that learns from the only column that is more than a name or a constant, if that holds texts."""
    try:
        rows = next(iter((source or open_source(path)).rows(LOOKED_AT)), None)
    except UserError:  # preparation meets it again and says why
        return None
    if rows is None or not answers <= {*rows.columns}:
        return None
    columns = read_table({name: cells for name, cells in rows.columns.items() if name not in answers}, {}, {})
    read = [name for name, one in columns.items() if one.kind != "ignore"]
    if len(read) != 1 or columns[read[0]].kind != TextForm.kind:
        return None
    tasks = {name: registry.task(name) for name in registry.built_in("tasks")}
    taking = [
        (name, {text: read[0]})
        for name, task in tasks.items()
        for text, modality in task.inputs.items()
        if answer_field(task) == field and len(task.inputs) == 1 and modality.raw_type == "cell"
        if _can_encode(modality, list(rows.columns[read[0]][:TRIED]))
    ]
    return taking[0] if len(taking) == 1 else None


def _can_encode(modality: Modality, values: list[Any]) -> bool:
    """Say whether cells are what a modality reads: most texts are no molecules."""
    given = [one for one in values if one not in (None, "")]
    try:
        return len(modality.encode(given, modality.fit(given)).bad) < len(given)
    except UserError:
        return False


def _tasks_of_columns() -> dict[str, list[str]]:
    """Return the names of the tasks whose inputs all take columns, by the field of their answer."""
    answers: dict[str, list[str]] = {}
    for name in registry.names("tasks"):
        task = registry.task(name)
        if all(modality.raw_type == "columns" for modality in task.inputs.values()):
            answers.setdefault(answer_field(task), []).append(name)
    return answers


def _only(names: Sequence[str], path: Path, override: str) -> str:
    """Return the only task of some, or the only one of them that comes with Noria."""
    ours = [name for name in names if name in registry.built_in("tasks")] or names
    if len(ours) > 1:
        raise UserError(
            "several tasks could be learnt from this table",
            where=str(path),
            expected=" or ".join(f"task={name}" for name in ours),
            fix=f"noria train {path.name} {override} task={ours[0]}",
        )
    return ours[0]
