"""What every component fills in: modalities, targets, tasks, sources. Read next: core.py, capabilities.py."""

from noria.contract.capabilities import MAPPED
from noria.contract.core import Attention, Modality, RawType, Target, Task, answer_field, only_input
from noria.contract.metric import Metric, mean_metric
from noria.contract.source import Source

__all__ = [
    "MAPPED",
    "Attention",
    "Metric",
    "Modality",
    "RawType",
    "Source",
    "Target",
    "Task",
    "answer_field",
    "mean_metric",
    "only_input",
]
