"""A loaded model that answers: the same way in Python, on the command line and behind the server.

Read next: encoder.py, other_data.py, inference.py.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from noria.contract import Task, answer_field, dispatch, streaming
from noria.contract.source import Source, reading
from noria.errors import UserError, did_you_mean
from noria.pipeline.bundle import TORCH, Bundle, load_bundle
from noria.pipeline.drift import Drift
from noria.pipeline.encoder import RECORDS, EncodedChunk, Piece, RecordEncoder, records_at_once
from noria.pipeline.familiarity import familiarities
from noria.pipeline.fields import Columns
from noria.pipeline.given import Fields, lacking, path_of, records_of, values_of
from noria.pipeline.other_data import one_file_field, open_other, read_otherwise
from noria.pipeline.parts import FOLDER, part_folder, with_parts
from noria.pipeline.predictions import Predictions
from noria.pipeline.prepared import Prepared
from noria.pipeline.worth import Worth
from noria.reporter import Terminal
from noria.sources.formats.frame import FRAME, Frame, FrameLike, is_frame
from noria.types import Arrays, Chunk, Dataset, Prediction, Rejected
from noria.units import size

# One record or many, as `Predictor.predict` says; what a list holds is looked at record by record.
Given: TypeAlias = "str | os.PathLike[str] | Mapping[str, object] | Iterable[object] | np.ndarray | FrameLike"
See: TypeAlias = Callable[[Arrays, Sequence[Prediction]], None]
SeeChunk: TypeAlias = Callable[[EncodedChunk, Arrays, Sequence[Prediction]], None]
OnBad: TypeAlias = Literal["raise", "skip"]
Precision: TypeAlias = Literal["float32", "bfloat16"]
MANY = 20  # records of one call of which it is said what is unlike training; of fewer the caller may ask


def load(
    path: str | os.PathLike[str], device: str | None = None, precision: str | None = None, engine: str | None = None
) -> Predictor:
    """Load the model of a run folder or a bundle onto a device, by default the GPU where there is one.

    precision: float32 or bfloat16; by default the job's `evaluate.precision`. engine: torch, or openvino, which answers
    on the CPU; by default the job's `evaluate.engine`.
    """
    from noria.pipeline.inference import pick_device

    if precision not in (None, *get_args(Precision)):
        raise UserError("there is no such precision", found=str(precision), expected=" or ".join(get_args(Precision)))
    if device not in (None, "cpu") and engine not in (None, TORCH):
        raise UserError(f"{engine} answers on the CPU", found=f"device {device}", fix="leave the device out")
    device = device or str(pick_device())
    bundle = load_bundle(Path(path), device, precision, engine)
    device = device if bundle.engine == TORCH else "cpu"
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
    `row` is its place in the chunk as read; None where it could not even be read.
    """

    where: str
    id: str = ""
    prediction: Prediction | None = None
    reason: str = ""
    chunk: EncodedChunk | None = None
    index: int = 0
    row: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that stands for the record in a file of answers."""
        return {"where": self.where, **(self.prediction.as_json() if self.prediction else {"error": self.reason})}

    def kept(self, names: str | None) -> dict[str, Any]:
        """Return the record's own cells in some columns: named with commas between them, or in `all`.

        None stands for all of texts and numbers. A record that could not even be read has empty cells. Raises
        UserError for a column that is not there.
        """
        columns = {} if self.chunk is None else self.chunk.columns
        if names is None:
            wanted = [] if self.chunk is None else self.chunk.columns_of_cells
        else:
            wanted = list(columns) if names == "all" else [name.strip() for name in names.split(",")]
        if missing := [name for name in wanted if name not in columns]:
            raise UserError(
                f"there is no column {missing[0]!r} to keep",
                where=self.where,
                found=f"columns {', '.join(columns)}" if columns else "a record that is not of a table",
                fix=did_you_mean(missing[0], columns),
            )
        return {name: None if self.row is None else _plain(columns[name][self.row]) for name in wanted}


class Predictor:
    """A model and all that turns records into its inputs and its outputs into answers.

    >>> model = noria.load("runs/digits")
    >>> model.predict("seven.png")[0].value
    '7'
    """

    def __init__(self, bundle: Bundle, device: str = "cpu", parts: Mapping[str, Predictor] | None = None) -> None:
        self.bundle, self.device = bundle, device
        self.task, self.states = bundle.task, with_parts(bundle.states, parts or {})
        self.worth = Worth.of(bundle.task, bundle.states)
        self.network = bundle.model
        if bundle.engine != TORCH:
            from noria.pipeline.engine import engine_network

            self.network = engine_network(bundle, self.states)
        self.batch_size = bundle.job.evaluate.batch_size

    def __repr__(self) -> str:
        """Return what the model is, in a line."""
        inputs = ", ".join(self.task.inputs)
        return f"<{self.bundle.job.task} from {self.bundle.path}: {inputs} -> {answer_field(self.task)}>"

    def predict(
        self, data: Given, root: str | os.PathLike[str] | None = None, *, on_bad: OnBad = "raise",
        drift: Drift | None = None, watch: Callable[[Iterable[EncodedChunk]], Iterable[EncodedChunk]] = iter,
    ) -> Predictions:  # fmt: skip
        """Answer records, one or many: the answers are a list in the order of the records, and have `to_frame()`.

        A record is a mapping by the task's fields or the training data's columns (of a table also at the top), or the
        value of the only input: a text, an array, a picture of Pillow. Several are a list, a frame of pandas, polars or
        pyarrow, or a path: of a file that is one record, of a table, of a folder. A field that takes a file is given
        its bytes, an array, a picture or a path; with `root`, only paths below it.

        on_bad: `raise` a UserError that names the first record that cannot be used, or `skip` it: its answer then keeps
        its place, with None as the value and the reason beside it. drift: what is shown the records, and then has
        sentences on what of them is unlike the training data; without it those on many records go to standard error.
        watch: what else the encoded records pass through on their way.
        """
        if on_bad not in get_args(OnBad):
            raise UserError("on_bad says what becomes of a bad record", expected="raise or skip", found=repr(on_bad))
        chunks = self.encoded(data, root, Terminal().say)
        seen = drift or Drift(self.task, self.states)
        answers = list(self.answers(watch(seen.watch(usable(chunks) if on_bad == "raise" else chunks))))
        found = [one.prediction or Prediction(None, reason=one.reason) for one in answers]
        for sentence in seen.sentences() if drift is None and len(found) >= MANY else ():
            Terminal().say(f"unlike the training data: {sentence}")
        classes = dispatch.probability_names(self.task.target, self.states["target"])
        if not is_frame(data):
            return Predictions(found, classes)
        are_rows = all(one.where == f"{FRAME}:{row}" for row, one in enumerate(answers))
        return Predictions(found, classes, data, None if are_rows else [one.id or one.where for one in answers])

    def answers(self, chunks: Iterable[EncodedChunk], see: SeeChunk | None = None) -> Iterator[Answer]:
        """Answer encoded records chunk by chunk, in the order of the records; one that cannot be used has its reason.

        see: what else is shown a chunk, its outputs and the answers, as of `decoded`.

        >>> for answer in model.answers(model.chunks(Path("new.csv"))):
        ...     print(answer.where, answer.as_json())
        """
        for chunk in chunks:
            given = self.decoded(chunk.records, see and partial(see, chunk)) if len(chunk) else []
            rejected = iter(chunk.rejected)
            waiting = next(rejected, None)
            for index in range(len(chunk) + 1):
                while waiting is not None and waiting.before <= index:
                    yield Answer(waiting.where, reason=waiting.reason, chunk=chunk, row=waiting.index)
                    waiting = next(rejected, None)
                if index < len(chunk):
                    where, row = (chunk.records.places or [])[index], int(chunk.kept[index])
                    yield Answer(where, chunk.ids[index], given[index], chunk=chunk, index=index, row=row)

    def decoded(self, records: Dataset, see: See | None = None) -> list[Prediction]:
        """Return the answers to encoded records, with how near each is to training where an input can tell.

        see: what else is shown the outputs, with the pooled embeddings, and the answers.
        """
        output = self.outputs(records) if see is None else self.outputs_and_vectors(records)
        given = self.task.target.decode(output, self.states["target"])
        if see is not None:
            see(output, given)
        given = self.worth.answered(given, output) if self.worth else given
        for name, values in familiarities(self.task, self.states, records).items():
            given = [
                replace(one, details={**one.details, name: round(float(value), 4)})
                for one, value in zip(given, values, strict=True)
            ]
        return given

    def reading(self, overrides: Sequence[str]) -> Predictor:
        """Return the same model, told how to read other data: `data.fields.text=review`."""
        other = copy.copy(self)
        other.bundle = read_otherwise(self.bundle, overrides)
        return other

    def encoded(
        self,
        data: Given,
        root: str | os.PathLike[str] | None = None,
        tell: Callable[[str], None] = lambda _: None,
        at_once: int | None = None,
    ) -> Iterator[EncodedChunk]:
        """Encode whatever `predict` takes, chunk by chunk; `tell` is given what a person should know of a source.

        at_once: of how many records that are in memory a chunk is made at most.
        """
        if (path := path_of(self.bundle, data)) is not None:
            return self.chunks(path, tell)
        if is_frame(data):
            return self.chunks(data if isinstance(data, Frame) else Frame(data), tell)
        return self._chunks_of(records_of(self.bundle, data), None if root is None else Path(root), at_once)

    def chunks(
        self, given: str | os.PathLike[str] | Source, tell: Callable[[str], None] = lambda _: None
    ) -> Iterator[EncodedChunk]:
        """Encode all records of a path, chunk by chunk and without their answers: a file, a folder, a table.

        `tell` is given what a person should know of the source, one sentence each: files that were not read.
        """
        for piece in self.pieces(given, tell):
            yield piece.encode()

    def pieces(
        self, given: str | os.PathLike[str] | Source, tell: Callable[[str], None] = lambda _: None
    ) -> Iterator[Piece]:
        """Yield the records of a path as `chunks` divides them, each piece to be encoded or skipped."""
        path = given if isinstance(given, Source) else Path(given).expanduser()
        if isinstance(path, Path):
            if not path.exists():
                raise UserError("there is no such file or folder", where=str(path))
            field = one_file_field(self.bundle, path)
            if field is not None:
                yield self.encoder({}).single({field: path.read_bytes}, str(path), path.name)
                return
        source, mapping = open_other(self.bundle, path)
        mapping.pop(answer_field(self.task), None)
        if not mapping:
            raise UserError(
                "no column of the data fills an input of this model",
                where=str(source.path),
                expected=" or ".join(self.task.inputs),
                found=f"columns {', '.join(source.columns)}",
            )
        yield from self.encoder(mapping, source.root).pieces(source, least=self.batch_size)
        for note in source.notes():
            tell(note)

    def stamp(self, path: Path) -> str:
        """Return a cheap identity of the records of a path: another one once its files are others or have changed."""
        if path.exists() and one_file_field(self.bundle, path) is not None:
            with reading(path):
                status = path.stat()
            return f"{status.st_size} bytes, {status.st_mtime_ns}"
        return open_other(self.bundle, path)[0].stamp()

    def encoder(
        self, mapping: Columns, root: Path | None = None, slices: Sequence[str] = (), group: str | None = None
    ) -> RecordEncoder:
        """Return what encodes records for this model; `mapping` says which columns fill which field."""
        return RecordEncoder(self.task, self.states, mapping, root, slices, group)

    def stream(
        self, record: Mapping[str, object] | str, root: Path | None = None, **settings: object
    ) -> Generator[Chunk]:
        """Answer one record piece by piece, as the model writes it; the last piece has `ended`.

        The record is a mapping, as for `predict`, or the text that is the only input.

        Settings (temperature, max_tokens, stop, ...) replace those of the job. Raises UserError at the first piece.

        >>> for piece in model.stream("To be", temperature=0.8, seed=1):
        ...     print(piece.content, end="")
        """
        (chunk,) = usable(self._chunks_of(records_of(self.bundle, record), root))
        batch = chunk.records.batch(np.arange(1), self.device)
        yield from streaming.stream(self.task.target, self.bundle.model.eval(), batch, self.states["target"], settings)

    def outputs(self, dataset: Dataset) -> Arrays:
        """Return the model's outputs for encoded records, in order."""
        from noria.pipeline.inference import outputs

        target, state = self.task.target, self.states["target"]
        return outputs(self.network, target, state, dataset, self.batch_size, self.device)

    def outputs_and_vectors(self, dataset: Dataset) -> Arrays:
        """Return the model's outputs, and beside them the pooled embedding of each record, where the network has it."""
        from noria.pipeline.inference import outputs
        from noria.pipeline.pooling import Pooling

        target, state = self.task.target, self.states["target"]
        with Pooling(self.network) as pooling:
            return outputs(self.network, target, state, dataset, self.batch_size, self.device, pooling=pooling)

    def _chunks_of(
        self, records: Sequence[Fields], root: Path | None, at_once: int | None = None
    ) -> Iterator[EncodedChunk]:
        """Encode records that are in memory, as many at a time as of a source; one that lacks a field is rejected."""
        at_once = min(at_once or RECORDS, records_at_once(self.task))
        for start in range(0, len(records), at_once):
            numbers: list[int] = []
            bad: list[Rejected] = []
            for number in range(start, min(start + at_once, len(records))):
                if reason := lacking(self.bundle, records[number]):
                    bad.append(Rejected(f"record {number}", reason, len(numbers)))
                else:
                    numbers.append(number)
            some = [records[number] for number in numbers]
            values = {name: values_of(self.bundle, name, some, root) for name in self.task.inputs}
            wheres = [f"record {number}" for number in numbers]
            yield self.encoder({}, root).encode(values, wheres, list(map(str, numbers)), bad)


def _plain(cell: Any) -> Any:
    """Return a cell as JSON and tables can hold it; of what is neither text nor number, what a person reads."""
    cell = cell.item() if isinstance(cell, np.generic) else cell
    if isinstance(cell, bytes | bytearray | np.ndarray):
        return f"({size(len(bytes(cell)))})"
    if isinstance(cell, float) and cell != cell:
        return None
    return cell if isinstance(cell, str | int | float | list | dict | None) else str(cell)


def usable(chunks: Iterable[EncodedChunk]) -> Iterator[EncodedChunk]:
    """Yield the chunks; raise UserError for the first record that cannot be used."""
    for chunk in chunks:
        if chunk.rejected:
            raise UserError(chunk.rejected[0].reason, where=chunk.rejected[0].where)
        yield chunk
