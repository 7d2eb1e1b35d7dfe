"""Keys of a job that are gone, and why: a job or a bundle that still asks for one is told, an older run is read.

Read next: job.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.errors import UserError
from noria.job_text import Section, Where

# By key, the value that every model now has. It, or null, may still stand in a job, as every setting of an older run
# does; any other value is an error. Figures: docs/variants.md, LOG.md.
REMOVED_KEYS: dict[str, object] = {
    "model.kv_heads": None,
    "model.mlp": "relu2",
    "model.experts": 1,
    "model.full_every": 1,
    "model.window": None,
}


def removed_in(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the removed keys by which a job asks for what no model has any more, with their values."""
    found = {}
    for key, left in REMOVED_KEYS.items():
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
            "this setting is gone: at equal compute it never paid",
            where=where(key.split(".")),
            found=str(value),
            mend="leave it out; docs/variants.md has the figures, and what is there instead",
        )
        for key, value in removed_in(job).items()
    ]
