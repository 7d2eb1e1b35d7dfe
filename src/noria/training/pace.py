"""How far a training is along its plan, and how many steps it takes in all where its budget is a time.

    position    0 ........ p ............................. planned     what the learning rate and the validations follow
    step        0 ........ s ................ steps                    what is really taken

A plan counts its steps by a few that were timed. Where other work then slows the machine down, the position moves on
faster from step to step, so that it comes to its end within the budget; where the machine is faster, slower. All is a
function of the seconds and of the state, which a checkpoint holds: with the same clock, a killed and resumed training
decides as one that nobody disturbed. Knows no task and no network. Read next: loop.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any

TOLERANCE = 0.02  # of the budget: a plan that misses it by less stays
NEWEST = 0.5  # weight of the newest seconds a step, beside those before


class Pace:
    """The steps of one training. `budget_s`: seconds of steps and validations; None keeps the plan as it is."""

    def __init__(
        self, planned: int, budget_s: float | None, seconds_per_step: float, validations: Sequence[int]
    ) -> None:
        self.planned, self.budget_s, self.validations = planned, budget_s, validations
        in_validations = max(0.0, (budget_s or 0.0) - planned * seconds_per_step)
        self.state: dict[str, Any] = {
            "steps": planned,
            "changed_at": 0,  # the step and the position from which on the present number of steps holds
            "position": 0.0,
            "seconds": 0.0,  # of training so far
            "per_step": seconds_per_step,
            "per_validation": in_validations / max(1, len(validations)),
            "measured_at": 0,  # the step, and the seconds then
            "measured_seconds": 0.0,
            "validating_seconds": 0.0,  # since then
        }
        self._started = monotonic()

    @property
    def steps(self) -> int:
        """Return how many steps the training takes in all, as far as is known now."""
        return int(self.state["steps"])

    @property
    def seconds(self) -> float:
        """Return the seconds of training so far, those before a resumption included; to a millisecond.

        What lies below differs between two sums of the same seconds.
        """
        return round(float(self.state["seconds"]) + monotonic() - self._started, 3)

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from the state of a checkpoint."""
        self.state, self._started = dict(state), monotonic()

    def saved(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {**self.state, "seconds": self.seconds}

    def position(self, step: int) -> float:
        """Return where a training stands after so many steps, in steps of its plan."""
        if step >= self.steps:
            return float(self.planned)
        since, left = step - self.state["changed_at"], self.steps - self.state["changed_at"]
        start = self.state["position"]
        return float(start + (self.planned - start) * since / left) if left else float(step)

    def step_at(self, position: float, step: int) -> int:
        """Return the first step from `step` on, after which a position is reached."""
        while step < self.steps and self.position(step) < position:
            step += 1
        return step

    def passes(self, step: int, marks: Sequence[int]) -> bool:
        """Say whether the last of so many steps reached one of some positions."""
        before, now = self.position(step - 1), self.position(step)
        return any(before < mark <= now for mark in marks)

    def is_report_due(self, step: int, every: int) -> bool:
        """Say whether the last of so many steps reached the next of the positions that are `every` apart."""
        return step >= self.steps or self.position(step) // every > self.position(step - 1) // every

    def add_validation(self, seconds: float) -> None:
        """Take note of how long a validation took."""
        self.state["per_validation"] = seconds
        self.state["validating_seconds"] += seconds

    def measured(self, step: int) -> int:
        """Return how many steps in all would keep the budget, by what the last ones took."""
        if self.budget_s is None or step >= self.steps:
            return self.steps
        state, seconds = self.state, self.seconds
        took = seconds - state["measured_seconds"] - state["validating_seconds"]
        newest = max(took, 0.0) / max(1, step - state["measured_at"])
        state["per_step"] += NEWEST * (newest - state["per_step"])
        state |= {"measured_at": step, "measured_seconds": seconds, "validating_seconds": 0.0}
        to_come = sum(mark > self.position(step) for mark in self.validations)
        left = self.budget_s - seconds - to_come * state["per_validation"]
        if abs(left - (self.steps - step) * state["per_step"]) <= TOLERANCE * self.budget_s or not state["per_step"]:
            return self.steps
        steps_left: int = max(1, round(left / state["per_step"]))
        return step + steps_left

    def change(self, step: int, steps: int) -> None:
        """Take so many steps in all from here on; the position goes on from where it is."""
        if steps != self.steps and step < self.steps:
            position = self.position(step)
            self.state |= {"steps": steps, "changed_at": step, "position": position}
