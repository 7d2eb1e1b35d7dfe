"""Noria: raw records in, a model that works day and night out. The verbs of the command line, as functions."""

from __future__ import annotations

import os

from noria.verbs import (
    assistant,
    compare,
    demo,
    evaluate,
    export,
    generate,
    keys,
    list_,
    load,
    predict,
    prepare,
    runs,
    search,
    serve,
    trace,
    train,
    tune,
    watch,
)

__version__ = "0.1.0"

list = list_  # a verb of the command line

# Without `list`: who writes `from noria import *` keeps Python's own.
__all__ = [
    "__version__",
    "assistant",
    "compare",
    "demo",
    "evaluate",
    "export",
    "generate",
    "keys",
    "load",
    "predict",
    "prepare",
    "runs",
    "search",
    "serve",
    "trace",
    "train",
    "tune",
    "watch",
]

# Read by torch before its first tensor: on Linux, large ones then lie in large pages. Batches of ever other lengths so
# leave fewer holes in the heap, and memory that was given back is faulted in again 512 small pages at once.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
