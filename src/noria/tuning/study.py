"""The study behind tuning: optuna's trials on the disk, and the files a person reads from them.

Knows trials, scores and settings, but neither jobs' meaning nor training. Read next: stages/tune.py.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from noria.contract import Metric
from noria.errors import UserError, needs_extra
from noria.job import Job
from noria.report.bars import Bar, bar_chart
from noria.report.charts import Chart, Line, line_chart
from noria.report.markup import Markup, join, tag
from noria.report.page import document
from noria.report.tables import facts as facts_list
from noria.report.tables import table
from noria.store.disk import replace_file, write_json
from noria.store.run_folder import read_json
from noria.units import duration

STARTUP = 8  # trials drawn at random before TPE has something to learn from
COMPLETE_BEFORE_PRUNING = 4
FEW = 8  # complete trials under which importances are not told
# A trial's attributes: how it ended, which a killed one lacks; the number of the killed one that it repeats; that it
# tries the job as it was.
END, AGAIN, OWN = "end", "again", "own"
KILLED, STOPPED = "killed while it ran", "stopped by a signal while it ran"
IMPORTANCE_NOTE = "By fANOVA over the complete trials; nothing where they are too few, or all scores are the same."
STATES = {
    "COMPLETE": "complete",
    "PRUNED": "stopped early",
    "FAIL": "failed",
    "RUNNING": "running",
    "WAITING": "waiting",
}


class Study:
    """The trials of a tuning. `held_out` is how many records a score is made of.

    One process works on a study, so what it has read stays true until it writes.
    """

    def __init__(self, optuna: Any, study: Any, metric: Metric, seed: int, held_out: int) -> None:
        self._optuna, self._study = optuna, study
        self.metric, self.seed, self.held_out = metric, seed, held_out
        self._read()

    def trials(self) -> list[Any]:
        """Return all trials but those that wait, in their order."""
        return [trial for trial in self._trials if trial.state.name != "WAITING"]

    def finished(self) -> list[Any]:
        """Return the trials that count: a killed one does not where it is tried again."""
        return [trial for trial in self._trials if trial.state.is_finished() and not self._is_retried(trial)]

    def scored(self) -> list[Any]:
        """Return the trials that came to their end and have a score."""
        return [trial for trial in self._trials if trial.state.name == "COMPLETE"]

    def best(self) -> Any:
        """Return the best trial, the first of equals, or None."""
        sign = 1 if self.metric.direction == "higher" else -1
        return max(self.scored(), key=lambda trial: sign * trial.value, default=None)

    def own(self) -> Any:
        """Return the trial of the job as it was, where there is one."""
        return next((trial for trial in reversed(self.trials()) if OWN in trial.user_attrs), None)

    def enqueue_own(self, parameters: Mapping[str, Any], is_whole: bool) -> None:
        """Let the job's own settings be tried first; `is_whole` says that the search space holds all of them."""
        self._study.enqueue_trial(dict(parameters), {OWN: True} if is_whole else None)
        self._read()

    def ask(self) -> Any:
        """Begin a trial. Its sampler's seed is new for each, so that a resumed study does not draw the same again."""
        seed = np.random.SeedSequence([self.seed, len(self.finished())]).generate_state(1)[0]
        self._study.sampler = self._optuna.samplers.TPESampler(n_startup_trials=STARTUP, seed=int(seed))
        return self._study.ask()

    def tell(self, trial: Any, score: float | None, is_pruned: bool, reason: str, seconds: float) -> None:
        """End a trial: complete with a score, pruned, or else failed."""
        states = self._optuna.trial.TrialState
        trial.set_user_attr(END, {"reason": reason, "seconds": round(seconds, 3)})
        state = states.COMPLETE if score is not None else states.PRUNED if is_pruned else states.FAIL
        self._study.tell(trial.number, score, state)
        self._read()

    def put_back(self, trial: Any) -> None:
        """End a trial that a signal stopped, and let its settings be tried another time."""
        trial.set_user_attr(END, {"reason": STOPPED, "seconds": 0.0})
        self._repeat(trial, {})

    def bury_killed(self) -> list[int]:
        """Mark as failed what is still said to run, and let each be tried once more; return their numbers."""
        self._read()
        retried = {trial.user_attrs.get(AGAIN) for trial in self._trials}
        killed = [trial for trial in self._trials if trial.state.name == "RUNNING"]
        for trial in killed:
            if AGAIN in trial.user_attrs or trial.number in retried:
                self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
            else:
                self._repeat(trial, {AGAIN: trial.number})
        self._read()
        return [trial.number for trial in killed]

    def importances(self) -> dict[str, float]:
        """Return each setting's share in the differences of the scores (fANOVA, Hutter et al. 2014), largest first.

        Nothing where too few trials are complete, or all scores are the same.
        """
        if len(self.scored()) < FEW:
            return {}
        evaluator = self._optuna.importance.FanovaImportanceEvaluator(seed=self.seed)
        try:
            found = self._optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        except RuntimeError:  # every score is the same
            return {}
        return {key: round(float(share), 4) for key, share in found.items()}

    def _read(self) -> None:
        self._trials = self._study.get_trials(deepcopy=False)

    def _repeat(self, trial: Any, marks: Mapping[str, Any]) -> None:
        own = {OWN: True} if OWN in trial.user_attrs else {}
        self._study.enqueue_trial(trial.params, {**marks, **own})
        self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
        self._read()

    def _is_retried(self, trial: Any) -> bool:
        is_killed = trial.state.name == "FAIL" and END not in trial.user_attrs
        return reason_of(trial) == STOPPED or (is_killed and AGAIN not in trial.user_attrs)


