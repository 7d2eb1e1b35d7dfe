"""Where training starts: an earlier run, or a checkpoint of Hugging Face."""

from __future__ import annotations

from typing import Any

from noria.job import Job
from noria.nouns import State


def origin_key(job: Job) -> str:
    """Return what names the origin in a preparation's key: its path and the fingerprint of its weights; "" for none."""
    return ""


def origin_states(job: Job) -> dict[str, State]:
    """Return what the origin had learnt, by kind of spoke (and `trunk`, for a checkpoint)."""
    return {}


def load_origin(model: Any, job: Job, states: dict[str, Any]) -> str:
    """Copy the origin's weights into a model that was just built; return one sentence on what was taken over."""
    return ""
