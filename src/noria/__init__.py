"""Noria: raw records in, a model that works day and night out. The verbs of the command line, as functions."""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

# Read by torch before its first tensor: on Linux, large ones then lie in large pages. Batches of ever other lengths so
# leave fewer holes in the heap, and memory that was given back is faulted in again 512 small pages at once.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# Nothing heavy is imported before it is used: `import noria` costs milliseconds, torch costs a second.
_VERBS = {
    "prepare": "noria.stages.prepare",
    "train": "noria.stages.train",
    "evaluate": "noria.stages.evaluate",
    "tune": "noria.stages.tune",
    "load": "noria.pipeline.predictor",
}

__all__ = ["__version__", "evaluate", "load", "prepare", "train", "tune"]


def __getattr__(name: str) -> Any:
    if name in _VERBS:
        return getattr(importlib.import_module(_VERBS[name]), name)
    raise AttributeError(f"module 'noria' has no attribute {name!r}")
