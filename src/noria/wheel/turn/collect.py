"""Third step: what the candidate learns from. The records of the champion keep their side; new ones are divided.

Of the new records a share is held out, by a hash of what they hold, for comparing; one that says the same as an older
record, or one of the golden set, stands on its side. Nothing is copied: a table says which record, by its place, is for
what. Read next: sides.py.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from noria.job import Job
from noria.job.load import load_job
from noria.pipeline.predictor import load
from noria.stages.prepare import open_data
from noria.stages.prepared_again import prepared_again
from noria.stages.split_file import refuse_histories
from noria.store.disk import making_room, write_json
from noria.store.run_folder import read_run_job
from noria.units import count_of
from noria.wheel.turn.context import Turn
from noria.wheel.turn.golden import frozen, input_hashes
from noria.wheel.turn.sides import COLUMN, Known, sides_of
from noria.wheel.turn.turns import NOTHING, Done

SPLITS, JOB, RECENT = "splits.csv", "job.json", "recent.json"
LEAST_RECENT = 30  # held-out records on which a candidate can be told from its champion


def collect(turn: Turn) -> Done:
    """Write the candidate's job and the table of its splits; too few new records end the turn."""
    job, _ = load_job(read_run_job(turn.champion))
    refuse_histories(job.data.split.within)
    known = _known(turn, job)
    bundle = load(turn.champion).bundle
    more = [*job.data.more, *(path for one in turn.data if (path := str(one.resolve())) not in job.data.more)]
    data = job.data.model_copy(update={"more": more})
    data.hold(job.data.frame)
    whole = job.model_copy(update={"data": data})
    source = open_data(_undivided(whole), bundle.task)
    test = [place for place, split in known.splits.items() if split == "test"]
    golden = frozen(turn.wheel.path, turn.settings.golden, test, source, bundle)
    own = np.zeros(0, np.uint64) if golden.path is None else input_hashes(golden, source, bundle)
    sides = sides_of(known, own, turn.settings.hold_out, source, bundle)
    counts = Counter(sides.new.values())
    said = f"{count_of(counts['train'], 'new record')} to learn from, {counts['validation']:,} to choose weights by, "
    said += f"{counts['test']:,} held out"
    said += f"; {count_of(sides.num_gone, 'record')} of earlier turns are gone" if sides.num_gone else ""
    if counts["test"] < LEAST_RECENT or not counts["train"]:
        return Done(f"{said}: too few to tell whether a candidate is better", {}, outcome=NOTHING)
    with making_room(turn.folder):
        turn.folder.mkdir(parents=True, exist_ok=True)
    sides.write(turn.folder / SPLITS)
    write_json(turn.folder / RECENT, {"places": [place for place, side in sides.new.items() if side == "test"]})
    write_json(turn.folder / JOB, _candidate_job(turn, whole))
    return Done(said, dict(counts))


def _known(turn: Turn, job: Job) -> Known:
    """Return which split each record is in that the champion learnt from or held out."""
    if job.data.split.column == COLUMN and job.data.split.file is not None:
        return Known.read(turn.champion.parent / SPLITS)  # where it was written, wherever the wheel is by now
    _, _, prepared = prepared_again(turn.champion, turn.reporter)
    return Known({place: split for split, places in prepared.places().items() for place in places})


def _undivided(job: Job) -> Job:
    """Return the job without a table of splits, which would not name the new records."""
    split = job.data.split.model_copy(update={"file": None, "column": None})
    data = job.data.model_copy(update={"split": split})
    data.hold(job.data.frame)
    return job.model_copy(update={"data": data})


def _candidate_job(turn: Turn, job: Job) -> dict[str, Any]:
    """Return the job of the candidate: the champion's, begun from it, on all data, divided by the table."""
    content = job.model_dump(mode="json")
    before = content["data"]["split"]
    kept = {name: before[name] for name in ("group", "seed", "validation", "test")}
    content["data"]["split"] = {**kept, "file": str((turn.folder / SPLITS).resolve()), "column": COLUMN}
    content["model"] |= {"from": str(turn.champion.resolve()), "pretrained": None, "ready": None}
    content["evaluate"] |= {"rivals": False, "folds": None, "protocols": {}, "compare_to": None}
    return content
