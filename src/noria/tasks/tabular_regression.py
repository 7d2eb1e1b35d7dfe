"""The other columns of a row in, a number out."""

from __future__ import annotations

from noria.contract import Task
from noria.modalities.table.modality import Table
from noria.targets.number import Number, mean
from noria.tasks.tabular_classification import TABLE_TRAINING
from noria.types import Record


class TabularRegression(Task):
    """Say what number belongs to a row of a table.

    Data: a table file whose answer column is named by data.fields.number; what the other columns are is inferred.
    """

    def __init__(self) -> None:
        self.inputs = {"table": Table()}
        self.target = Number(is_voting=True)
        self.defaults = {"model": {"depth": 0, "linear": True, "trees": True}, "train": dict(TABLE_TRAINING)}

    fit_baseline = staticmethod(mean)

    def example(self) -> Record:
        return Record({"table": {"rooms": "4", "area": "82.5", "district": "north"}, "number": 315000.0}, "a row")
