"""What a kind of checkpoint fills in: how training may start from weights that others have trained.

A loader is one file in checkpoints/ (or an entry point `noria.checkpoints`) and is found by what it recognises; nothing
else is edited. Jobs, pipeline and training ask here and know no kind of checkpoint. Read next: checkpoints/text.py,
pipeline/warm_start.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from noria.contract import registry
from noria.errors import UserError, did_you_mean, nearest
from noria.types import Dataset, State

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from noria.contract.core import Modality, Task

WHERE = "model.pretrained"
SHOWN_FILES = 20
MISSPELT = 0.8  # how like a packaged name a word is, by difflib, that nobody means for one of the hub's


class CheckpointLoader(ABC):
    """How one kind of checkpoint becomes states of components and weights of a model."""

    # Its name in the registry, and the `state_kind` of the components that take over what it has learnt.
    kind: ClassVar[str]
    # What it reads, for whoever gave something else: "a folder with config.json and ...".
    reads: ClassVar[str]
    # Whether it takes whatever no other loader recognises: such loaders are asked last.
    is_general: ClassVar[bool] = False
    # Why LoRA cannot stand beside such a checkpoint; "" where it can.
    refuses_lora: ClassVar[str] = ""
    # Checkpoints that come in packages and are small enough to be tried unasked: the name that `model.pretrained` gives
    # them, and the module that carries them.
    packaged: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def recognizes(self, given: str) -> bool:
        """Say whether `model.pretrained` names such a checkpoint; looks at names and small files alone."""

    @abstractmethod
    def is_behind(self, states: Mapping[str, Any]) -> bool:
        """Say whether a run with these states began as such a checkpoint."""

    @abstractmethod
    def defaults(self, has_lora: bool) -> Mapping[str, Any]:
        """Return the sections of a job that follow from it, under the user's own: {"train": {...}}."""

    @abstractmethod
    def key(self, given: str) -> str:
        """Return what changes when the files do."""

    @abstractmethod
    def states(self, given: str, input_kinds: Collection[str]) -> dict[str, State]:
        """Return what the checkpoint has learnt, by `state_kind`; a TrunkLoader's under "trunk" what builds its trunk.

        Raise UserError where it is of no use to inputs of these kinds.
        """

    @abstractmethod
    def fill(self, model: nn.Module, given: str, states: Mapping[str, Any]) -> list[str]:
        """Copy the weights into a model that was just built; return the modules that have them now, by name.

        Raise UserError where weights are missing, or where the model then computes another thing than the checkpoint.
        """


class TrunkLoader(CheckpointLoader, ABC):
    """A loader whose checkpoints bring a trunk, which then stands in the place of ours."""

    @abstractmethod
    def trunk(self, state: State) -> nn.Module:
        """Build the trunk that states["trunk"] describes, with random weights and without the checkpoint's files."""

    @abstractmethod
    def most_tokens(self, state: State) -> int | None:
        """Return how many tokens a trunk that states["trunk"] describes can read at once; None for any number."""

    @abstractmethod
    def tie(self, model: nn.Module, state: State) -> None:
        """Share weights between the parts of a model around that trunk, as the checkpoint does."""

    @abstractmethod
    def export(self, model: nn.Module, states: Mapping[str, Any], out: Path) -> None:
        """Write a model that began as such a checkpoint back as one; raise UserError where it cannot be done."""


class ReadyLoader(CheckpointLoader, ABC):
    """A loader whose checkpoints do tasks by themselves, with inputs and a target of their own: nothing is learnt.

    The target declares LearnsNothing. A job names the loader in `model.ready`, so that a bundle finds it again where
    the checkpoint's files are not.
    """

    # The kind of its answers: it does the tasks that have them.
    answer: ClassVar[str]

    @abstractmethod
    def task(self, own: Task) -> Task:
        """Return how the checkpoint does a task that is learnt as `own` otherwise; its fields keep their names."""

    @abstractmethod
    def about(self, states: Mapping[str, Any]) -> str:
        """Return one sentence on what a model with these states is, and that it was not trained here."""

    @abstractmethod
    def described(self, given: str) -> State:
        """Return what a bundle keeps of the checkpoint: its sha256, and what `about` tells."""

    @final
    def states(self, given: str, input_kinds: Collection[str]) -> dict[str, State]:
        return {self.kind: {self.kind: self.described(given)}}

    @final
    def is_behind(self, states: Mapping[str, Any]) -> bool:
        return self.kind in states.get("target", {})

    @final
    def defaults(self, has_lora: bool) -> Mapping[str, Any]:
        return {}


