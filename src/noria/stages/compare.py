"""This run beside another one on the same records: a paired bootstrap of the difference, and one plain sentence.

Both runs answer the same held-out records, and every draw of records scores both: what makes a record hard for both
cancels out. The records are told apart by where they stand in the source; the other run's data is ours, encoded again
as that run has it, and must come out as it was when that run learnt. Read next: metrics/intervals.py, evaluate.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Metric, Task, dispatch
from noria.errors import EXIT_USER_ERROR, UserError
from noria.job import Job
from noria.job.load import load_job
from noria.metrics.intervals import UNTOLD, differences, verdict
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.prepared import Prepared
from noria.pipeline.worth import VALUE, metrics_of
from noria.stages.prepare import prepare
from noria.store.array_store import scored_split
from noria.store.run_folder import read_run_job, read_start
from noria.types import Arrays, Dataset, rows_of

SAME_DATA = "compare runs of the same data, or score both on one file: noria evaluate RUN --data FILE"
SHOWN_CLASSES = 10
VERDICTS = {  # in the order in which they are said, and the words for them
    "better": ("better", "than"),
    "worse": ("worse", "than"),
    "no different": ("no different", "from"),
    UNTOLD: ("not to be told", "from"),
}


def compare_to(other: Path, job: Job, prepared: Prepared, predictor: Predictor, output: Arrays) -> dict[str, Any]:
    """Return our scores less another run's: {"to", "n", "records", "sentence", "metrics": {name: {value, low, ...}}}.

    `output` holds our answers to the scored split; `records` says which of them are compared. Raises UserError where no
    record is held out in both runs.
    """
    split = scored_split(prepared.splits)
    dataset, here, there = held_out_in_both(other, job, predictor.task, prepared)
    rival = load(other, predictor.device)
    ours = rows_of(output, here), rows_of(prepared.splits[split].target, here)
    theirs = rows_of(rival.outputs(dataset), there), rows_of(dataset.target, there)
    pairs = common_metrics(predictor, rival)
    groups = prepared.splits[split].groups
    groups = None if groups is None else groups[here]
    found = differences(pairs, ours, theirs, job.evaluate.resamples, groups=groups)
    for one in found.values():
        one["verdict"] = verdict(one)
    count = len(prepared.splits[split])
    records = f"the same {len(here):,} records of {split}"
    if len(here) < count:
        records = f"the {len(here):,} of our {count:,} records of {split} that both hold out"
    said = sentence("This run", other, found, records)
    return {"to": str(other), "n": len(here), "records": records, "sentence": said, "metrics": found}


def held_out_in_both(run: Path, job: Job, task: Task, prepared: Prepared) -> tuple[Dataset, np.ndarray, np.ndarray]:
    """Return a run's own encoding of our scored split, and which of our records are which of its records.

    Raises UserError where the run is not finished, learnt from other data, has other classes, or shares no record of
    the split with us.
    """
    if not (run / "bundle").is_dir():
        raise UserError("the run to compare to is no finished run", where=str(run), fix="give the folder of a run")
    known = read_start(run)
    other, task_of_other = load_job(read_run_job(run))
    ours_for_it = other.model_copy(update={"data": other.data.at(job.data)})
    try:
        again = prepare(ours_for_it, task_of_other, origin=known.get("origin"))
    except UserError as error:
        if error.exit_code != EXIT_USER_ERROR:  # a full disk says nothing of the data
            raise
        what = "our data cannot be prepared as for the run to compare to"
        raise UserError(what, where=str(run), found=str(error).splitlines()[0], fix=SAME_DATA) from error
    if again.fingerprint != known["fingerprint"]:
        raise UserError(
            "the run to compare to learnt from other data",
            where=str(run),
            expected="the data that it learnt from",
            found=again.report["source"],
            fix=SAME_DATA,
        )
    both = ((task, prepared), (task_of_other, again))
    _refuse_other_classes(run, *(dispatch.class_names(one.target, data.states["target"]) for one, data in both))
    split = scored_split(prepared.splits)
    ours, theirs = prepared.splits[split], again.splits.get(split)
    here, there = (np.zeros(0, int), np.zeros(0, int)) if theirs is None else pairs_of(ours, theirs)
    if theirs is None or not len(here):
        raise UserError(
            "the run to compare to was scored on other records",
            where=str(run),
            expected=f"some of our {len(ours)} of {split}",
            found="none of them",
            fix=_divided_alike(job.evaluate.folds, other.evaluate.folds),
        )
    return theirs, here, there


def _divided_alike(ours: int | None, theirs: int | None) -> str:
    if ours == theirs:
        return "divide both runs alike: the same data.split in both jobs"
    folds = ours if theirs is None else theirs
    return f"divide both runs alike: evaluate.folds={folds} in both jobs, or in none"


def _refuse_other_classes(run: Path, ours: Sequence[Any] | None, theirs: Sequence[Any] | None) -> None:
    """Raise UserError where two models choose among other classes: their scores are not of one question."""
    if ours is None or theirs is None or set(map(str, ours)) == set(map(str, theirs)):
        return
    raise UserError(
        "the run to compare to answers another question: its classes are others",
        where=str(run),
        expected=_few(ours),
        found=_few(theirs),
        fix="compare runs of the same classes: data.fields and target.class_groups say which they are",
    )


def _few(classes: Sequence[Any]) -> str:
    return ", ".join(map(str, classes[:SHOWN_CLASSES])) + (", ..." if len(classes) > SHOWN_CLASSES else "")


def pairs_of(ours: Dataset, theirs: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the records that both hold, in ours and in theirs."""
    if ours.window is not None or theirs.window is not None:  # windows of a running text stand nowhere
        every = np.arange(len(ours) if _is_same_stream(ours, theirs) else 0)
        return every, every
    places = {where: place for place, where in enumerate(theirs.wheres())}
    pairs = [(place, places[where]) for place, where in enumerate(ours.wheres()) if where in places]
    here, there = np.array(pairs, np.int64).reshape(-1, 2).T
    return here, there


