"""Bundles inside of a bundle: the other models that a target needs to answer. Read next: bundle.py, predictor.py."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract import Task, dispatch
from noria.contract.capabilities import PARTS
from noria.errors import UserError

FOLDER = "parts"  # of a bundle, one folder a part


def save_parts(task: Task, bundle: Path) -> None:
    """Copy the parts of a task's target into a bundle that is being written."""
    for name, path in dispatch.part_paths(task.target).items():
        shutil.copytree(part_folder(name, path), bundle / FOLDER / name)


def part_folder(name: str, path: str) -> Path:
    """Return the bundle that a part is taken from; raise UserError where there is none."""
    given = Path(path).expanduser()
    folder = given / "bundle" if (given / "bundle").is_dir() else given
    if not (folder / "config.json").is_file():
        raise UserError(
            f"the part {name!r} is no trained model", where=str(given), expected="the folder of a run, or a bundle"
        )
    return folder


def with_parts(states: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return states with which the model runs: the target's has its parts beside what was learnt."""
    return {**states, "target": {**states["target"], PARTS: parts}} if parts else dict(states)


def without_parts(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a target's state as it is stored."""
    return {key: value for key, value in state.items() if key != PARTS}
