"""What a bundle keeps of its calibration split, so that later records can be set beside it: reference.safetensors.

Numbers of at most some thousand records, and no record: probabilities, answers, truths, scores, some hundred pooled
embeddings. It is written once the bundle is scored, and belongs to these weights. Read next: wheel/assess.py.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from noria.contract import streaming
from noria.errors import UserError
from noria.pipeline.bundle import Bundle
from noria.pipeline.observations import Observations, observe, own_score
from noria.pipeline.predictor import Predictor
from noria.store.disk import plain_disk_errors
from noria.store.states import read_arrays, write_arrays
from noria.types import Dataset, rows_of

FILE = "reference.safetensors"
ARRAYS, VECTORS = ("values", "guide", "answers", "truths", "scores"), "vectors"  # as Observations has them
WORTHS = ("worth", "expected")  # the same, of a job that says what answers are worth
ABOUT = "about"  # the array that holds, as bytes of JSON, what is no array
ABOUT_MODEL = ("model", "score", "direction", "currency")  # of it, as Reference has them
MOST_RECORDS, MOST_WRITTEN = (
    2000,
    200,
)  # of the split; fewer where an answer is written token by token, which takes long
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
    seen = found.observations
    about = {name: getattr(found, name) for name in ABOUT_MODEL} | {"kind": seen.kind, "names": seen.names}
    content = json.dumps(about).encode()
    arrays: dict[str, np.ndarray] = {ABOUT: np.frombuffer(content, np.uint8)}
    arrays |= {name: getattr(seen, name) for name in (*ARRAYS, *(WORTHS if predictor.worth else ()))}
    if seen.vectors is not None:
        arrays[VECTORS] = seen.vectors.astype(np.float16)
    with plain_disk_errors(predictor.bundle.path):
        write_arrays(path, arrays)


def read_reference(bundle: Bundle) -> Reference:
    """Return the reference of a bundle; raise UserError where it has none, or one that is not of its weights."""
    path = bundle.path / FILE
    if not path.exists():
        what = "this model keeps nothing of its calibration split that new records could be set beside"
        raise UserError(what, where=str(bundle.path), expected=FILE, fix=FIX)
    arrays = read_arrays(path)
    try:
        about = json.loads(arrays[ABOUT].tobytes())
        untold = np.full(len(arrays[ARRAYS[0]]), np.nan)
        rows = {name: arrays[name] for name in ARRAYS} | {name: arrays.get(name, untold) for name in WORTHS}
        vectors = arrays[VECTORS].astype(np.float32) if VECTORS in arrays else None
        places = ("",) * len(untold)
        found = Observations(about["kind"], tuple(about["names"]), **rows, vectors=vectors, places=places)
        reference = Reference(observations=found, **{name: about[name] for name in ABOUT_MODEL if name in about})
    except (LookupError, ValueError, TypeError) as error:
        raise UserError("this file is damaged", where=str(path), found=str(error), fix=FIX) from error
    if reference.model != weights_of(bundle):
        raise UserError("this reference is of other weights than the bundle's", where=str(path), fix=FIX)
    return reference
