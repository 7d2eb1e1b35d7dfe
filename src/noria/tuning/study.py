"""The study behind tuning: optuna's trials on the disk, what each did, and what a new one should try.

Knows trials, scores and settings, but neither jobs' meaning nor training. Read next: rungs.py, results.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noria.contract import Metric
from noria.errors import UserError, needs_extra
from noria.tuning.draws import Draws
from noria.tuning.rival import Rival
from noria.tuning.rungs import Done, Next
from noria.tuning.search_space import Dimension

COMPLETE_BEFORE_PRUNING = 4
FEW = 8  # trials of one length under which importances are not told
FORMAT = 2  # of what stands beside trials and study; 1 had no rungs
# A trial's attributes: as what it began (turn, share, group, parent, whether it is the job as it was), and how it
# ended, which a killed one lacks.
BEGAN, END = "began", "end"
STATES = {"COMPLETE": "complete", "PRUNED": "stopped early", "FAIL": "failed", "RUNNING": "running"}
KILLED, STOPPED = "killed while it ran", "stopped by a signal while it ran"


@dataclass(frozen=True)
class Ended:
    """How a trial ended. interval: of a whole training's score, 95 % (low, high), where it can be told."""

    reason: str
    seconds: float
    prepared_s: float = 0.0  # of it, until its data was prepared
    steps: int = 0
    interval: tuple[float, float] | None = None


