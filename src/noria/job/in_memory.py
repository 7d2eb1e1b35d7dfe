"""Jobs given from Python: paths of any kind, and a frame in the place of `data`, of `data.path` or of the whole job.

A job file cannot hold a frame. What is kept of it is what it was (its rows, columns and hash) in the place of the path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from noria.errors import UserError
from noria.job.from_table import job_of_table, job_of_task, task_of
from noria.job.text import Section
from noria.sources.formats.frame import Frame, FrameLike, is_frame

# A job file, the name of a shipped job, a data table; or what only Python has: a mapping, a frame.
JobLike: TypeAlias = "str | os.PathLike[str] | Mapping[str, object] | FrameLike"


def as_mapping(source: JobLike, overrides: Sequence[str] = ()) -> tuple[Section, list[str]]:
    """Return a job that Python has as a mapping, its frame read once, and the overrides that are left.

    A frame alone needs its task or the column of its answer among the overrides, as a table on the command line does.
    """
    if isinstance(source, Mapping):
        content = _plain(source)
        data = content.get("data")
        data = {"path": data} if is_frame(data) else data
        if isinstance(data, dict) and is_frame(frame := data.get("path")):
            content = content | {"data": data | {"path": frame if isinstance(frame, Frame) else Frame(frame)}}
        return content, list(overrides)
    if not is_frame(source):
        raise UserError(
            "this is no job", expected="a file, a name, a mapping or a frame", found=type(source).__qualname__
        )
    frame = source if isinstance(source, Frame) else Frame(source)
    if task := task_of(overrides):
        content, left = job_of_task(task, Path("frame"), overrides)
        return as_mapping(content | {"data": content["data"] | {"path": frame}}, left)
    try:
        content, left = job_of_table(Path("frame"), overrides, frame)
    except UserError as error:
        fix = 'noria.train(frame, ["label=COLUMN"])'
        raise UserError(error.what, where="the frame", expected=error.expected, fix=fix) from None
    return as_mapping(content | {"data": content["data"] | {"path": frame}}, left)


def apart(content: Section) -> tuple[Section, Frame | None]:
    """Return a job as a file would hold it, and the frame that it is to learn from."""
    data = content.get("data")
    frame = data.get("path") if isinstance(data, dict) else None
    if not isinstance(frame, Frame):
        return content, None
    return content | {"data": {**content["data"], "path": str(frame.path)}}, frame


def with_frame_of(given: JobLike, stored: Section) -> Section:
    """Return the job that a run began with, and with it the frame of the job that is given again.

    Raises UserError where that is another one.
    """
    frame = Frame(given) if is_frame(given) else apart(as_mapping(given)[0])[1] if isinstance(given, Mapping) else None
    if frame is None:
        return stored
    if str(frame.path) != stored["data"]["path"]:
        raise UserError(
            "the data is not what this training began with",
            expected=str(stored["data"]["path"]),
            found=str(frame.path),
            fix="give the frame that it began with, or start a new run",
        )
    return stored | {"data": stored["data"] | {"path": frame}}


def _plain(value: Any) -> Any:
    """Return a mapping with the paths in it, however deep, as texts."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return os.fspath(value) if isinstance(value, os.PathLike) else value
