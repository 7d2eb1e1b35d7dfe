"""Which column fills which field, and the values it holds: the same for training data and for what is predicted."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Modality, Target, Task, answer_field, dispatch
from noria.contract.source import Source
from noria.errors import UserError, did_you_mean, raise_all
from noria.job.data import Data
from noria.sources.core.composed_names import with_composed_names
from noria.sources.core.filename_columns import Named
from noria.sources.core.joined import Joined
from noria.sources.core.named_file import read_file, read_regular
from noria.sources.core.split_file import SplitBeside
from noria.sources.formats.frame import IN_MEMORY
from noria.sources.formats.opening import lone_archive, may_lack_header, open_source
from noria.types import IS_PRESENT, Arrays, Encoded, Rows, State, Values

Columns = dict[str, str | list[str]]  # field -> the column, or the columns, that fill it


def open_path(path: Path, task: Task, data: Data) -> Source:
    """Open a path as the job says its tables are, or in a format that only the task has, or by what it is.

    Of a job that was given a frame, the frame is the source, whatever the path. Further data follows it, and a table of
    splits stands beside it.
    """
    opened, split = _opened(path, task, data), data.split
    if data.more:
        alone = data.model_copy(update={"more": [], "splits": {}})
        alone.hold(None)
        others = [_opened(Path(one).expanduser(), task, alone) for one in data.more]
        opened = Joined([opened, *others], _naming(task, data.fields))
    source = dispatch.gathered(task, opened, data.gathering())
    if split.file is None or split.column is None:
        return source
    return SplitBeside(source, open_source(Path(split.file).expanduser()), split.column)


def _opened(path: Path, task: Task, data: Data) -> Source:
    if data.frame is not None:
        return data.frame
    if path.as_posix().startswith(IN_MEMORY):
        raise UserError(
            "this data was a frame in Python, which no file holds",
            where=str(path),
            fix='give it again: noria.train({..., "data": frame}, run=..., resume=True)',
        )
    path = lone_archive(path) or path
    is_said = bool(data.splits) or (bool(data.columns) and may_lack_header(path))
    named = {group: group for group in re.compile(data.names or "").groupindex} | data.fields
    source = None if is_said else dispatch.read(task, path, data.encoding, named)
    source = source or open_source(
        path,
        encoding=data.encoding,
        columns=data.columns or (),
        splits=data.splits,
        sheet=data.sheet,
        asked=_asked(task, data.fields),
    )
    return with_composed_names(source if data.names is None else Named(source, data.names))


def _naming(task: Task, named: Mapping[str, str | list[str]]) -> list[str]:
    """Return the columns whose cells may name files: those of inputs that take files, and then the answer's too."""
    files = [name for name, modality in task.inputs.items() if modality.raw_type == "file"]
    wanted = [*files, answer_field(task)] if files else []
    return [column for name in wanted for column in (*listed(named.get(name, name)), *(["file"] * (name in files)))]


def _asked(task: Task, named: Mapping[str, str | list[str]]) -> list[str]:
    """Return the columns by which a table is told from a text: those of the inputs, else that of the answer."""
    needed = [name for name, modality in task.inputs.items() if not modality.is_optional]
    known = [name for name in needed if name in named or task.inputs[name].raw_type == "cell"]
    return [column for name in known or [answer_field(task)] for column in listed(named.get(name, name))]


