"""What every component fills in: modalities, targets, tasks, sources. Read next: core.py."""

from noria.contract.core import (
    MAPPED,
    Attention,
    Modality,
    Takes,
    Target,
    Task,
    answer_field,
)
from noria.contract.metric import Metric, mean_metric
from noria.contract.source import Source

__all__ = [
    "MAPPED",
    "Attention",
    "Metric",
    "Modality",
    "Source",
    "Takes",
    "Target",
    "Task",
    "answer_field",
    "mean_metric",
]
