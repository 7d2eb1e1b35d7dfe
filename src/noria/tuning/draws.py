"""New settings for a trial: near the job's own at first, then where trials of the same length did well (TPE).

Knows trials and scores. Read next: study.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.tuning.search_space import Dimension

STARTUP = 10  # draws near the job's own settings before TPE has something to learn from
KEPT_OF_OWN = 5  # of them with a setting's own value, so that a good job is varied and not thrown away
DRAWS = 20  # of settings that were tried already, before there is taken to be nothing new
MISSING = object()


class Draws:
    """Draws settings from what is known of other trials; `direction` as optuna has it."""

    def __init__(self, optuna: Any, direction: str, seed: int) -> None:
        self._optuna, self._direction, self._seed = optuna, direction, seed

    def new(
        self, space: Sequence[Dimension], known: Sequence[Any], own: Mapping[str, Any], turn: int
    ) -> dict[str, Any] | None:
        """Return settings that no known trial had, or None; known are the trials of one length.

        The seed is new for each turn, so that a resumed study does not draw the same again.
        """
        seed = int(np.random.SeedSequence([self._seed, turn]).generate_state(1)[0])
        sampler = self._optuna.samplers.TPESampler(n_startup_trials=STARTUP, seed=seed)
        memory = self.study_of([one if one.values else self._worst(one) for one in known], sampler)
        for draw in range(DRAWS):
            trial = memory.ask()
            for one in space:
                one.suggest(trial)
            parameters = dict(trial.params)
            if draw == 0 and len(known) < STARTUP:
                parameters |= self._near_own(space, own, len(known))
            if all(parameters != one.params for one in known):
                return parameters
        return None

    def study_of(self, trials: Sequence[Any], sampler: Any = None) -> Any:
        """Return a study in memory of some trials alone: scores of unequal lengths do not compare."""
        study = self._optuna.create_study(direction=self._direction, sampler=sampler)
        study.add_trials(trials)
        return study

    def _near_own(self, space: Sequence[Dimension], own: Mapping[str, Any], turn: int) -> dict[str, Any]:
        """Return for one of the first draws the values that are the job's own, and of choices those whose turn it is.

        Of each setting half of the draws have the own value and the others share the other choices, in an order of its
        own: with few draws, each value is then seen beside many of the other settings'.
        """
        values = {}
        for place, one in enumerate(space):
            slot = int(np.random.default_rng([self._seed, place]).permutation(STARTUP)[turn])
            others = [one.parameter(value) for value in one.range.choices or ()]
            others = [value for value in others if value != own.get(one.key, MISSING)]
            if one.key in own and slot < KEPT_OF_OWN:
                values[one.key] = own[one.key]
            elif others:
                values[one.key] = others[slot % len(others)]
        return values

    def _worst(self, trial: Any) -> Any:
        """Return a trial without a score as one that the sampler takes for worse than any with one."""
        pruned = self._optuna.trial.TrialState.PRUNED
        return self._optuna.trial.create_trial(state=pruned, params=trial.params, distributions=trial.distributions)