def map_fields(
    columns: Sequence[str],
    task: Task,
    named: Mapping[str, str | list[str]],
    needs_answer: bool,
    besides: Sequence[str] = (),
) -> Columns:
    """Say which column fills each field; raise UserError naming every column that is not there.

    A field is filled by the column the job names, else by the column of its own name, else (an input that takes a
    file) by the column `file`; an input that takes columns gets every column that is not spoken for, nor one of
    `besides`, which say how records are divided.
    """
    answer = answer_field(task)
    mapping: Columns = {}
    problems = _named_twice(named) if needs_answer else []
    for name in (*task.inputs, answer):
        takes = task.inputs[name].raw_type if name in task.inputs else "cell"
        if name not in named and takes == "columns":
            continue
        wanted = named.get(name) or ("file" if takes == "file" and name not in columns else name)
        missing = [column for column in listed(wanted) if column not in columns]
        if not missing:
            mapping[name] = wanted
        elif name in task.inputs and task.inputs[name].is_optional and name not in named:
            continue
        elif name != answer or needs_answer:
            problems.append(_not_there(name, missing, columns, takes == "columns"))
    raise_all(problems)
    spoken_for = {column for wanted in (*mapping.values(), *named.values(), besides) for column in listed(wanted)}
    for name, modality in task.inputs.items():
        if name not in mapping and modality.raw_type == "columns":
            mapping[name] = [column for column in columns if column not in spoken_for]
            if not mapping[name]:
                raise UserError(
                    f"no column of the data is left for the field {name!r}", found=f"columns {', '.join(columns)}"
                )
    return mapping


def _named_twice(named: Mapping[str, str | list[str]]) -> list[UserError]:
    """Return an error for each field that names a column more than once."""
    counts = {field: Counter(listed(wanted)) for field, wanted in named.items()}
    twice = {field: [name for name, count in one.items() if count > 1] for field, one in counts.items()}
    return [
        UserError(
            f"the field {field!r} names a column more than once: {', '.join(names)}",
            where=f"data.fields.{field}",
            fix="name each column once",
        )
        for field, names in twice.items()
        if names
    ]


def _not_there(field: str, missing: Sequence[str], columns: Sequence[str], is_table: bool) -> UserError:
    """Return the error of columns that should fill a field. Those of a table have no other name than in training."""
    names = ", ".join(map(repr, missing))
    mend = did_you_mean(missing[0], columns) if len(missing) == 1 else _each_meant(missing, columns)
    how = "add or rename what is missing" if is_table else f"name it with data.fields.{field}=COLUMN"
    return UserError(
        f"the data has no column{'s' if len(missing) > 1 else ''} {names} for the field {field!r}",
        found=f"columns {', '.join(columns)}",
        fix=f"{how} ({mend})",
    )


def _each_meant(missing: Sequence[str], columns: Sequence[str]) -> str:
    """Return what several columns that are not there may have meant, each by its name."""
    return "; ".join(f"{name!r}: {did_you_mean(name, columns)}" for name in missing)


def group_column(
    task: Task, named: str | None, mapping: Columns, columns: Sequence[str], of_source: Sequence[str] = ()
) -> str | None:
    """Return the column whose equal values are of one thing: `named`, or the task's own, or the source's."""
    if named is not None:
        return named if named in columns else None
    own = mapping.get(task.grouped_by, task.grouped_by)
    return next((one for one in (own, *of_source) if isinstance(one, str) and one in columns), None)


def values_of(rows: Rows, columns: str | list[str] | None) -> Values:
    """Return one field's values from a chunk: a column, a dict of them, or None for each where no column fills it."""
    if columns is None:
        return [None] * len(rows)
    if isinstance(columns, str):
        return _plain(rows.columns[columns])
    return {column: _plain(rows.columns[column]) for column in columns}


def _plain(values: Sequence[Any] | np.ndarray) -> list[Any] | np.ndarray:
    """Return a column as what components take: a reader may hold it otherwise, to save memory."""
    return values if isinstance(values, list | np.ndarray) else list(values)


def length_of(values: Values) -> int:
    """Return how many records a field's values are of."""
    return len(next(iter(values.values()), ())) if isinstance(values, Mapping) else len(values)


def select(values: Values, indices: np.ndarray) -> Values:
    """Return the values of some records."""
    if isinstance(values, Mapping):
        return {name: select(column, indices) for name, column in values.items()}  # type: ignore[misc]
    return values[indices] if isinstance(values, np.ndarray) else [values[i] for i in indices]


