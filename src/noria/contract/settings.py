"""The settings of a component: the fields of its dataclass, without those that its task fills in.

A target that looks at an input is told its name by the task, `Boxes(image="photo")`: such a field is made by
`named_input`, is no setting of a job, and changes nothing about prepared data.
"""

from __future__ import annotations

import dataclasses
from typing import Any

BY_TASK = "is_filled_by_task"


def named_input(usual: str) -> Any:
    """Return a field of a target that holds the name of the input it looks at; `usual` where the task names none."""
    return dataclasses.field(default=usual, kw_only=True, metadata={BY_TASK: True})


def setting_fields(component: Any) -> list[dataclasses.Field[Any]]:
    """Return the fields that a job may set."""
    return [one for one in dataclasses.fields(component) if not one.metadata.get(BY_TASK)]


def settings_of(component: Any) -> dict[str, Any]:
    """Return the settings of a component by name."""
    return {one.name: getattr(component, one.name) for one in setting_fields(component)}


def fields_by_task(component: Any) -> dict[str, Any]:
    """Return what the task has filled in, by name."""
    filled = [one.name for one in dataclasses.fields(component) if one.metadata.get(BY_TASK)]
    return {name: getattr(component, name) for name in filled}