class Study:
    """The trials of a tuning. `held_out` is how many records a score is made of.

    One process works on a study, so what it has read stays true until it writes.
    """

    def __init__(self, optuna: Any, study: Any, metric: Metric, seed: int, held_out: int) -> None:
        self._optuna, self._study = optuna, study
        self.metric, self.seed, self.held_out = metric, seed, held_out
        self.sign = 1 if metric.direction == "higher" else -1
        self._draws = Draws(optuna, study.direction.name.lower(), seed)
        self._trials: list[Any] = []
        self._read()
        found = study.user_attrs.get("format", FORMAT if not self._trials else 1)
        if found != FORMAT:
            raise UserError(
                "this tuning was begun by an earlier version, which tried in another way",
                fix="begin a new one: another folder with --run",
            )
        study.set_user_attr("format", FORMAT)

    def trials(self) -> list[Any]:
        """Return all trials in their order."""
        return self._trials

    def finished(self) -> list[Any]:
        """Return the trials that count: none that a signal stopped, none that was killed for the first time."""
        killed: set[Any] = set()
        counted = []
        for trial in self._trials:
            if trial.state.is_finished() and reason_of(trial) != STOPPED:
                turn = trial.user_attrs.get(BEGAN, {}).get("turn")
                if END in trial.user_attrs or turn in killed:
                    counted.append(trial)
                killed |= {turn} - {None}
        return counted

    def done(self) -> list[Done]:
        """Return the trials that count as the rungs see them."""
        return [self._done(trial) for trial in self.finished()]

    def scored(self) -> list[Any]:
        """Return the whole trainings that have a score: those that may win."""
        return [one for one in self.finished() if one.state.name == "COMPLETE" and share_of(one) == 1]

    def best(self) -> Any:
        """Return the best whole training, the first of equals, or None."""
        return max(self.scored(), key=lambda trial: self.sign * trial.value, default=None)

    def own(self) -> Any:
        """Return the trial of the job as it was, or None where it has not ended."""
        return next((trial for trial in self.finished() if trial.user_attrs[BEGAN]["is_own"]), None)

    def tell_once(self, key: str, value: Any = None) -> Any:
        """Return what was told of the study as a whole by this key; tell it where nothing was."""
        if key not in self._study.user_attrs and value is not None:
            self._study.set_user_attr(key, value)
        return self._study.user_attrs.get(key)

    @property
    def rival(self) -> Rival | None:
        """Return the simple model that the best is held against, where there is one."""
        found = self._study.user_attrs.get("rival")
        return Rival(*found) if found else None

    def begin_own(self, space: Sequence[Dimension], own: Mapping[str, Any]) -> Any:
        """Begin the trial of the job as it is; `own` are those of its values that the space holds, as parameters."""
        return self._begin(space, own, Next(1.0, 0), is_own=True)

    def begin(self, space: Sequence[Dimension], following: Next, own: Mapping[str, Any]) -> Any:
        """Begin a trial: another's settings for longer, or new ones. Return None where there are none left."""
        if following.parent is not None:
            parameters = self._trials[following.parent].params
        else:
            known = [one for one in self.finished() if share_of(one) == following.share]
            parameters = self._draws.new(space, known, own, len(self.finished()))
        return None if parameters is None else self._begin(space, parameters, following, is_own=False)

    def end(self, trial: Any, score: float | None, is_pruned: bool, ended: Ended) -> None:
        """End a trial: complete with a score, pruned, or else failed."""
        states = self._optuna.trial.TrialState
        trial.set_user_attr(END, {**vars(ended), "seconds": round(ended.seconds, 3)})
        state = states.COMPLETE if score is not None else states.PRUNED if is_pruned else states.FAIL
        self._study.tell(trial.number, score, state)
        self._read()

    def put_back(self, trial: Any) -> None:
        """End a trial that a signal stopped; as it does not count, its settings come next again."""
        self.end(trial, None, False, Ended(STOPPED, 0.0))

    def bury_killed(self) -> list[int]:
        """Mark as failed what is still said to run; return their numbers."""
        self._read()
        killed = [trial for trial in self._trials if trial.state.name == "RUNNING"]
        for trial in killed:
            self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
        self._read()
        return [trial.number for trial in killed]

    def importances(self) -> dict[str, float]:
        """Return each setting's share in the differences of the scores (fANOVA, Hutter et al. 2014), largest first.

        Over the trials of that length of which there are most; nothing where they are too few, or all scores the same.
        """
        by_share: dict[float, list[Any]] = {}
        complete = [trial for trial in self.finished() if trial.state.name == "COMPLETE"]
        for trial in complete:
            by_share.setdefault(share_of(trial), []).append(trial)
        most = max(by_share.values(), key=len, default=[])
        keys = set().union(*(trial.params for trial in most))
        whole = [trial for trial in most if keys == set(trial.params)]
        if len(whole) < FEW:
            return {}
        evaluator = self._optuna.importance.FanovaImportanceEvaluator(seed=self.seed)
        try:
            found = self._optuna.importance.get_param_importances(self._draws.study_of(whole), evaluator=evaluator)
        except RuntimeError:  # every score is the same
            return {}
        return {key: round(float(share), 4) for key, share in found.items()}

    def _begin(self, space: Sequence[Dimension], parameters: Mapping[str, Any], following: Next, is_own: bool) -> Any:
        samplers = self._optuna.samplers
        self._study.sampler = samplers.PartialFixedSampler(dict(parameters), samplers.RandomSampler(self.seed))
        turn = len(self.finished())
        trial = self._study.ask()
        trial.set_user_attr(BEGAN, {"turn": turn, "is_own": is_own, **vars(following)})
        for one in space:
            if one.key in parameters:
                one.suggest(trial)
        return trial

    def _done(self, trial: Any) -> Done:
        began, end = trial.user_attrs[BEGAN], trial.user_attrs.get(END, {})
        score = self.sign * trial.value if trial.state.name == "COMPLETE" else None
        again_s = seconds_of(trial) - end.get("prepared_s", 0.0)
        return Done(trial.number, began["share"], score, seconds_of(trial), again_s, began["group"], began["parent"])

    def _read(self) -> None:
        self._trials = self._study.get_trials(deepcopy=False)


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


def share_of(trial: Any) -> float:
    """Return which share of the whole training a trial took."""
    return float(trial.user_attrs.get(BEGAN, {}).get("share", 1.0))


def seconds_of(trial: Any) -> float:
    """Return how long a trial took; 0 where it was killed."""
    return float(trial.user_attrs.get(END, {}).get("seconds", 0.0))


def reason_of(trial: Any) -> str:
    """Return why a trial has no score; nothing where it has one."""
    return str(trial.user_attrs.get(END, {}).get("reason", KILLED))


def state_of(trial: Any) -> str:
    """Return how a trial stands, in words."""
    return STATES[trial.state.name]


def score_of(trial: Any) -> float | None:
    """Return the score of a complete trial, or the last one of a trial stopped early."""
    if trial.state.name == "COMPLETE":
        return float(trial.value)
    seen = trial.intermediate_values
    return float(seen[max(seen)]) if seen and trial.state.name == "PRUNED" else None
