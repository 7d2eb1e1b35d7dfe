"""The runs there are, as a list: task, data, main score beside its baseline and its rival, cost, date.

Every run is told as what it is, also one that is unfinished, running or broken. Read next: store/run_facts.py,
delete_runs.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from noria.aligned import aligned
from noria.errors import UserError, did_you_mean
from noria.pipeline.worth import VALUE
from noria.report.card import number
from noria.report.markup import join, tag
from noria.report.tables import table
from noria.stages.summary import Score
from noria.store.run_facts import RunFacts, State, runs_in
from noria.units import duration, size

FOLDER = "runs"  # where a run goes that nobody names
Order: TypeAlias = Literal["score", "date", "cost", "name"]
COLUMNS = (
    "run", "task", "score", "value", "95 % interval", "baseline", "rival", "earns per 1,000", "training", "a record",
    "weights", "date", "data",
)  # fmt: skip
MOST_DATA = 40  # characters that are shown of where the data is: its end tells more


@dataclass(frozen=True)
class Run:
    """One run. `metric` names its main score, the one that training selects by; None where it has none.

    rival: the strongest of the simple models that were scored beside it, by name. worth: what a thousand answers are
    worth, where the job says it. seconds: of training, or of all trials of a tuning. record_ms: milliseconds an answer
    takes where many are asked for at once, as they were scored.
    """

    path: Path
    state: State
    note: str
    task: str
    data: str
    split: str | None
    n: int | None
    metric: str | None
    score: Score | None
    rival: str | None
    rival_value: float | None
    worth: Score | None
    seconds: float | None
    record_ms: float | None
    weights: int | None
    weight_bytes: int | None
    date: datetime

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "path": str(self.path), "date": self.date.isoformat(timespec="seconds")}


class Runs(list[Run]):
    """Runs in the order that was asked for; it prints as a table, and a notebook shows it as one."""

    def __str__(self) -> str:
        """Return a line a run."""
        if not self:
            return "no runs"
        rows = [list(COLUMNS), *([cell or "-" for cell in _cells(run)] for run in self)]
        return "\n".join([*aligned(rows), *self.cheapest()])

    def cheapest(self) -> list[str]:
        """Name, of the runs that were scored alike, the cheapest that the scores cannot tell from the best."""
        return list(cheapest_of(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = table(COLUMNS, [[cell or None for cell in _cells(run)] for run in self], shown=len(self))
        return join(rows, *(tag("p", sentence) for sentence in self.cheapest()))


def runs(folders: Sequence[Path] = (), task: str = "", sort: Order = "date") -> Runs:
    """Return the runs of some folders, by default of runs/; of one task where it is named.

    sort: `score` puts the best first, those of other scores apart; `date` the newest; `cost` the shortest training;
    `name`. What has no score or cost stands last.
    """
    if sort not in get_args(Order):
        raise UserError("runs are not sorted so", expected=", ".join(get_args(Order)), found=repr(sort))
    for folder in folders:
        if not folder.is_dir():
            beside = [str(one) for one in folder.absolute().parent.glob("*") if one.is_dir()]
            raise UserError("there is no such folder of runs", where=str(folder), fix=did_you_mean(str(folder), beside))
    named = list(folders) or [path for path in [Path(FOLDER)] if path.is_dir()]
    found = [run_of(facts) for folder in named for facts in runs_in(folder)]
    if task and (known := {run.task for run in found if run.task}) and task not in known:
        raise UserError(f"no run is of the task {task!r}", fix=did_you_mean(task, known))
    return Runs(sorted((run for run in found if run.task == task or not task), key=lambda run: _place(run, sort)))


def run_of(facts: RunFacts) -> Run:
    """Return what is shown of a run; figures that are not there, or are none, are None."""
    data = facts.job.get("data")
    data = data if isinstance(data, Mapping) else {}
    fetched = data.get("fetch")
    seconds = facts.metrics.get("seconds")
    if isinstance(seconds, Mapping):
        parts = [
            seconds[name] for name in ("train", "folds", "protocols") if isinstance(seconds.get(name), int | float)
        ]
        seconds = sum(parts) if parts else None
    content = _in_front(facts.metrics)
    metric, score = _main_score(content, facts.is_tuning)
    split, n = content.get("split"), content.get("n")
    return Run(
        facts.path,
        facts.state,
        facts.note,
        str(facts.job.get("task", "")),
        str(data.get("path") or (fetched.get("name", "") if isinstance(fetched, Mapping) else "")),
        split if isinstance(split, str) else None,
        n if isinstance(n, int) else None,
        metric,
        score,
        *_rival(content.get("rivals"), metric),
        _score(content, VALUE),
        _finite(seconds),
        _finite(content.get("record_ms")),
        facts.weights,
        facts.weight_bytes,
        datetime.fromtimestamp(facts.changed),
    )


def cheapest_of(found: Sequence[Run]) -> Iterator[str]:
    """Yield a sentence for each group of two or more finished runs of one task, data, split, records and score.

    It names the run of the shortest training among those whose interval overlaps that of the best: by what a thousand
    answers are worth where all of them say it in one currency, else by the main score.
    """
    alike: dict[tuple[object, ...], list[Run]] = {}
    for run in found:
        if run.state == "finished" and run.seconds is not None:
            alike.setdefault((run.task, run.data, run.split, run.n, run.metric), []).append(run)
    for group in alike.values():
        units = {run.worth.unit if run.worth else None for run in group}
        by_worth = len(units) == 1 and None not in units
        scored = [(run, run.worth if by_worth else run.score) for run in group]
        known = [(run, *ends) for run, score in scored if score is not None and (ends := _ends(score)) is not None]
        if len(known) > 1:
            yield _cheapest(known, VALUE if by_worth else str(group[0].metric))


def _ends(score: Score) -> tuple[float, float, float] | None:
    """Return value, low and high, more being better; None where there is no interval."""
    if score.value is None or score.low is None or score.high is None:
        return None
    ends = (score.value, score.low, score.high)
    return ends if score.direction == "higher" else (-ends[0], -ends[2], -ends[1])


def _cheapest(known: Sequence[tuple[Run, float, float, float]], name: str) -> str:
    best, _, least, _ = max(known, key=lambda one: one[1])
    level = [run for run, _, _, high in known if high >= least]
    run = min(level, key=lambda one: (one.seconds or 0.0, str(one.path)))
    words = name.replace("_", " ")
    took = f"{duration(run.seconds or 0.0)} of training"
    where = f"of {len(known)} runs of {run.task} on the same records"
    if run is best:
        return f"{where}, {run.path} is the best by {words} and no cheaper one's interval overlaps its own ({took})"
    paid = duration(best.seconds or 0.0)
    return (
        f"{where}, {run.path} is the cheapest ({took}) whose interval of {words} overlaps that of the best, "
        f"{best.path} ({paid}); record by record: noria compare {run.path} {best.path}"
    )


def _in_front(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the scores that say what new records may expect: of test, or else of all folds where there are some."""
    folds = metrics.get("cross_validation")
    return folds if isinstance(folds, Mapping) and metrics.get("split") != "test" else metrics