class SuggestsCheckpoint(ABC):
    """Knows a checkpoint that is installed, and for which data it is worth a try; a base beside CheckpointLoader."""

    @abstractmethod
    def suggestion(self, inputs: Mapping[str, Modality], states: Mapping[str, State], records: int) -> str:
        """Return one sentence with the setting to try, for so many training records; "" where nothing is to be said.

        states: what each input has learnt of them.
        """

    @abstractmethod
    def features(
        self, inputs: Mapping[str, Modality], states: Mapping[str, State], records: int
    ) -> tuple[str, Callable[[Dataset], np.ndarray]] | None:
        """Return the name of that checkpoint and what gives float32[n, features] of records, by its weights as they
        are; None where it is not worth a try, or does not see all inputs."""


def suggestions(inputs: Mapping[str, Modality], states: Mapping[str, State], records: int) -> list[str]:
    """Return what is to be said to who starts from nothing: checkpoints that are there and known to help."""
    known = [loader for loader in loaders() if isinstance(loader, SuggestsCheckpoint)]
    found = [loader.suggestion(inputs, states, records) for loader in known]
    return [sentence for sentence in found if sentence]


def frozen_features(
    inputs: Mapping[str, Modality], states: Mapping[str, State], records: int
) -> Iterator[tuple[str, Callable[[Dataset], np.ndarray]]]:
    """Yield what installed checkpoints that are worth a try see in records: for a linear model on top of them."""
    for loader in loaders():
        if isinstance(loader, SuggestsCheckpoint) and (found := loader.features(inputs, states, records)):
            yield found


def loaders() -> list[CheckpointLoader]:
    """Return a loader of each kind, those that take whatever is left last."""
    found: list[CheckpointLoader] = [
        registry.component_class("checkpoints", name)() for name in registry.names("checkpoints")
    ]
    return sorted(found, key=lambda loader: loader.is_general)


def suggested(input_kinds: Collection[str]) -> list[str]:
    """Return the names of the checkpoints for some kinds of inputs that are installed and may be tried unasked."""
    fitting = (loader for loader in loaders() if loader.kind in input_kinds)
    return [name for loader in fitting for name, module in loader.packaged.items() if find_spec(module) is not None]


def recognized(given: str) -> CheckpointLoader | None:
    """Return the loader that recognises what `model.pretrained` names; None where no one does."""
    return next((loader for loader in loaders() if loader.recognizes(given)), None)


def loader_for(given: str) -> CheckpointLoader:
    """Return the loader that recognises what `model.pretrained` names; else raise UserError that lists all kinds.

    The word for a packaged checkpoint, or for a kind of them, written otherwise is none of the hub's, whose names have
    an owner but for a few old ones.
    """
    loader = recognized(given)
    if (loader is None or loader.is_general) and not Path(given).expanduser().exists():
        _refuse_word(given)
    if loader is None:
        path = Path(given).expanduser()
        names = sorted(one.name for one in path.iterdir()) if path.is_dir() else []
        raise UserError(
            "there is no checkpoint of a known kind here",
            where=f"{WHERE}: {given}",
            expected="; or ".join(f"{one.kind}: {one.reads}" for one in loaders()),
            found=", ".join(names[:SHOWN_FILES]) or ("an empty folder" if path.is_dir() else "no such file or folder"),
        )
    return loader


def _refuse_word(given: str) -> None:
    """Raise UserError for what is a kind of checkpoint, or all but a packaged one's name."""
    names = [name for loader in loaders() for name in loader.packaged]
    names += [loader.kind for loader in loaders() if not loader.is_general and loader.recognizes(loader.kind)]
    if name := nearest(given, names, MISSPELT):
        raise UserError("there is no such checkpoint", where=f"{WHERE}: {given}", fix=did_you_mean(given, [name]))
    for one in loaders():
        if one.kind == given.casefold() and not one.is_general:
            raise UserError("this is a kind of checkpoint, not one", where=f"{WHERE}: {given}", expected=one.reads)


def ready_loader(model: Mapping[str, Any]) -> ReadyLoader | None:
    """Return the loader that does a job's task by itself, by the job's `model` section; None where one is learnt."""
    if isinstance(named := model.get("ready"), str):
        loader = registry.component_class("checkpoints", named)()
    else:
        loader = recognized(model["pretrained"]) if isinstance(model.get("pretrained"), str) else None
    return loader if isinstance(loader, ReadyLoader) else None


def loader_behind(states: Mapping[str, Any]) -> CheckpointLoader | None:
    """Return the loader of the checkpoint that a run with these states began as, itself or by an earlier run."""
    return next((loader for loader in loaders() if loader.is_behind(states)), None)


def loader_of_trunk(states: Mapping[str, Any]) -> TrunkLoader | None:
    """Return the loader that builds the trunk where states["trunk"] describes one; None where the trunk is ours."""
    if "trunk" not in states:
        return None
    of_trunks = (loader for loader in loaders() if isinstance(loader, TrunkLoader))
    loader = next((loader for loader in of_trunks if loader.is_behind(states)), None)
    if loader is None:
        raise UserError(
            "no loader knows the checkpoint that this model began as",
            expected=f"one of {', '.join(one.kind for one in loaders())}",
            fix="install the package whose loader it was",
        )
    return loader
