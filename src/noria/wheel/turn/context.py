"""What every step of a turn is given. Read next: turn.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noria.job.wheel import Wheel
from noria.reporter import Reporter
from noria.wheel.turn.costs import Costs
from noria.wheel.turn.folder import WheelFolder
from noria.wheel.turn.turns import Turns


@dataclass(frozen=True)
class Turn:
    """A turn that goes on. data: where its newly labelled records are. results: of the steps that are done, by name."""

    wheel: WheelFolder
    number: int
    settings: Wheel
    data: Sequence[Path]
    results: Mapping[str, Mapping[str, Any]]
    turns: Turns
    costs: Costs
    reporter: Reporter

    @property
    def folder(self) -> Path:
        """Return the folder of what the turn makes."""
        return self.wheel.turn(self.number)

    @property
    def champion(self) -> Path:
        """Return the run that was in service when the turn began."""
        return self.wheel.run / str(self.results["assess"]["champion"])

    @property
    def candidate(self) -> Path:
        """Return the run that the turn trains."""
        return self.folder / "run"
