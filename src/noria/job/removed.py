"""Keys of a job that are gone, and why: a job or a bundle that still asks for one is told, an older run is read.

Read next: load.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from noria.errors import UserError
from noria.job.text import Section, Where

WHY = "docs/variants.md has the figures"


class Removed(NamedTuple):
    """What became of a key.

    `left`, what every model now has, or null may still stand in a job, as every setting of an older run does. Any other
    value is an error, mended by `fix`.
    """

    left: object
    fix: str


REMOVED_KEYS = {
    "model.kv_heads": Removed(None, f"leave it out: at equal compute it never paid, {WHY}"),
    "model.mlp": Removed("relu2", f"model.block=swiglu; {WHY}"),
    "model.experts": Removed(1, f"leave it out: at equal compute they never paid, {WHY}"),
    "model.full_every": Removed(1, f"model.block=recurrent, with model.block_settings.attention_every; {WHY}"),
    "model.window": Removed(None, f"leave it out: at equal compute it never paid, {WHY}"),
}


def removed_in(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the removed keys by which a job asks for what no model has any more, with their values."""
    found = {}
    for key, (left, _) in REMOVED_KEYS.items():
        section, name = key.split(".")
        value = (job.get(section) or {}).get(name)
        if value not in (None, left):
            found[key] = value
    return found


def without_removed(job: Mapping[str, Any]) -> Section:
    """Return the job without its removed keys."""
    kept: Section = dict(job)
    for section in {key.split(".")[0] for key in REMOVED_KEYS} & kept.keys():
        under = kept[section] or {}
        kept[section] = {name: value for name, value in under.items() if f"{section}.{name}" not in REMOVED_KEYS}
    return kept


def removed_problems(job: Mapping[str, Any], where: Where) -> list[UserError]:
    """Return a problem for each removed key that a job asks for."""
    return [
        UserError(
            "this setting is gone",
            where=where(key.split(".")),
            found=str(value),
            fix=REMOVED_KEYS[key].fix,
        )
        for key, value in removed_in(job).items()
    ]
