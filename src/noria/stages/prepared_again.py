"""The data of a finished training, prepared again as that training had it. Knows no task. Read next: prepare.py."""

from __future__ import annotations

from pathlib import Path

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.job.in_memory import with_frame_of
from noria.job.load import load_job
from noria.pipeline.prepared import Prepared
from noria.reporter import Reporter
from noria.sources.formats.frame import IN_MEMORY, FrameLike
from noria.stages.prepare import prepare
from noria.store.run_folder import read_run_job, read_start

ALONE = "name the run folder around it; or score on other data: noria evaluate BUNDLE --data PATH"
OF_A_FILE = "bring it back; or score on other data: noria evaluate RUN --data PATH"
OF_A_FRAME = "give the frame again, in Python: noria.compare(run, other, frame), or noria.evaluate(run, frame)"


def prepared_again(run: Path, reporter: Reporter, frame: FrameLike | None = None) -> tuple[Job, Task, Prepared]:
    """Return the job of a run, its task and its data; `frame` is what it learnt from, where that was one.

    Raises UserError where this is no run of a training, or its data is gone or not what it was.
    """
    if not (run / "job.yaml").is_file():
        if not any((run / name).exists() for name in ("bundle", "config.json")):
            raise UserError("this is neither a run nor a bundle", where=str(run), fix="name the folder of a training")
        raise UserError("a bundle alone has no test split", where=str(run), fix=ALONE)
    begun = read_start(run)
    stored = read_run_job(run)
    job, task = load_job(stored if frame is None else with_frame_of(frame, stored))
    is_in_memory = (job.data.path or "").startswith(IN_MEMORY)
    try:
        prepared = prepare(job, task, reporter.say, begun.get("origin"))
    except UserError as error:
        raise UserError(
            "the data of this run cannot be prepared again",
            where=error.where or str(run),
            found=error.what,
            fix=OF_A_FRAME if is_in_memory else OF_A_FILE,
        ) from error
    if prepared.fingerprint != begun["fingerprint"]:
        raise UserError(
            "the data is not what this run was trained with",
            where=prepared.report["source"],
            fix="bring the old data back; or score on this data: noria evaluate RUN --data PATH",
        )
    return job, task, prepared
