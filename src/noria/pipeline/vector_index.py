"""The vectors of a source, worked out once and kept in the user's cache, by the model's weights and the source's stamp.

A search compares all of them, by a matrix product in chunks: exact, and fast enough for some million records. Knows no
task. Read next: predictor.py, store/array_store.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noria import __version__
from noria.contract import dispatch, only_input
from noria.contract.source import Source
from noria.errors import UserError, did_you_mean
from noria.model.nearest import nearest
from noria.pipeline.fields import open_path
from noria.pipeline.other_data import data_of
from noria.pipeline.predictor import Predictor
from noria.reporter import Reporter, Silent
from noria.sources.formats.opening import TEXT_SUFFIXES
from noria.sources.formats.text_lines import TextLines
from noria.store.array_store import StoreWriter, read_store, trim_stores, usable_store
from noria.store.cache import cache_folder
from noria.store.states import split_arrays
from noria.types import Arrays, Dataset, Ragged, Values

CACHE_BYTES = 20 * 2**30
SPLIT = "test"  # the one that an index is stored as
VECTORS, TEXTS = "vectors", "texts"  # the arrays of an index
FORMAT = 2  # of an index; one of another format is made again


@dataclass(frozen=True)
class Hit:
    """A record that was found: cosine similarity, -1 to 1, the place as file:row, and the record as text."""

    score: float
    where: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """Return the hit as a JSON object."""
        return {"score": self.score, "where": self.where, "text": self.text}


@dataclass(frozen=True)
class Index:
    """The vectors of a source, float32[n, D] of length one, beside the records' texts and places; on disk."""

    vectors: np.ndarray
    texts: Ragged
    places: list[str]

    def nearest(self, vectors: np.ndarray, count: int = 5) -> list[list[Hit]]:
        """Return for each vector [q, D] the nearest records, nearest first, of equal ones the first."""
        return [
            [
                Hit(round(float(score), 6), self.places[row], self._text(int(row)))
                for score, row in zip(*one, strict=True)
            ]
            for one in nearest(self.vectors, vectors, count)
        ]

    def _text(self, row: int) -> str:
        return str(self.texts[row].tobytes(), "utf-8", "replace")


def index(predictor: Predictor, path: Path, column: str | None = None, reporter: Reporter | None = None) -> Index:
    """Return the vectors of all records of a source, from the cache where they were worked out before."""
    reporter = reporter or Silent()
    source = _open(predictor, path)
    column = _column(predictor, source, column)
    folder = cache_folder() / "search" / _key(predictor, source, column)
    stored = usable_store(folder, reporter.say)
    if stored is None:
        _build(predictor, source, column, folder, reporter)
        trim_stores(folder.parent, CACHE_BYTES)
        stored = read_store(folder)
        assert stored is not None
    splits, manifest = stored
    if manifest["unusable"]:
        reporter.say(f"not searched: {manifest['unusable']} records, the first at {manifest['first']}")
    kept = splits[SPLIT]
    return Index(kept.target[VECTORS], kept.target[TEXTS], kept.wheres())


def vectors_of(predictor: Predictor, records: Sequence[dict[str, Any]]) -> np.ndarray:
    """Return float32[n, D], the vectors of records, of length one."""
    columns = {name: [record[name] for record in records] for name in predictor.task.inputs}
    wheres = [f"query {number}" for number in range(1, len(records) + 1)]
    chunk = predictor.encoder({}).encode(columns, wheres, wheres)
    for one in chunk.rejected:
        raise UserError(one.reason, where=one.where)
    return _vectors(predictor, chunk.records)


def _open(predictor: Predictor, path: Path) -> Source:
    """Open a source as training would, but for a text file: a line of it is a record here."""
    data = data_of(predictor.bundle, path)
    if data.columns is None and path.name.lower().endswith(TEXT_SUFFIXES):
        return TextLines(path, the_only_input(predictor), encoding=data.encoding)
    return open_path(path, predictor.task, data)


def _build(predictor: Predictor, source: Source, column: str, folder: Path, reporter: Reporter) -> None:
    """Work out and store the vectors of a source, chunk by chunk.

    On a GPU most of the time goes into pipeline/inference.py; bfloat16 belongs there, around `predict_step`, for all
    stages.
    """
    field, unusable, first, done = the_only_input(predictor), 0, "", 0
    reporter.say(f"reading {source.path}; what is worked out is kept")
    with StoreWriter(folder) as writer:
        for chunk in predictor.encoder({field: column}, source.root).chunks(source, least=predictor.batch_size):
            first = first or next((f"{one.where}: {one.reason}" for one in chunk.rejected), "")
            unusable += len(chunk.rejected)
            if not len(chunk):
                continue
            texts = Ragged.of_texts([_shown(chunk.values[field], int(i)) for i in chunk.kept])
            arrays: Arrays = {f"target/{VECTORS}": _vectors(predictor, chunk.records), f"target/{TEXTS}": texts}
            writer.append(SPLIT, arrays, chunk.records.wheres())
            done += len(chunk)
        writer.close()
        for note in source.notes():
            reporter.say(note)
        if not done:
            raise UserError("there are no usable records to search", where=str(source.path), found=first)
        writer.publish({"unusable": unusable, "first": first})


def _vectors(predictor: Predictor, dataset: Dataset) -> np.ndarray:
    found = dispatch.vectors(predictor.task.target, predictor.outputs(dataset))
    if found is None:
        raise UserError(
            "this model gives no vectors to search by",
            where=str(predictor.bundle.path),
            expected="a model that embeds records, as one for text embedding does",
        )
    vectors = np.asarray(found, np.float32)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12)))


def _column(predictor: Predictor, source: Source, column: str | None) -> str:
    """Return the column that is searched: the one named, that of training, that of the input's name, the only one."""
    field = the_only_input(predictor)
    trained = predictor.bundle.job.data.fields.get(field)
    named = (
        [column] if column else [trained, field, "file" if predictor.task.inputs[field].raw_type == "file" else None]
    )
    named += source.columns if len(source.columns) == 1 and not column else []
    found = next((one for one in named if isinstance(one, str) and one in source.columns), None)
    if found is None:
        wanted = column or (trained if isinstance(trained, str) else field)
        raise UserError(
            f"the data has no column {wanted!r} to search",
            where=str(source.path),
            found=f"columns {', '.join(source.columns)}",
            fix=f"name one with --column ({did_you_mean(wanted, source.columns)})",
        )
    return found


def the_only_input(predictor: Predictor) -> str:
    """Return the input that is searched by; raise UserError where the task has several."""
    field = only_input(predictor.task, "be searched with")
    if predictor.task.inputs[field].raw_type == "columns":
        raise UserError("only a model with one input that is no table can be searched with", found=f"input {field}")
    return field


def _shown(values: Values, number: int) -> str:
    """Return a raw value as a person sees it in a list: a text, a file name; a content has neither."""
    value = values[number]  # type: ignore[index]
    return value if isinstance(value, str) else "" if isinstance(value, bytes | bytearray) else str(value)


def _key(predictor: Predictor, source: Source, column: str) -> str:
    """Name an index by all that its vectors depend on: the model, what turns records into its inputs, the source."""
    config = predictor.bundle.config
    states = [split_arrays(config["states"])[0], config.get("states_sha256")]
    model = [config["weights"]["sha256"], config["job"]["inputs"], config["job"]["target"], *states]
    parts = [__version__, FORMAT, model, str(source.path.resolve()), source.stamp(), column]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