def require_optuna() -> Any:
    """Return the module optuna; raise UserError where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise needs_extra("optuna", "tune", "noria tune") from error
    return optuna


@contextmanager
def opened_study(path: Path, metric: Metric, seed: int, held_out: int) -> Iterator[Study]:
    """Open or create the study in a file; optuna is quiet as long as it is open."""
    optuna = require_optuna()
    import sqlalchemy  # comes with optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}")
            study = optuna.create_study(
                storage=storage,
                study_name="tune",
                direction="maximize" if metric.direction == "higher" else "minimize",
                pruner=optuna.pruners.MedianPruner(n_startup_trials=COMPLETE_BEFORE_PRUNING),
                load_if_exists=True,
            )
            yield Study(optuna, study, metric, seed, held_out)
    except (sqlalchemy.exc.DatabaseError, optuna.exceptions.StorageInternalError) as error:
        raise UserError("this study cannot be read or written", where=str(path), found=str(error)) from error
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()
        optuna.logging.set_verbosity(verbosity)


def write_results(run: Path, job: Job, study: Study) -> None:
    """Write best.yaml, where there is a best, and trials.csv."""
    keys = list(job.tune.space)
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    rows.writerow(["number", "state", "score", "seconds", "reason", *keys])
    for trial in study.trials():
        facts = [trial.number, STATES[trial.state.name], _score(trial), seconds_of(trial)]
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


def write_report(run: Path, study: Study) -> None:
    """Write tune.json, for programs, and tune.html, for people."""
    best, own = study.best(), study.own()
    counts = {state: sum(STATES[trial.state.name] == state for trial in study.trials()) for state in STATES.values()}
    facts = {
        "split": "validation",
        "n": study.held_out,
        "metric": study.metric.name,
        "unit": study.metric.unit,
        "direction": study.metric.direction,
        "best": {"trial": best.number, "score": best.value, "settings": best.params},
        "own": None if own is None else {"trial": own.number, "score": _score(own)},
        "trials": {state: count for state, count in counts.items() if count},
        "seconds": round(sum(seconds_of(trial) for trial in study.trials()), 3),
        "importance": study.importances(),
        "job": str(run / "best.yaml"),
    }
    write_json(run / "tune.json", facts)
    replace_file(run / "tune.html", _page(facts, study.trials()).encode())


def summary(run: Path) -> str:
    """Return what a finished tuning found, in a few lines of text."""
    facts = read_json(run / "tune.json")
    best, own = facts["best"], facts["own"]
    counts = ", ".join(f"{count} {state}" for state, count in facts["trials"].items())
    before = f"; the job as it was: {own['score']:.4f}" if own and own["score"] is not None else ""
    lines = [
        f"validation {facts['metric']} {best['score']:.4f} (n = {facts['n']}), trial {best['trial']}{before}",
        f"trials: {counts}; {duration(facts['seconds'])}",
        *(f"  {key} = {_text(value)}{_share(facts, key)}" for key, value in best["settings"].items()),
    ]
    if not facts["importance"]:
        lines.append("  what mattered most cannot be told: too few complete trials, or all scores the same")
    return "\n".join([*lines, f"report: {run / 'tune.html'}", f"train it: noria train {facts['job']}"])


def _share(facts: Mapping[str, Any], key: str) -> str:
    share = facts["importance"].get(key)
    return "" if share is None else f"   ({100 * share:.0f} % of the differences)"


def _page(facts: Mapping[str, Any], trials: Sequence[Any]) -> str:
    """Return a page of its own: the best settings, what mattered, every trial in turn."""
    best = facts["best"]
    name = f"{facts['metric']} ({facts['unit']}, {facts['direction']} is better)"
    top = join(
        tag("h1", f"Validation {facts['metric']} {best['score']:.4f}"),
        tag(
            "p",
            f"Trial {best['trial']}, the best of {len(trials)} in {duration(facts['seconds'])}, on {facts['n']} "
            "records. Being the best of several on this split, the figure flatters; the test split was not touched.",
        ),
    )
    keys = list(best["settings"])
    columns = ["trial", "state", "score", "seconds", *(key.rpartition(".")[2] for key in keys), "reason"]
    rows = [
        [trial.number, STATES[trial.state.name], _score(trial), seconds_of(trial)]
        + [_text(trial.params.get(key, "")) for key in keys]
        + [reason_of(trial)]
        for trial in trials
    ]
    shares = [Bar(key.rpartition(".")[2], 100 * share) for key, share in facts["importance"].items()]
    sections: dict[str, Markup | None] = {
        "Best settings": facts_list([(key, _text(value)) for key, value in best["settings"].items()]),
        "What mattered": bar_chart("Share in the differences of the scores", shares, "%", IMPORTANCE_NOTE),
        "Trials": join(line_chart(_course(name, facts["direction"], trials)), table(columns, rows)),
    }
    return document(f"Tuning: validation {facts['metric']} {best['score']:.4f}", top, sections)


def _course(name: str, direction: str, trials: Sequence[Any]) -> Chart:
    """Return the chart of every score and of the best so far."""
    points = {
        state: [
            (trial.number, score)
            for trial in trials
            if trial.state.name == state and (score := _score(trial)) is not None
        ]
        for state in ("COMPLETE", "PRUNED")
    }
    pick = max if direction == "higher" else min
    values = [score for _, score in points["COMPLETE"]]
    so_far = [(number, pick(values[: i + 1])) for i, (number, _) in enumerate(points["COMPLETE"])]
    scatters = [Line(STATES[state], found) for state, found in points.items() if found]
    return Chart("Scores in turn", "trial", name, lines=[Line("best so far", so_far)], scatters=scatters)


def _score(trial: Any) -> float | None:
    """Return the score of a complete trial, or the last one of a trial stopped early."""
    if trial.state.name == "COMPLETE":
        return float(trial.value)
    seen = trial.intermediate_values
    return float(seen[max(seen)]) if seen and trial.state.name == "PRUNED" else None


def seconds_of(trial: Any) -> float:
    """Return how long a trial took; 0 where it was killed."""
    return float(trial.user_attrs.get(END, {}).get("seconds", 0.0))


def reason_of(trial: Any) -> str:
    """Return why a trial has no score; nothing where it has one."""
    return str(trial.user_attrs.get(END, {}).get("reason", KILLED))


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
