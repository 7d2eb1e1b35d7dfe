"""A job made from nothing but a data table and the name of its answer: `noria train heart.csv label=target`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from noria.contract import answer_field, registry
from noria.errors import UserError
from noria.job.text import Section

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def is_table(path: Path) -> bool:
    """Whether a path given as a job is a data table."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def job_of_table(path: Path, overrides: Sequence[str]) -> tuple[Section, list[str]]:
    """Return the job for a table, and the overrides that are left once the answer's column is known.

    The answer's field (`label=COLUMN`, `number=COLUMN`) says which task it is: the one whose inputs all take columns.
    """
    tasks = {name: registry.task(name) for name in registry.names("tasks")}
    answers = {
        answer_field(task): name
        for name, task in tasks.items()
        if all(modality.takes == "columns" for modality in task.inputs.values())
    }
    for override in overrides:
        field, _, column = override.partition("=")
        if field in answers and column:
            job = {"task": answers[field], "data": {"path": str(path), "fields": {field: column}}}
            return job, [one for one in overrides if one is not override]
    raise UserError(
        "a table alone does not say what is to be learnt",
        where=str(path),
        expected=" or ".join(f"{field}=COLUMN" for field in sorted(answers)),
        mend=f"noria train {path.name} label=COLUMN",
    )
