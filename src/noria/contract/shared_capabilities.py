"""What modalities and targets alike can do beyond the core. Read next: modality_capabilities.py."""

from __future__ import annotations

from abc import ABC, abstractmethod

from noria.types import Panel, State, Values


class WarmStarts(ABC):
    """Takes over what an earlier model had learnt for a component of the same kind."""

    @abstractmethod
    def warm_start(self, state: State) -> State | None:
        """Return this component's state where training starts from a model that had `state`; None: learnt anew."""


class TellsReading(ABC):
    """Decides in `fit` how its raw values are read, and tells it."""

    @abstractmethod
    def remarks(self, state: State) -> list[str]:
        """Return one sentence for each thing that another reader might have done otherwise, with how to choose."""

    @abstractmethod
    def reading(self, state: State) -> Panel | None:
        """Return how the raw values are read, for people; None where the remarks say all."""


class CompletesState(ABC):
    """Learns from its own training values what a state that it shares or took over does not say of them."""

    @abstractmethod
    def complete_state(self, state: State, values: Values) -> State:
        """Return the state with what was added; what it said already stays."""


class Truncates(ABC):
    """Reads no more than so many tokens of a long value: `Encoded.cut` says of which ones, and how much is left."""

    @abstractmethod
    def most_read(self) -> tuple[str, int]:
        """Return the setting that says how many tokens are read, and how many that is."""
