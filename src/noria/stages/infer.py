"""Run a model over encoded records: the one way in which validation, evaluate, predict, serve and batch get outputs."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from noria.nouns import Arrays, Batch


@torch.inference_mode()
def outputs(model: nn.Module, batches: Iterable[Batch]) -> Arrays:
    """Return the outputs of all batches, in float32 and in order. The model's training mode is left as it was."""
    was_training = model.training
    model.eval()
    parts: dict[str, list[np.ndarray]] = {}
    for batch in batches:
        for name, value in model(batch.inputs).items():
            parts.setdefault(name, []).append(value.float().cpu().numpy())
    model.train(was_training)
    return {name: np.concatenate(values) for name, values in parts.items()}


def pick_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
