"""Keys of a job that had another name in earlier versions.

In a job that a person gives, an old key is an error that says the new name. What an earlier version itself wrote into a
run or a bundle is read by this table. Read next: load.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.job.text import Section, parse, read_text, set_key

RENAMED_KEYS = {  # a * stands for any one key; of two that fit, the first holds
    "evaluate.against": "evaluate.compare_to",
    "train.average": "train.ema",
    "train.candidates": "train.hard_example_mining",
    "train.keep": "train.hard_example_fraction",
    "inputs.series.drop": "inputs.series.channel_dropout",
    "inputs.series.mirror": "inputs.series.flip",
    "inputs.series.stretch": "inputs.series.time_stretch",
    "inputs.*.drop": "inputs.*.token_dropout",
    "inputs.*.mirror": "inputs.*.tta_flip",
    "inputs.*.stretch": "inputs.*.aspect",
    "inputs.*.lap": "inputs.*.overlap",
    "inputs.*.light": "inputs.*.color_jitter",
    "inputs.*.grams": "inputs.*.ngrams",
    "target.agreement": "target.rdrop",
    "target.merge": "target.class_groups",
    "target.caution": "target.no_answer_threshold",
}


def read_stored_job(path: Path) -> Section:
    """Return what stands in the job file of a run, every key under the name it has now."""
    return with_new_names(parse(read_text(path), path.name))


def with_new_names(content: Mapping[str, Any]) -> Section:
    """Return a job with every key of an earlier version under its new name."""
    found: Section = {}

    def put(section: Mapping[Any, Any], above: list[Any]) -> None:
        for key, value in section.items():
            path = [*above, key]
            new = new_name(path)
            if isinstance(value, Mapping) and value and not new:
                put(value, path)
            else:
                set_key(found, new or path, value)

    put(content, [])
    if isinstance(found.get("model"), dict):
        found["model"] = {"linear": False, "trees": False, **found["model"]}  # of versions that had none
    return found


def new_name(path: Sequence[object]) -> list[str]:
    """Return the keys that a path of an earlier version now has; none where it was not renamed."""
    keys = [str(key) for key in path]
    for old, new in RENAMED_KEYS.items():
        parts = old.split(".")
        if len(parts) == len(keys) and all(part in ("*", key) for part, key in zip(parts, keys, strict=True)):
            stars = iter([key for part, key in zip(parts, keys, strict=True) if part == "*"])
            return [next(stars) if part == "*" else part for part in new.split(".")]
    return []
