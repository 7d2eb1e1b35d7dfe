"""The other columns of a row in, one class out."""

from __future__ import annotations

from noria.contract import Task
from noria.modalities.table.modality import Table
from noria.targets.label import Label, majority
from noria.types import Record

# Found on validation splits of Adult and Heart; benchmarks/tables.py has the scores.
TABLE_TRAINING = {
    "optimizer": "adamw",
    "learning_rate": 0.005,
    "weight_decay": 0.01,
    "warmup": 0.05,
    "clip": 1.0,
    "validations": 20,
    "patience": 6,
    "ema": 0.99,
}


class TabularClassification(Task):
    """Say which class a row of a table belongs to.

    Data: a table file whose answer column is named by data.fields.label; what the other columns are is inferred.
    """

    def __init__(self) -> None:
        self.inputs = {"table": Table()}
        self.target = Label(is_voting=True)
        self.defaults = {
            "model": {"depth": 0, "linear": True, "trees": True},
            "train": {**TABLE_TRAINING, "best_by": "log_loss"},
        }

    fit_baseline = staticmethod(majority)

    def example(self) -> Record:
        return Record(
            {"table": {"age": "63", "sex": "1", "pressure": "145", "pain": "typical"}, "label": "healthy"}, "a row"
        )
