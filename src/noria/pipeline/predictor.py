"""A loaded model that answers: the same way in Python, on the command line and behind the server.

Read next: encoder.py, other_data.py, inference.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Task, answer_field, dispatch
from noria.errors import UserError, nearest
from noria.pipeline.bundle import Bundle, load_bundle
from noria.pipeline.encoder import RECORDS, EncodedChunk, RecordEncoder, gathered
from noria.pipeline.fields import Columns, select
from noria.pipeline.other_data import one_file_field, open_other
from noria.pipeline.parts import FOLDER, part_folder, with_parts
from noria.pipeline.prepared import Prepared
from noria.types import Arrays, Chunk, Dataset, Prediction, Rejected, Values


def load(path: str | Path, device: str | None = None, precision: str | None = None) -> Predictor:
    """Load the model of a run folder or a bundle onto a device, by default the GPU where there is one.

    precision: float32 or bfloat16; by default the job's `evaluate.precision`.
    """
    from noria.pipeline.inference import pick_device

    device = device or str(pick_device())
    bundle = load_bundle(Path(path), device, precision)
    return Predictor(bundle, device, load_parts(bundle.task, device, bundle.path / FOLDER))


def load_parts(task: Task, device: str, folder: Path | None = None) -> dict[str, Predictor]:
    """Load the parts of a task's target, by name: from below a folder, or else from where training takes them."""
    paths = dispatch.part_paths(task.target)
    return {name: load(folder / name if folder else part_folder(name, path), device) for name, path in paths.items()}


def with_running_parts(prepared: Prepared, task: Task, device: str) -> Prepared:
    """Return prepared data with whose states a model can run: with the parts of its target, loaded."""
    return replace(prepared, states=with_parts(prepared.states, load_parts(task, device)))