def joined(parts: Sequence[Values]) -> Values:
    """Return the values of several chunks as one."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Mapping):
        return {name: joined([part[name] for part in parts]) for name in first}  # type: ignore[misc, call-overload]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)  # type: ignore[arg-type]
    return [value for part in parts for value in part]


def encode_field(component: Modality | Target, values: Values, state: State, root: Path | None) -> Encoded:
    """Encode raw values; where the field takes files, read those that cells name (only below `root`)."""
    values, unreadable = _resolve_files(component, values, root)
    encoded = component.encode(values, state)
    return Encoded(encoded.arrays, {**encoded.bad, **unreadable}, encoded.cut)


def encode_input(modality: Modality, values: Values, state: State, root: Path | None) -> Encoded:
    """Encode the raw values of an input; of an optional one, a record may come without its value."""
    encoded = encode_field(modality, values, state, root)
    if not modality.is_optional or isinstance(values, Mapping) or not modality.encode([None], state).bad:
        return encoded
    is_missing = np.array([_is_missing(value) for value in values], bool)
    bad = {index: reason for index, reason in encoded.bad.items() if not is_missing[index]}
    return Encoded({**encoded.arrays, IS_PRESENT: (~is_missing).astype(np.uint8)}, bad, encoded.cut)


def fit_input(modality: Modality, values: Values, root: Path | None) -> State:
    """Fit a modality on raw training values; of an optional input on those that are there."""
    if modality.is_optional and not isinstance(values, Mapping):
        values = select(values, np.array([i for i, value in enumerate(values) if not _is_missing(value)], np.int64))
    return fit_field(modality, values, root)


def complete_input(modality: Modality, state: State, values: Values, root: Path | None) -> State:
    """Add to a state that was taken over what raw training values say beside it."""
    values, unreadable = _resolve_files(modality, values, root)
    return dispatch.complete_state(modality, state, select(values, _without(unreadable, length_of(values))))


def _without(left_out: Mapping[int, str], count: int) -> np.ndarray:
    return np.array([i for i in range(count) if i not in left_out], np.int64)


def _is_missing(value: Any) -> bool:
    is_empty = isinstance(value, str | bytes) and not value
    return value is None or is_empty or (isinstance(value, float) and value != value)


def encode_answer(task: Task, values: Values, state: State, inputs: Mapping[str, Arrays], root: Path | None) -> Encoded:
    """Encode raw answers to inputs that are encoded already; one that cannot belong to them is bad."""
    encoded = encode_field(task.target, values, state, root)
    bad = {**dispatch.validate_pair(task, inputs, encoded.arrays), **encoded.bad}
    return Encoded(encoded.arrays, bad, encoded.cut)


def fit_field(component: Modality | Target, values: Values, root: Path | None) -> State:
    """Fit a modality or target on raw training values, leaving out files that cannot be read."""
    values, unreadable = _resolve_files(component, values, root)
    if unreadable:
        values = select(values, _without(unreadable, length_of(values)))
    try:
        return component.fit(values)
    except UserError as error:
        if not unreadable:
            raise
        first = next(iter(unreadable.values()))
        raise error.with_found(f"{len(unreadable)} files could not be read, first {first}") from error


def content_of(value: str | os.PathLike[str], root: Path | None) -> bytes:
    """Return what a file holds: one that a cell names, only below the root, or one at a path that a program gave."""
    if isinstance(value, str):
        return read_file(root or Path.cwd(), value)
    return read_regular(os.fspath(value), os.fspath(value))


def _resolve_files(component: Modality | Target, values: Values, root: Path | None) -> tuple[Values, dict[int, str]]:
    if component.raw_type != "file" or not isinstance(values, list):
        return values, {}
    found: list[Any] = list(values)
    bad = {}
    for i, value in enumerate(values):
        try:
            if isinstance(value, str | os.PathLike):
                found[i] = content_of(value, root)
            elif isinstance(value, list):  # several files make one value: pictures of a clip, sounds in a row
                found[i] = [content_of(one, root) if isinstance(one, str | os.PathLike) else one for one in value]
        except (ValueError, OSError) as error:
            found[i], bad[i] = None, str(error)
    return found, bad


def listed(columns: str | Sequence[str]) -> Sequence[str]:
    """Return the column, or the columns, that fill a field as several."""
    return [columns] if isinstance(columns, str) else columns
