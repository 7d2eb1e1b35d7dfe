"""One record's way through a job, step by step: what it is, its shape, its unit and the milliseconds it took.

It needs no training and no data set: the task's own example goes through the model as it would be built, unless the
job's data is at hand. Knows no task. Read next: pipeline/walk.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from noria.aligned import aligned
from noria.contract import Task, answer_field, dispatch
from noria.contract.examples import fitted, records_like
from noria.job import Job
from noria.job.in_memory import JobLike
from noria.job.load import load_job
from noria.pipeline.assembly import build
from noria.pipeline.encoder import RecordEncoder
from noria.pipeline.fields import map_fields
from noria.pipeline.parts import with_parts
from noria.pipeline.predictor import load_parts
from noria.pipeline.walk import Step, walk
from noria.pipeline.warm_start import begin
from noria.stages.prepare import open_data, prepare
from noria.types import Record

LIKE = 12  # made-up records beside the example that the inputs are fitted to


def trace(source: JobLike, overrides: Sequence[str] = ()) -> list[Step]:
    """Return the steps of one record's way: raw, encoded, tokens, trunk, output, prediction."""
    job, task = load_job(source, overrides)
    has_data = job.data.path is not None
    record, states = _from_data(job, task) if has_data else _from_example(task)
    states = with_parts(states, load_parts(task, "cpu"))
    torch.manual_seed(job.train.seed)
    is_ready = dispatch.learns_nothing(task.target) and has_data  # then there are no random weights to walk through
    model = begin(job, task, states, torch.device("cpu")) if is_ready else build(job, task, states)
    return list(walk(task, record, states, model.eval()))


def table(steps: Sequence[Step]) -> str:
    """Return the steps as aligned text."""
    rows = [("step", "what it is", "shape", "ms"), *((s.name, s.what, s.shape, f"{s.milliseconds:.2f}") for s in steps)]
    return "\n".join(aligned(rows, 3))


def _from_example(task: Task) -> tuple[Record, dict[str, Any]]:
    """Learn what states need from the example, records like it and a second, made-up answer."""
    record, answer = task.example(), answer_field(task)
    like = [dict(record.fields), *records_like(task, LIKE)]  # one row alone has only constant columns
    if task.target.has_closed_vocabulary:
        like = [dict(record.fields), *({**one, answer: _other(record.fields[answer])} for one in like)]
    return record, fitted(task, like)


def _from_data(job: Job, task: Task) -> tuple[Record, dict[str, Any]]:
    """Return the first usable record of the job's data, its answer beside it, and what was learnt from the data."""
    states = prepare(job, task).states
    source = open_data(job, task)
    mapping, answer = map_fields(source.columns, task, job.data.fields, needs_answer=True), answer_field(task)
    chunks = RecordEncoder(task, states, mapping, source.root).chunks(source)
    chunk = next(chunk for chunk in chunks if len(chunk))
    fields = chunk.raw(0, task)
    return Record({**fields, answer: chunk.raw_answer(0, task)}, chunk.records.wheres()[0]), states


def _other(answer: Any) -> Any:
    return answer + 1 if isinstance(answer, int | float) else f"not {answer}"