@dataclass(frozen=True)
class Answer:
    """What was said of one record: where it stands, and a prediction or the reason why there is none.

    `id` names the record within its source: its row number, its file's name. `chunk.raw(index, task)` are its inputs.
    """

    where: str
    id: str = ""
    prediction: Prediction | None = None
    reason: str = ""
    chunk: EncodedChunk | None = None
    index: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that stands for the record in a file of answers."""
        return {"where": self.where, **(self.prediction.as_json() if self.prediction else {"error": self.reason})}


class Predictor:
    """A model and all that turns records into its inputs and its outputs into answers.

    >>> model = noria.load("runs/digits")
    >>> model.predict([{"image": open("seven.png", "rb").read()}])[0].value
    '7'
    """

    def __init__(self, bundle: Bundle, device: str = "cpu", parts: Mapping[str, Predictor] | None = None) -> None:
        self.bundle, self.device = bundle, device
        self.task, self.states = bundle.task, with_parts(bundle.states, parts or {})
        self.batch_size = bundle.job.evaluate.batch_size

    def predict(self, records: Sequence[Mapping[str, Any]], root: Path | None = None) -> list[Prediction]:
        """Answer records, each a mapping of the task's fields (a table's columns may stand at the top level).

        A field that takes a file is given its bytes, an array, or a path below `root` (default: here). Raises UserError
        that names the first record that cannot be used.
        """
        if isinstance(records, Mapping) or not all(isinstance(record, Mapping) for record in records):
            example = "{" + ", ".join(f'"{name}": ...' for name in self.task.inputs) + "}"
            raise UserError("records are a list of mappings, one a record", fix=f"model.predict([{example}])")
        answers = self.answers(self._chunks_of(records, root))
        return [one.prediction for one in answers if one.prediction is not None]

    def answers(self, chunks: Iterable[EncodedChunk]) -> Iterator[Answer]:
        """Answer encoded records chunk by chunk, in the order of the records; one that cannot be used has its reason.

        >>> for answer in model.answers(model.chunks(Path("new.csv"))):
        ...     print(answer.where, answer.as_json())
        """
        for chunk in chunks:
            given = self.task.target.decode(self.outputs(chunk.records), self.states["target"]) if len(chunk) else []
            rejected = iter(chunk.rejected)
            waiting = next(rejected, None)
            for index in range(len(chunk) + 1):
                while waiting is not None and waiting.before <= index:
                    yield Answer(waiting.where, reason=waiting.reason)
                    waiting = next(rejected, None)
                if index < len(chunk):
                    where = (chunk.records.places or [])[index]
                    yield Answer(where, chunk.ids[index], given[index], chunk=chunk, index=index)

    def chunks(self, path: Path, tell: Callable[[str], None] = lambda _: None) -> Iterator[EncodedChunk]:
        """Encode all records of a path, chunk by chunk and without their answers: a file, a folder, a table.

        `tell` is given what a person should know of the source, one sentence each: files that were not read.
        """
        if not path.exists():
            raise UserError("there is no such file or folder", where=str(path))
        field = one_file_field(self.bundle, path)
        if field is not None:
            yield self.encoder({}).encode({field: [path.read_bytes()]}, [str(path)], [path.name])
            return
        source, mapping = open_other(self.bundle, path)
        mapping.pop(answer_field(self.task), None)
        if not mapping:
            raise UserError(
                "no column of the data fills an input of this model",
                where=str(path),
                expected=" or ".join(self.task.inputs),
                found=f"columns {', '.join(source.columns)}",
            )
        yield from self.encoder(mapping, source.root).chunks(source, least=self.batch_size)
        for note in source.notes():
            tell(note)

    def read(self, path: Path, needs_answer: bool = False) -> tuple[Dataset, list[Rejected]]:
        """Read and encode other data with its answers: the records of its test split if it is divided, else all."""
        source, mapping = open_other(self.bundle, path, needs_answer)
        chunks, _ = self.encoder(mapping, source.root).to_score(source)
        return gathered(self.task, chunks, str(path))

    def encoder(
        self, mapping: Columns, root: Path | None = None, slices: Sequence[str] = (), group: str | None = None
    ) -> RecordEncoder:
        """Return what encodes records for this model; `mapping` says which columns fill which field."""
        return RecordEncoder(self.task, self.states, mapping, root, slices, group)

    def stream(self, record: Mapping[str, Any], root: Path | None = None, **settings: Any) -> Generator[Chunk]:
        """Answer one record piece by piece, as the model writes it; the last piece has `ended`.

        Settings (temperature, max_tokens, stop, ...) replace those of the job. Raises UserError at the first piece.

        >>> for piece in model.stream({"prompt": "To be"}, temperature=0.8, seed=1):
        ...     print(piece.content, end="")
        """
        (chunk,) = self._chunks_of([record], root)
        batch = chunk.records.batch(np.arange(1), self.device)
        yield from dispatch.stream(self.task.target, self.bundle.model.eval(), batch, self.states["target"], settings)

    def outputs(self, dataset: Dataset) -> Arrays:
        """Return the model's outputs for encoded records, in order."""
        from noria.pipeline.inference import outputs

        target, state = self.task.target, self.states["target"]
        return outputs(self.bundle.model, target, state, dataset, self.batch_size, self.device)

    def encode(self, values: Mapping[str, Values], root: Path | None) -> tuple[dict[str, Arrays], dict[int, str]]:
        """Encode each input's raw values; return the arrays by input, and why some records cannot be used."""
        return self.encoder({}, root).encode_inputs(values)

    def _chunks_of(self, records: Sequence[Mapping[str, Any]], root: Path | None) -> Iterator[EncodedChunk]:
        """Encode records that are in memory, RECORDS at a time; raise UserError for one that cannot be used."""
        columns = {name: self._column(name, records) for name in self.task.inputs}
        for start in range(0, len(records), RECORDS):
            numbers = np.arange(start, min(start + RECORDS, len(records)))
            values = {name: select(column, numbers) for name, column in columns.items()}
            wheres = [f"record {number}" for number in numbers]
            chunk = self.encoder({}, root).encode(values, wheres, list(map(str, numbers)))
            if chunk.rejected:
                raise UserError(chunk.rejected[0].reason, where=chunk.rejected[0].where)
            yield chunk

    def _column(self, name: str, records: Sequence[Mapping[str, Any]]) -> Values:
        modality = self.task.inputs[name]
        if modality.raw_type == "columns":
            tables = [_table(name, record) for record in records]
            columns = self.bundle.config["fields"][name]
            columns = [columns] if isinstance(columns, str) else columns
            self._need(columns, tables)
            return {column: [table[column] for table in tables] for column in columns}
        if not modality.is_optional:
            self._need([name], records)
        return [record.get(name) for record in records]

    def _need(self, names: Iterable[str], records: Sequence[Mapping[str, Any]]) -> None:
        for index, record in enumerate(records):
            for name in names:
                if name not in record:
                    near = nearest(name, map(str, record))
                    raise UserError(
                        f"the field {name!r} is missing",
                        where=f"record {index}",
                        found=", ".join(map(str, record)) or "no fields",
                        fix=f"call {near!r} {name!r}" if near else f"give it the key {name!r}",
                    )


def _table(name: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the columns of a record: in a field of their own, or at the top, where one may have the field's name."""
    own = record.get(name)
    return own if isinstance(own, Mapping) else record
