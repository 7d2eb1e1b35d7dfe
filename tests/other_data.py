"""Other data than that of training, encoded whole with its answers: what tests hold the model's answers against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.pipeline.encoder import gathered
from noria.pipeline.given import values_of
from noria.pipeline.other_data import open_other
from noria.pipeline.predictor import Predictor
from noria.types import Arrays, Dataset, Rejected


def read(model: Predictor, path: Path, needs_answer: bool = True) -> tuple[Dataset, list[Rejected]]:
    """Return the records of its test split if it is divided, else all, and those that cannot be used."""
    source, mapping = open_other(model.bundle, path, needs_answer)
    chunks, *_ = model.encoder(mapping, source.root).to_score(source)
    return gathered(model.task, chunks, str(path))


def encode(
    model: Predictor, records: Sequence[Mapping[str, Any]], root: Path | None = None
) -> tuple[dict[str, Arrays], dict[int, str]]:
    """Return the inputs of records, and why some cannot be used."""
    values = {name: values_of(model.bundle, name, records, root) for name in model.task.inputs}
    return model.encoder({}, root).encode_inputs(values)