def _main_score(content: Mapping[str, Any], is_tuning: bool) -> tuple[str | None, Score | None]:
    """Return name and figures of the first score, or of the best trial of a tuning."""
    if is_tuning:
        best = content.get("best")
        one = {**content, "value": best.get("score")} if isinstance(best, Mapping) else {}
        name = content.get("metric")
    else:
        scores = content.get("metrics")
        name, one = next(iter(scores.items()), (None, {})) if isinstance(scores, Mapping) else (None, {})
    found = _read_score(content, name, one) if isinstance(name, str) else None
    return (None, None) if found is None else (name, found)


def _score(content: Mapping[str, Any], name: str) -> Score | None:
    """Return the figures of one score by its name; None where there is none."""
    scores = content.get("metrics")
    return _read_score(content, name, scores.get(name)) if isinstance(scores, Mapping) else None


def _read_score(content: Mapping[str, Any], name: str, one: object) -> Score | None:
    if not isinstance(one, Mapping) or "value" not in one:
        return None
    value, low, high = (_finite(one.get(key)) for key in ("value", "low", "high"))
    baseline = _value_of(content.get("baseline"), name)
    return Score(value, low, high, baseline, str(one.get("unit", "")), str(one.get("direction", "higher")))


def _rival(rivals: object, metric: str | None) -> tuple[str | None, float | None]:
    """Return name and main score of the simple model that did best on validation; None where none was fitted."""
    found = rivals if isinstance(rivals, Mapping) else {}
    models, strongest = found.get("models"), found.get("strongest")
    for one in models if isinstance(models, list) and isinstance(strongest, str) else ():
        if isinstance(one, Mapping) and one.get("name") == strongest and metric is not None:
            return strongest, _value_of(one.get("metrics"), metric)
    return None, None


def _value_of(scores: object, name: str) -> float | None:
    one = scores.get(name) if isinstance(scores, Mapping) else None
    return _finite(one.get("value") if isinstance(one, Mapping) else one)


def _finite(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]


def _place(run: Run, sort: Order) -> tuple[Any, ...]:
    """Return by what a run is put in its place; the name decides between equals."""
    if sort == "score":
        score = run.score
        value = None if score is None else score.value
        if score is None or value is None:
            return 1, "", 0.0, str(run.path)
        return 0, run.metric, -value if score.direction == "higher" else value, str(run.path)
    if sort == "cost":
        return run.seconds is None, run.seconds or 0.0, str(run.path)
    return (-run.date.timestamp(), str(run.path)) if sort == "date" else (str(run.path),)


def _cells(run: Run) -> list[str]:
    """Return the cells of a run's line; empty where there is nothing to say."""
    score, said = run.score, "" if run.state == "finished" else ": ".join(filter(None, (run.state, run.note)))
    shown = [said, "", "", "", ""]
    if score is not None and not said:
        ends = score.low is not None and score.high is not None
        interval = f"{number(score.low)} to {number(score.high)}" if ends else ""
        figures = [None if one is None else number(one) for one in (score.baseline, run.rival_value)]
        where = "" if run.split == "test" else f" ({run.split})"
        shown = [f"{run.metric}{where}", number(score.value), interval, *(one or "" for one in figures)]
    worth = ""
    if run.worth is not None and not said:
        between = "" if run.worth.low is None else f" [{number(run.worth.low)}, {number(run.worth.high)}]"
        worth = f"{number(run.worth.value)}{between} {run.worth.unit}"
    cost = [worth, "" if run.seconds is None else duration(run.seconds)]
    cost.append("" if run.record_ms is None else f"{run.record_ms:.2g} ms")
    cost.append("" if run.weight_bytes is None else size(run.weight_bytes))
    data = run.data if len(run.data) <= MOST_DATA else f"...{run.data[-MOST_DATA:]}"
    cells = [str(run.path), run.task, *shown, *cost, f"{run.date:%Y-%m-%d %H:%M}", data]
    return ["".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in one) for one in cells]
