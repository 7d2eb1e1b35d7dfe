"""Third step: what the candidate learns from. The records of the champion keep their side; new ones are divided.

Of the new records a share is held out, by a hash of what they hold, for comparing; one that says the same as an older
record, or one of the golden set, stands on its side. Nothing is copied: a table says which record, by its place, is for
what.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import answer_field
from noria.contract.source import Source
from noria.job import Job
from noria.job.load import load_stored_job
from noria.pipeline.bundle import Bundle
from noria.pipeline.other_data import mapping_of
from noria.pipeline.predictor import load
from noria.preparation.division import split_hashes
from noria.sources.core.split_file import WHERE
from noria.stages.prepare import open_data
from noria.stages.prepared_again import prepared_again
from noria.stages.split_file import refuse_histories
from noria.store.disk import making_room, whole_file, write_json
from noria.store.hashing import share
from noria.units import count_of
from noria.wheel.turn.context import Turn
from noria.wheel.turn.golden import Golden, frozen, input_hashes
from noria.wheel.turn.turns import NOTHING, Done

SPLITS, JOB, RECENT, COLUMN = "splits.csv", "job.json", "recent.json", "wheel_split"
LEAST_RECENT = 30  # held-out records on which a candidate can be told from its champion


def collect(turn: Turn) -> Done:
    """Write the candidate's job and the table of its splits; too few new records end the turn."""
    job, _ = load_stored_job(turn.champion / "job.yaml")
    refuse_histories(job.data.split.within)
    known = _known(turn, job)
    bundle = load(turn.champion).bundle
    more = [*job.data.more, *(path for one in turn.data if (path := str(one.resolve())) not in job.data.more)]
    data = job.data.model_copy(update={"more": more})
    data.hold(job.data.frame)
    whole = job.model_copy(update={"data": data})
    source = open_data(_undivided(whole), bundle.task)
    test = [place for place, split in known.items() if split == "test"]
    golden = frozen(turn.wheel.path, turn.settings.golden, test, source, bundle)
    new = _divided(turn, known, golden, source, bundle)
    counts = Counter(new.values())
    said = f"{count_of(counts['train'], 'new record')} to learn from, {counts['validation']:,} to choose weights by, "
    said += f"{counts['test']:,} held out"
    if counts["test"] < LEAST_RECENT or not counts["train"]:
        return Done(f"{said}: too few to tell whether a candidate is better", {}, outcome=NOTHING)
    with making_room(turn.folder):
        turn.folder.mkdir(parents=True, exist_ok=True)
    _write_table(turn.folder / SPLITS, known | new)
    write_json(turn.folder / RECENT, {"places": [place for place, side in new.items() if side == "test"]})
    write_json(turn.folder / JOB, _candidate_job(turn, whole))
    return Done(said, dict(counts))


def _known(turn: Turn, job: Job) -> dict[str, str]:
    """Return which split each record is in that the champion learnt from or held out, by its place."""
    if job.data.split.column == COLUMN and job.data.split.file is not None:
        with Path(job.data.split.file).open(encoding="utf-8", newline="") as file:
            return {row[WHERE]: row[COLUMN] for row in csv.DictReader(file)}
    _, _, prepared = prepared_again(turn.champion, turn.reporter)
    return {place: split for split, places in prepared.places().items() for place in places}


def _divided(turn: Turn, known: Mapping[str, str], golden: Golden, source: Source, bundle: Bundle) -> dict[str, str]:
    """Return the split of each record that is not known, by its place."""
    split, mapping = bundle.job.data.split, mapping_of(bundle, source, needs_answer=True)
    fields = [columns for name, columns in mapping.items() if name != answer_field(bundle.task)]
    places: list[str] = []
    parts = []
    for rows in source.rows():
        places += [rows.where(i) for i in range(len(rows))]
        parts.append(split_hashes(rows, split, fields))
    hashes = np.concatenate(parts)
    of_hash = {one: known[place] for place, one in zip(places, hashes.tolist(), strict=True) if place in known}
    if golden.path is not None:
        of_hash |= dict.fromkeys(input_hashes(golden, source, bundle).tolist(), "test")
    sides = _by_hash(hashes, turn.settings.hold_out, split.validation)
    rows_of_all = zip(places, hashes.tolist(), sides, strict=True)
    return {place: of_hash.get(one, side) for place, one, side in rows_of_all if place not in known}


def _by_hash(hashes: np.ndarray, hold_out: float, validation: float) -> list[str]:
    at = share(hashes)
    is_validation = at < hold_out + (1 - hold_out) * validation
    return list(np.where(at < hold_out, "test", np.where(is_validation, "validation", "train")))


def _undivided(job: Job) -> Job:
    """Return the job without a table of splits, which would not name the new records."""
    split = job.data.split.model_copy(update={"file": None, "column": None})
    data = job.data.model_copy(update={"split": split})
    data.hold(job.data.frame)
    return job.model_copy(update={"data": data})


def _write_table(path: Path, sides: Mapping[str, str]) -> None:
    rows: Iterable[tuple[str, str]] = [(WHERE, COLUMN), *sides.items()]
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _candidate_job(turn: Turn, job: Job) -> dict[str, Any]:
    """Return the job of the candidate: the champion's, begun from it, on all data, divided by the table."""
    content = job.model_dump(mode="json")
    before = content["data"]["split"]
    kept = {name: before[name] for name in ("group", "seed", "validation", "test")}
    content["data"]["split"] = {**kept, "file": str((turn.folder / SPLITS).resolve()), "column": COLUMN}
    content["model"] |= {"from": str(turn.champion.resolve()), "pretrained": None, "ready": None}
    content["evaluate"] |= {"rivals": False, "folds": None, "protocols": {}, "compare_to": None}
    return content