def _is_same_stream(ours: Dataset, theirs: Dataset) -> bool:
    """Say whether both cut the same tokens into the same windows."""
    is_alike = (len(ours), ours.window, ours.target.keys()) == (len(theirs), theirs.window, theirs.target.keys())
    return is_alike and all(np.array_equal(one.stream, theirs.target[name].stream) for name, one in ours.target.items())


def common_metrics(ours: Predictor, theirs: Predictor) -> list[tuple[Metric, Metric]]:
    """Return the scores of the same name and unit of two models; their value where answers are worth the same."""
    here, there = (metrics_of(one.task, one.states) for one in (ours, theirs))
    named = {(one.name, one.unit): one for one in there}
    pairs = [(one, named[one.name, one.unit]) for one in here if (one.name, one.unit) in named]
    is_alike = not (ours.worth and theirs.worth) or ours.worth.payoffs == theirs.worth.payoffs
    return [pair for pair in pairs if is_alike or pair[0].name != VALUE]


def sentence(name: str, other: Path, found: Mapping[str, dict[str, Any]], records: str) -> str:
    """Say in one sentence, by all scores that are given, whether the run of a name is better than the other."""
    if not found:
        return f"{name} and {other} have no score in common."
    said: list[str] = []
    for kind, (than, word) in VERDICTS.items():
        scores = [score for score, one in found.items() if one["verdict"] == kind]
        if not scores:
            continue
        has_figures = kind in ("better", "worse") or len(scores) == len(found)
        told = [_told(score, found[score]) if has_figures else score.replace("_", " ") for score in scores]
        said.append(f"{than if said else f'{than} {word} {other}'} by {_listed(told)}")
    return f"{name} is {', '.join(said)}; on {records}."


def _told(name: str, one: dict[str, Any]) -> str:
    between = one.get("note") or (
        "no interval" if one["low"] is None else f"95 % interval {one['low']:+.4g} to {one['high']:+.4g}"
    )
    return f"{name.replace('_', ' ')} ({one['value']:+.4g}, {between})"


def _listed(items: Sequence[str]) -> str:
    return " and ".join([*([", ".join(items[:-1])] if len(items) > 1 else []), items[-1]])
