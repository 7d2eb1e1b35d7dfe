"""What a job takes over from the model it starts from, under its own settings: the trunk's shape, rates of tuning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.job.text import Section
from noria.modalities.image.checkpoint_files import is_of_pictures

NOT_TAKEN = ("from", "pretrained", "lora", "dropout")  # settings of a model that say nothing of its shape

# Rates of the papers' fine-tuning: BERT (https://arxiv.org/abs/1810.04805, appendix A.3) and LoRA, which needs more.
# Muon's steps are of one size whatever the weights are, and would soon forget what a checkpoint knows.
TUNING: Section = {"optimizer": "adamw", "learning_rate": 5e-5, "warmup": 0.1, "clip": 1.0}
LORA_RATE = 5e-4

# A backbone of pictures stands before parts that start anew, which learn as they do without it; it learns more gently.
PICTURES: Section = {"pretrained_rate": 0.1}


def settings_of_origin(model: object) -> Section:
    """Return the settings that a job's `model` section brings with it by `from`, `pretrained` and `lora`.

    An origin that is not there brings none: it is missed later, in preparation.
    """
    if not isinstance(model, Mapping):
        return {}
    settings: Section = {}
    pretrained = model.get("pretrained")
    is_picture = isinstance(pretrained, str) and is_of_pictures(pretrained)
    is_pretrained = pretrained is not None and not is_picture
    if isinstance(model.get("from"), str):
        config = _config(Path(model["from"]).expanduser())
        given = config.get("job", {}).get("model", {})
        shape = {key: value for key, value in given.items() if key not in NOT_TAKEN and value is not None}
        settings["model"] = shape
        states = config.get("states", {})
        is_pretrained = "trunk" in states
        is_picture = any("backbone" in state for state in states.get("inputs", {}).values())
    if is_pretrained:
        rate = {"learning_rate": LORA_RATE} if model.get("lora") is not None else {}
        settings["train"] = {**TUNING, **rate}
    elif is_picture:
        settings["train"] = dict(PICTURES)
    return settings


def _config(run: Path) -> dict[str, Any]:
    for folder in (run / "bundle", run):
        try:
            config = json.loads((folder / "config.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(config, dict):
            return config
    return {}
