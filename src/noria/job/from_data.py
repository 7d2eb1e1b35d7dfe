"""A job made from nothing but data: `noria train heart.csv label=target`, `noria train pets/ task=NAME`.

What is given in the place of a job is told apart here: a job, data, or what is neither. Read next: from_table.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from noria.contract import Task, answer_field, dispatch, registry
from noria.errors import UserError
from noria.job.from_table import answer_of, job_of_table, job_of_task, task_of
from noria.job.text import Section
from noria.sources.core.layout import TABLE_SUFFIXES, some
from noria.sources.core.tree import Tree
from noria.sources.formats.csv_table import CsvTable
from noria.sources.formats.opening import TEXT_SUFFIXES, open_source
from noria.sources.formats.unread import unread_kind

_JOB_SUFFIXES = (".yaml", ".yml")
_HEAD_BYTES = 1 << 16
_NAMES_A_TASK = re.compile(rb"""^\s*\{?\s*["']?task["']?\s*:""", re.MULTILINE)
_DATA_SUFFIXES = (*TABLE_SUFFIXES, ".npz", ".zip")


def is_data(path: Path) -> bool:
    """Say whether what is given as a job is data, or anything else that is no job, and not a name."""
    if path.is_dir():
        return True
    name = path.name.lower()
    if not path.is_file():
        return name.endswith(_DATA_SUFFIXES)  # it may be gone, or mistyped: then the data is looked for, not a job
    if name.endswith(_JOB_SUFFIXES):
        return False
    with suppress(OSError), path.open("rb") as file:
        return not _NAMES_A_TASK.search(file.read(_HEAD_BYTES))
    return True


def job_of_data(path: Path, overrides: Sequence[str]) -> tuple[Section, list[str]]:
    """Return the job for data, and the overrides that are left once the task and the answer are known.

    `task=NAME` says the task of any data; of a table the answer does (from_table.py). Raises UserError where neither is
    given, or where the path is no data.
    """
    _refuse_others(path)
    named = task_of(overrides)
    if not named and (answer_of(overrides) or path.name.lower().endswith(TABLE_SUFFIXES)):
        return job_of_table(path, overrides)
    if not named:
        raise _no_task(path)
    return job_of_task(named, path, overrides)


def _refuse_others(path: Path) -> None:
    """Raise UserError for a run, a bundle, and a file that holds no data."""
    if (path / "job.yaml").is_file():
        fix = f"noria evaluate {path}, or to train anew: noria train {path / 'job.yaml'}"
        raise UserError("is a run and no job", where=str(path), fix=fix)
    if (path / "config.json").is_file() and (path / "model.safetensors").is_file():
        fix = f"noria predict {path} FILE; to train from it: model.from={path} beside a job"
        raise UserError("is a trained model and no job", where=str(path), fix=fix)
    kind = unread_kind(path) if path.is_file() and not path.name.lower().endswith(TABLE_SUFFIXES) else None
    if kind is not None:
        raise UserError(f"is {kind.what}, no job and no data", where=str(path), fix=kind.fix)


def _no_task(path: Path) -> UserError:
    """Say which tasks could be learnt from data that does not say it itself."""
    columns = _columns(path)
    fits = {name: _fit(path, registry.task(name)) for name in registry.built_in("tasks")}
    known = [f"task={name}" for _, name in sorted((fit, name) for name, fit in fits.items() if fit is not None)]
    if len(columns) > 1 and "file" not in columns:  # it is a table, whatever its ending
        known += ["label=COLUMN", "number=COLUMN"]
    return UserError(
        "this data alone does not say what is to be learnt",
        where=str(path),
        expected=" or ".join(known) or "task=NAME; see: noria list tasks",
        found=f"columns {some(columns)}",
        fix=f"noria train {path} {known[0] if known else 'task=NAME'}",
    )


def _columns(path: Path) -> list[str]:
    """Return the columns of data; of a text that is a table those of its first line."""
    try:
        return open_source(path).columns
    except UserError:
        if not path.name.lower().endswith(TEXT_SUFFIXES):
            raise
        return CsvTable(path).columns


def _fit(path: Path, task: Task) -> tuple[int, bool, bool] | None:
    """Say how well data goes with a task, the lower the better: columns left over, whether files may be of any kind,
    whether none of them ends as those of an input do.

    None where a field of the task has no column.
    """
    try:
        columns = (dispatch.read(task, path, None, {}) or open_source(path)).columns
    except UserError:
        return None
    needed = {name: modality.raw_type for name, modality in task.inputs.items() if not modality.is_optional}
    files = {name for name, takes in needed.items() if takes == "file" and "file" in columns}
    fields = {*needed, answer_field(task)}
    if "columns" in needed.values() or not fields <= {*columns, *files}:
        return None
    suffixes = tuple(suffix for name in files for suffix in task.inputs[name].file_suffixes)
    is_foreign = "file" in columns and not any(name.lower().endswith(suffixes) for name in _names(path))
    return len({*columns} - fields - ({"file"} if files else set())), "file" in columns, is_foreign


def _names(path: Path) -> list[str]:
    """Return the names of the files in a folder or an archive."""
    tree = Tree.at(path)
    return [] if tree is None else list(tree.names)
