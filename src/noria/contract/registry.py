"""Find a component by its file name: `image-classification` is the class in tasks/image_classification.py.

Built-in components and those of other packages (entry points `noria.tasks`, `noria.modalities`, `noria.targets`,
`noria.checkpoints`) come through the same door. Nothing is registered and nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from functools import lru_cache
from importlib import metadata
from typing import Literal

from noria.contract import Modality, Target, Task
from noria.errors import UserError, did_you_mean

Kind = Literal["tasks", "modalities", "targets", "checkpoints"]
_SINGULAR = {"tasks": "task", "modalities": "modality", "targets": "target", "checkpoints": "checkpoint loader"}


def names(kind: Kind) -> list[str]:
    """List the names of all components of a kind, with dashes, sorted."""
    return sorted({*built_in(kind), *(entry.name for entry in entry_points(group=f"noria.{kind}"))})


def built_in(kind: Kind) -> list[str]:
    """List the names of the components of a kind that come with Noria, with dashes, sorted."""
    package = importlib.import_module(f"noria.{kind}")
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(package.__path__))


def component_class(kind: Kind, name: str) -> type:
    """Return the class of a component; raise UserError with the nearest name when there is none."""
    for entry in entry_points(group=f"noria.{kind}", name=name):
        return entry.load()  # type: ignore[no-any-return]
    if name not in names(kind):
        raise UserError(f"there is no {_SINGULAR[kind]} named {name!r}", fix=did_you_mean(name, names(kind)))
    module = importlib.import_module(f"noria.{kind}.{name.replace('-', '_')}")
    return getattr(module, "".join(part.capitalize() for part in name.split("-")))  # type: ignore[no-any-return]


def task(name: str) -> Task:
    """Return a task by name."""
    return component_class("tasks", name)()  # type: ignore[no-any-return]


def modality(name: str) -> Modality:
    """Return a modality with its default settings by name."""
    return component_class("modalities", name)()  # type: ignore[no-any-return]


def target(name: str) -> Target:
    """Return a target with its default settings by name."""
    return component_class("targets", name)()  # type: ignore[no-any-return]


def entry_points(group: str, name: str | None = None) -> list[metadata.EntryPoint]:
    """Return the entry points of a group in all packages, or the one of a name."""
    return [entry for entry in _installed(tuple(sys.path), group) if name in (None, entry.name)]


@lru_cache(maxsize=8)
def _installed(_path: tuple[str, ...], group: str) -> metadata.EntryPoints:
    """Return the entry points of a group: the files of every package are read, and a job asks many times."""
    return metadata.entry_points(group=group)
