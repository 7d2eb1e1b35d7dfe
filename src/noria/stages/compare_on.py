"""Two models on the same labelled records, each reading them in its own way: the paired difference of every score.

Unlike compare.py it asks for no common training: any records that neither learnt from will do. Read next: compare.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.contract.source import Source
from noria.errors import UserError
from noria.metrics.intervals import differences, verdict
from noria.pipeline.encoder import gathered
from noria.pipeline.fields import group_column
from noria.pipeline.other_data import mapping_of
from noria.pipeline.predictor import Predictor
from noria.pipeline.worth import VALUE
from noria.stages.compare import common_metrics, pairs_of
from noria.types import Arrays, Dataset, rows_of


@dataclass(frozen=True)
class Paired:
    """The differences of two models' scores, ours less theirs, on n records. metrics: as of `noria compare`."""

    n: int
    metrics: dict[str, dict[str, Any]]

    @property
    def main(self) -> str:
        """Return the name of the score that counts: what answers are worth, where that is known, else as `score`."""
        return VALUE if VALUE in self.metrics else self.score

    @property
    def score(self) -> str:
        """Return the name of the score that training selects by."""
        return next(iter(self.metrics))


def compare_on(ours: Predictor, theirs: Predictor, source: Source) -> Paired:
    """Score two models on the records of a source that both can read; raise UserError where there are none."""
    (dataset, output), (other, other_output) = (_answered(one, source) for one in (ours, theirs))
    here, there = pairs_of(dataset, other)
    if not len(here):
        raise UserError("there are no records that both models can read", where=str(source.path))
    found = differences(
        common_metrics(ours, theirs),
        (rows_of(output, here), rows_of(dataset.target, here)),
        (rows_of(other_output, there), rows_of(other.target, there)),
        ours.bundle.job.evaluate.resamples,
        groups=None if dataset.groups is None else np.unique(dataset.groups[here], return_inverse=True)[1],
    )
    for one in found.values():
        one["verdict"] = verdict(one)
    if not found:
        raise UserError("the two models have no score in common", where=str(source.path))
    return Paired(len(here), found)


def _answered(predictor: Predictor, source: Source) -> tuple[Dataset, Arrays]:
    mapping = mapping_of(predictor.bundle, source, needs_answer=True)
    asked = predictor.bundle.job.data.split.group
    group = group_column(predictor.task, asked, mapping, source.columns, source.groups())
    chunks = predictor.encoder(mapping, source.root, group=group).chunks(source)
    dataset, _ = gathered(predictor.task, chunks, str(source.path))
    return dataset, predictor.outputs(dataset)
