"""What a job takes over from the model it starts from, under its own settings: the trunk's shape, rates of tuning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract.checkpoints import ReadyLoader, loader_behind, recognized
from noria.job.text import Section

NOT_TAKEN = ("from", "pretrained", "ready", "lora", "dropout")  # settings of a model that say nothing of its shape


def settings_of_origin(model: object) -> Section:
    """Return the settings that a job's `model` section brings with it by `from`, `pretrained` and `lora`.

    An origin that is not there brings none: it is missed later, in preparation.
    """
    if not isinstance(model, Mapping):
        return {}
    settings: Section = {}
    loader = recognized(model["pretrained"]) if isinstance(model.get("pretrained"), str) else None
    if isinstance(model.get("from"), str):
        config = _config(Path(model["from"]).expanduser())
        given = _section(_section(config, "job"), "model")
        settings["model"] = {key: value for key, value in given.items() if key not in NOT_TAKEN and value is not None}
        loader = loader_behind(_section(config, "states"))
    if isinstance(loader, ReadyLoader) and "from" not in model:
        settings["model"] = {"ready": loader.kind}
    return settings if loader is None else {**settings, **loader.defaults(model.get("lora") is not None)}


def _section(content: Section, key: str) -> Section:
    """Return a section of a config; nothing where there is none: what is wrong with it is told in preparation."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _config(run: Path) -> dict[str, Any]:
    for folder in (run / "bundle", run):
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(config, dict):
            return config
    return {}
