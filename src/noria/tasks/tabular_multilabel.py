"""The other columns of a row in, several yes/no answers out."""

from __future__ import annotations

from noria.contract import Task
from noria.modalities.table.modality import Table
from noria.targets.labels import Labels, base_rates
from noria.tasks.tabular_classification import TABLE_TRAINING
from noria.types import Record


class TabularMultilabel(Task):
    """Say which of several labels hold of a row of a table; any number of them may.

    Data: a table with a column of yes and no for each label, data.fields.labels=[left, complained], or one column
    `labels` that names those that hold; what the other columns are is inferred.
    """

    def __init__(self) -> None:
        self.inputs = {"table": Table()}
        self.target = Labels(is_voting=True)
        self.defaults = {
            "model": {"depth": 0, "linear": True, "trees": True},
            "train": {**TABLE_TRAINING, "best_by": "log_loss"},
        }

    fit_baseline = staticmethod(base_rates)

    def example(self) -> Record:
        row = {"age": "63", "sex": "1", "pressure": "145", "pain": "typical"}
        return Record({"table": row, "labels": "healthy; insured"}, "a row, two labels")
