"""The files that a person reads from a tuning: best.yaml, trials.csv, tune.json, and what they say in a few lines.

Knows trials, scores and settings, but no task. Read next: page.py, study.py.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from noria.job import Job
from noria.store.disk import replace_file, write_json
from noria.store.run_folder import read_json
from noria.tuning.page import page
from noria.tuning.study import END, Study, reason_of, score_of, seconds_of, share_of, state_of
from noria.units import duration

SHOWN = 3  # settings that mattered most, named in one sentence


def write_results(run: Path, job: Job, study: Study) -> None:
    """Write trials.csv: all trials in turn, with their settings."""
    keys = list(job.tune.space)
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    rows.writerow(["number", "state", "share", "score", "seconds", "reason", *keys])
    for trial in study.trials():
        facts = [trial.number, state_of(trial), round(share_of(trial), 4), score_of(trial), seconds_of(trial)]
        rows.writerow([*facts, reason_of(trial), *(trial.params.get(key) for key in keys)])
    replace_file(run / "trials.csv", lines.getvalue().encode())


def write_best(run: Path, job: Job, study: Study) -> None:
    """Write the job with the best trial's settings, whole, as a file to train."""
    best, counted = study.best(), study.finished()
    spent = sum(seconds_of(trial) for trial in counted)
    header = (
        f"# noria train {run / 'best.yaml'}\n"
        f"# validation {study.metric.name} {best.value:.4f} (n = {study.held_out}): trial {best.number}, the best of "
        f"{len(counted)}, {spent:.0f} s in all\n"
        "# Being the best of several on this split, the figure flatters. The test split was not touched; training "
        "scores on it.\n"
    )
    content = yaml.safe_dump(job.model_dump(mode="json", exclude={"tune"}), allow_unicode=True, sort_keys=False)
    replace_file(run / "best.yaml", (header + content).encode())


def write_report(run: Path, own: Mapping[str, Any], study: Study) -> None:
    """Write tune.json, for programs, and tune.html, for people; `own` are the job's own values of what was tried."""
    facts = _facts(run, own, study)
    write_json(run / "tune.json", facts)
    replace_file(run / "tune.html", page(facts, verdict(facts), study.trials()).encode())


def summary(run: Path) -> str:
    """Return what a finished tuning found, in a few lines of text."""
    facts = read_json(run / "tune.json")
    counts = ", ".join(f"{count} {state}" for state, count in facts["trials"].items())
    return "\n".join(
        [
            *_rows(facts),
            f"trials: {counts}; {duration(facts['seconds'])}",
            *(f"  {line}" for line in _changes(facts)),
            *verdict(facts),
            f"report: {run / 'tune.html'}",
            f"train it: noria train {facts['job']}",
        ]
    )


def verdict(facts: Mapping[str, Any]) -> list[str]:
    """Return in sentences what was gained, how sure that is, whether the rival was beaten, what mattered."""
    return [_gain(facts), *_against_rival(facts), _what_mattered(facts)]


def _facts(run: Path, own: Mapping[str, Any], study: Study) -> dict[str, Any]:
    best, as_it_was, rival = study.best(), study.own(), study.rival
    states = [f"{state_of(trial)}{'' if share_of(trial) == 1 else ' (short)'}" for trial in study.trials()]
    before = {
        "trial": as_it_was.number,
        "score": score_of(as_it_was),
        "interval": as_it_was.user_attrs.get(END, {}).get("interval"),
        "settings": dict(own),
    }
    return {
        "split": "validation",
        "n": study.held_out,
        "metric": study.metric.name,
        "unit": study.metric.unit,
        "direction": study.metric.direction,
        "rival": None if rival is None else rival._asdict(),
        "own": before,
        "best": {
            "trial": best.number,
            "score": best.value,
            "settings": dict(own) if best.number == as_it_was.number else best.params,
        },
        "trials": {state: states.count(state) for state in dict.fromkeys(states)},
        "seconds": round(sum(seconds_of(trial) for trial in study.trials()), 3),
        "importance": study.importances(),
        "job": str(run / "best.yaml"),
    }


def _rows(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line each: the rival, the job as it was, the best."""
    rival, own, best = facts["rival"], facts["own"], facts["best"]
    if rival:
        yield f"rival: {rival['name']}   {rival['score']:.4f} in {duration(rival['seconds'])}"
    yield f"the job as it was   {_score(own['score'])} (trial {own['trial']})"
    yield f"validation {facts['metric']} {best['score']:.4f} (n = {facts['n']}), trial {best['trial']}, the best"


def _changes(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the settings of the best that the job did not have."""
    own = facts["own"]["settings"]
    for key, value in facts["best"]["settings"].items():
        if value != own.get(key):
            yield f"{key} = {_text(value)}   (was {_text(own.get(key))}){_share(facts, key)}"


def _gain(facts: Mapping[str, Any]) -> str:
    own, best, name = facts["own"], facts["best"], facts["metric"]
    if best["trial"] == own["trial"]:
        return "nothing that was tried did better than the job's own settings"
    if own["score"] is None:
        return f"the job's own settings have no score, so there is nothing to hold {name} {best['score']:.4f} against"
    gained = abs(best["score"] - own["score"])
    said = f"{name} is {gained:.4f} better than with the job's own settings ({own['score']:.4f} to {best['score']:.4f})"
    if own["interval"] is None:
        return f"{said}; how much of it is luck cannot be told (n = {facts['n']})"
    low, high = own["interval"]
    where = f"the 95 % interval of the job's own score, {low:.4f} to {high:.4f} (n = {facts['n']})"
    if low <= best["score"] <= high:
        return f"{said}; that lies within {where}, so it may be luck"
    return f"{said}; that lies beyond {where}, but the best of several flatters: expect less on new records"


def _against_rival(facts: Mapping[str, Any]) -> Iterator[str]:
    rival, best = facts["rival"], facts["best"]
    if not rival:
        return
    sign = 1 if facts["direction"] == "higher" else -1
    scores = f"{best['score']:.4f} against {rival['score']:.4f}"
    if sign * best["score"] > sign * rival["score"]:
        yield f"it is ahead of the rival, {rival['name']}: {scores}"
    else:
        took = duration(rival["seconds"])
        yield f"it is not ahead of the rival, {rival['name']}, which takes {took}: {scores}"


def _what_mattered(facts: Mapping[str, Any]) -> str:
    most = list(facts["importance"].items())[:SHOWN]
    if not most:
        return "what mattered most cannot be told: too few complete trials, or all scores the same"
    return f"what mattered most: {', '.join(f'{key} ({100 * share:.0f} %)' for key, share in most)}"


def _share(facts: Mapping[str, Any], key: str) -> str:
    share = facts["importance"].get(key)
    return "" if share is None else f"   {100 * share:.0f} % of the differences"


def _score(score: float | None) -> str:
    return "no score" if score is None else f"{score:.4f}"


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
