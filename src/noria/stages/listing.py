"""What there is: tasks, modalities, targets and shipped jobs, each with its first line; or one with its settings.

noria list tasks                a line each
noria list modality image       one, with every setting: default, type and what it does
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from typing import Any

from noria.contract import Task, registry
from noria.contract.settings import Setting, in_words, settings_of
from noria.errors import UserError, did_you_mean
from noria.job.load import merge, shipped_jobs

KINDS = ("tasks", "modalities", "targets", "jobs")
ONE_OF = {"task": "tasks", "modality": "modalities", "target": "targets", "job": "jobs"}
Described = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Listing:
    """What there is, as `content`: {kind: {name: about}}, or of one its name, what it is and its settings."""

    content: Described

    def __getitem__(self, key: str) -> Any:
        """Return what the content has under a key."""
        return self.content[key]

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return as_text(self.content)

    __repr__ = __str__


def listing(kind: str = "", name: str = "") -> Listing:
    """Return one kind or all of them, or, of one by name, what it is and its settings."""
    if name:
        return Listing(_one(kind, name))
    if kind and kind not in KINDS:
        known = "" if kind not in ONE_OF else f"noria list {ONE_OF[kind]}, or noria list {kind} NAME"
        raise UserError(f"there is nothing called {kind!r} to list", fix=known or did_you_mean(kind, KINDS))
    return Listing({one: _of_kind(one) for one in ([kind] if kind else KINDS)})


def as_text(found: Described) -> str:
    """Return what `listing` found as a person reads it."""
    if "about" in found:
        return "\n".join([found["name"], *_indented(found["about"]), *_settings_text(found)])
    parts = []
    for kind, entries in found.items():
        width = max((len(name) for name in entries), default=0)
        parts.append("\n".join([kind, *(f"  {name.ljust(width)}  {about}" for name, about in entries.items())]))
    return "\n\n".join(parts)


def _of_kind(kind: str) -> dict[str, str]:
    if kind == "jobs":
        return {name: path.read_text("utf-8").splitlines()[0].lstrip("# ") for name, path in shipped_jobs().items()}
    components = {name: registry.component_class(kind, name) for name in registry.names(kind)}  # type: ignore[arg-type]
    return {name: (inspect.getdoc(component) or "").splitlines()[0] for name, component in components.items()}


def _one(kind: str, name: str) -> Described:
    """Return one component, or one shipped job, by name."""
    plural = ONE_OF.get(kind, kind)
    if plural not in KINDS:
        raise UserError(f"there is nothing called {kind!r} to list", fix=did_you_mean(kind, ONE_OF))
    if plural == "jobs":
        jobs = shipped_jobs()
        if name not in jobs:
            raise UserError(f"there is no shipped job {name!r}", fix=did_you_mean(name, jobs))
        return {"name": name, "about": jobs[name].read_text("utf-8").rstrip(), "settings": {}}
    cls = registry.component_class(plural, name)  # type: ignore[arg-type]
    settings = _of_task(registry.task(name)) if plural == "tasks" else _described("", settings_of(cls), {})
    return {"name": name, "about": inspect.getdoc(cls) or "", "settings": settings}


def _of_task(task: Task) -> dict[str, Described]:
    """Return the settings of a task's inputs and answer by the keys of a job, with the defaults they have in it."""
    own = merge(task.defaults, task.defaults_without_model)
    found: dict[str, Described] = {}
    for field, modality in task.inputs.items():
        given = own.get("inputs", {}).get(field, {})
        found |= _described(f"inputs.{field}.", settings_of(modality), given)
    return found | _described("target.", settings_of(task.target), own.get("target", {}))


def _described(prefix: str, settings: list[Setting], given: Described) -> dict[str, Described]:
    return {
        f"{prefix}{one.name}": {
            "default": given.get(one.name, one.default),
            "type": in_words(one.type).replace("`", ""),
            "line": one.line,
        }
        for one in settings
    }


def _settings_text(found: Described) -> list[str]:
    lines = []
    for name, one in found["settings"].items():
        default = json.dumps(one["default"], ensure_ascii=False)
        lines += ["", f"  {name} = {default}  ({one['type']})", f"      {one['line']}"]
    return lines


def _indented(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.splitlines()]
