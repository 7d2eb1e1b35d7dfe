"""What a bundle keeps of its calibration split, so that later records can be set beside it: reference.safetensors.

Numbers of at most some thousand records, and no record: probabilities, answers, truths, scores, some hundred pooled
embeddings. It is written once the bundle is scored, and belongs to these weights. Read next: drift/assess.py.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from noria.contract import streaming
from noria.errors import UserError
from noria.pipeline.bundle import Bundle
from noria.pipeline.observations import Observations, about_in, observe, own_score
from noria.pipeline.predictor import Predictor
from noria.store.disk import plain_disk_errors
from noria.store.states import read_arrays, write_arrays
from noria.types import Dataset, rows_of

FILE = "reference.safetensors"
ABOUT_MODEL = ("model", "score", "direction", "currency")  # beside the observations, as Reference has them
MOST_RECORDS = 2000  # of the split
MOST_WRITTEN = 200  # where an answer is written token by token, which takes long
MOST_VECTORS = 500
FIX = "noria evaluate RUN writes it, while the data of its training is there and has a validation or test split"


@dataclass(frozen=True)
class Reference:
    """The calibration split as the model answers it.

    score and direction are of the metric that its scores are by, currency of what its answers are worth.
    """

    model: str
    observations: Observations
    score: str
    direction: Literal["higher", "lower"]
    currency: str = ""

    @property
    def confusion(self) -> np.ndarray | None:
        """Return how often, where a class is true (row), each is likeliest, int64[classes, classes]; None: no class."""
        seen = self.observations
        if seen.kind != "classes":
            return None
        matrix = np.zeros((len(seen.names), len(seen.names)), np.int64)
        np.add.at(matrix, (seen.truths.astype(np.int64), seen.likeliest), 1)
        return matrix


def reference_of(predictor: Predictor, dataset: Dataset) -> Reference:
    """Return what is kept of a calibration split, of records drawn at random where it has more than are kept."""
    task, state = predictor.task, predictor.states["target"]
    most = MOST_WRITTEN if streaming.can_generate(task.target) else MOST_RECORDS
    chosen = np.random.default_rng(0).permutation(len(dataset))[:most]
    some = dataset.select(chosen)
    metric = own_score(task, state)
    found = observe(predictor, predictor.outputs_and_vectors(some), (), rows_of(some.target, slice(None)))
    if found.vectors is not None:
        found = replace(found, vectors=found.vectors[:MOST_VECTORS])
    name, direction = ("", "higher") if metric is None else (metric.name, metric.direction)
    currency = "" if predictor.worth is None else predictor.worth.payoffs.currency
    return Reference(weights_of(predictor.bundle), found, name, direction, currency)  # type: ignore[arg-type]


def calibration_split(splits: Collection[str]) -> str | None:
    """Return the split that later records are set beside: validation, or test where all else was learnt from."""
    return next((one for one in ("validation", "test") if one in splits), None)


def weights_of(bundle: Bundle) -> str:
    """Return what names the weights that a reference is of."""
    return str(bundle.config["weights"]["sha256"])


def write_reference(predictor: Predictor, dataset: Dataset) -> None:
    """Write the reference beside the weights, unless that of these weights is there."""
    path = predictor.bundle.path / FILE
    try:
        if path.exists() and read_reference(predictor.bundle):
            return
    except UserError:  # of other weights, or damaged: written anew
        pass
    found = reference_of(predictor, dataset)
    arrays = found.observations.as_arrays(**{name: getattr(found, name) for name in ABOUT_MODEL})
    with plain_disk_errors(predictor.bundle.path):
        write_arrays(path, arrays)


def read_reference(bundle: Bundle) -> Reference:
    """Return the reference of a bundle; raise UserError where it has none, or one that is not of its weights."""
    return reference_in(bundle.path, weights_of(bundle))


def reference_in(folder: Path, weights: str) -> Reference:
    """Return the reference in a bundle's folder, which is to be of some weights: as read_reference does."""
    path = folder / FILE
    if not path.exists():
        what = "this model keeps nothing of its calibration split that new records could be set beside"
        raise UserError(what, where=str(folder), expected=FILE, fix=FIX)
    arrays = read_arrays(path)
    try:
        about, found = about_in(arrays), Observations.of_arrays(arrays)
        reference = Reference(observations=found, **{name: about[name] for name in ABOUT_MODEL if name in about})
    except (LookupError, ValueError, TypeError) as error:
        raise UserError("this file is damaged", where=str(path), found=str(error), fix=FIX) from error
    if reference.model != weights:
        raise UserError("this reference is of other weights than the bundle's", where=str(path), fix=FIX)
    return reference
