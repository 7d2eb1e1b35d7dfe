"""A loaded model that answers: the same way in Python, on the command line and behind the server."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import answer_field
from noria.contract.source import Source
from noria.errors import UserError, did_you_mean
from noria.job.data import Data
from noria.pipeline.bundle import Bundle, load_bundle
from noria.pipeline.fields import Columns, encode_answer, encode_field, map_fields, open_path, values_of
from noria.sources.formats.opening import may_lack_header
from noria.types import Arrays, Bad, Dataset, Piece, Prediction, Rows, Values, concatenated


def load(path: str | Path, device: str | None = None, precision: str | None = None) -> Predictor:
    """Load the model of a run folder or a bundle onto a device, by default the GPU where there is one.

    precision: float32 or bfloat16; by default the job's `evaluate.precision`.
    """
    from noria.pipeline.inference import pick_device

    device = device or str(pick_device())
    return Predictor(load_bundle(Path(path), device, precision), device)


class Predictor:
    """A model and all that turns records into its inputs and its outputs into answers.

    >>> model = noria.load("runs/digits")
    >>> model.predict([{"image": open("seven.png", "rb").read()}])[0].value
    '7'
    """

    def __init__(self, bundle: Bundle, device: str = "cpu") -> None:
        self.bundle, self.device = bundle, device
        self.task, self.states = bundle.task, bundle.states
        self.batch_size = bundle.job.evaluate.batch_size

    def predict(self, records: Sequence[Mapping[str, Any]], root: Path | None = None) -> list[Prediction]:
        """Answer records, each a mapping of the task's fields (a table's columns may stand at the top level).

        A field that takes a file is given its bytes, an array, or a path below `root` (default: here). Raises UserError
        that names the first record that cannot be used.
        """
        if not records:
            return []
        inputs, bad = self.encode({name: self._column(name, records) for name in self.task.inputs}, root)
        if bad:
            index, reason = min(bad.items())
            raise UserError(reason, where=f"record {index}")
        return self.task.target.decode(self.outputs(Dataset(inputs, {})), self.states["target"])

    def stream(self, record: Mapping[str, Any], root: Path | None = None, **settings: Any) -> Generator[Piece]:
        """Answer one record piece by piece, as the model writes it; the last piece has `ended`.

        Settings (temperature, max_tokens, stop, ...) replace those of the job. Raises UserError at the first piece.

        >>> for piece in model.stream({"prompt": "To be"}, temperature=0.8, seed=1):
        ...     print(piece.text, end="")
        """
        inputs, bad = self.encode({name: self._column(name, [record]) for name in self.task.inputs}, root)
        if bad:
            raise UserError(bad[0], where="record 0")
        batch = Dataset(inputs, {}).batch(np.arange(1), self.device)
        yield from self.task.target.stream(self.bundle.model.eval(), batch, self.states["target"], settings)

    def outputs(self, dataset: Dataset) -> Arrays:
        """Return the model's outputs for encoded records, in order."""
        from noria.pipeline.inference import outputs

        target, state = self.task.target, self.states["target"]
        return outputs(self.bundle.model, target, state, dataset, self.batch_size, self.device)

    def encode(self, values: Mapping[str, Values], root: Path | None) -> tuple[dict[str, Arrays], dict[int, str]]:
        """Encode each input's raw values; return the arrays by input, and why some records cannot be used."""
        inputs: dict[str, Arrays] = {}
        bad: dict[int, str] = {}
        for name, modality in self.task.inputs.items():
            encoded = encode_field(modality, values[name], self.states["inputs"][name], root)
            inputs[name] = encoded.arrays
            prefix = f"{name}: " if len(self.task.inputs) > 1 else ""
            bad |= {index: prefix + reason for index, reason in encoded.bad.items()}
        return inputs, bad

    def read(self, path: Path, needs_answer: bool = False) -> tuple[Dataset, list[Bad]]:
        """Read and encode other data: the records of its test split if it is divided, else all of them."""
        source, fields = self.open(path, needs_answer)
        chunks, bad = [], []
        for rows in source.rows():
            chunks.append(rows)
            bad += rows.bad
        if any(rows.split == "test" for rows in chunks):
            chunks = [rows for rows in chunks if rows.split == "test"]
        parts = [self._encode_rows(rows, fields, source.root, bad) for rows in chunks]
        if not parts:
            raise UserError("there are no usable records", where=str(path))
        inputs = {
            name: {key: concatenated([part[0][name][key] for part in parts]) for key in parts[0][0][name]}
            for name in self.task.inputs
        }
        target = {key: concatenated([part[1][key] for part in parts]) for key in parts[0][1]}
        wheres = [where for part in parts for where in part[2]]
        return self.task.view(Dataset(inputs, target, places=wheres)), bad

    def open(self, path: Path, needs_answer: bool = False) -> tuple[Source, Columns]:
        """Return the reader of other data, and which of its columns fill which field.

        Without a header, a table may have all columns of the training data, or all but the answer's.
        """
        data = self.data_of(path)
        if needs_answer:
            source = open_path(path, self.task, data)
        else:
            data = data.model_copy(update={"names": None})
            try:
                source = open_path(path, self.task, data)
            except UserError as error:
                answer = self.bundle.config["fields"].get(answer_field(self.task))
                if answer not in (data.columns or ()):
                    raise
                rest = [name for name in data.columns or () if name != answer]
                try:
                    source = open_path(path, self.task, data.model_copy(update={"columns": rest}))
                except UserError:
                    raise error from None
        return source, map_fields(source.columns, self.task, self._named(), needs_answer)

    def data_of(self, path: Path) -> Data:
        """Return what the job says of its data, as far as it can be true of another path."""
        data = self.bundle.job.data
        return data.model_copy(
            update={
                "columns": data.columns if may_lack_header(path) else None,
                "splits": data.splits if path.is_dir() else {},
            }
        )

    def _named(self) -> dict[str, str | list[str]]:
        """Return which columns fill which field: as the job says, and for tables those that training saw."""
        known = self.bundle.config["fields"]
        tables = {name: known[name] for name, modality in self.task.inputs.items() if modality.takes == "columns"}
        return {**self.bundle.job.data.fields, **tables}

    def _encode_rows(
        self, rows: Rows, fields: Any, root: Path, bad: list[Bad]
    ) -> tuple[dict[str, Arrays], Arrays, list[str]]:
        answer = answer_field(self.task)
        inputs, unusable = self.encode({name: values_of(rows, fields.get(name)) for name in self.task.inputs}, root)
        target: Arrays = {}
        if answer in fields:
            values = values_of(rows, fields[answer])
            encoded = encode_answer(self.task, values, self.states["target"], inputs, root)
            target = encoded.arrays
            unusable = {**encoded.bad, **unusable}
        bad += [Bad(rows.where(i), reason) for i, reason in sorted(unusable.items())]
        keep = np.array([i for i in range(len(rows)) if i not in unusable], np.int64)
        inputs = {name: {key: values[keep] for key, values in arrays.items()} for name, arrays in inputs.items()}
        return inputs, {key: values[keep] for key, values in target.items()}, [rows.where(int(i)) for i in keep]

    def _column(self, name: str, records: Sequence[Mapping[str, Any]]) -> Values:
        modality = self.task.inputs[name]
        if modality.takes == "columns":
            tables = [record.get(name, record) for record in records]
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
                    raise UserError(
                        f"the field {name!r} is missing",
                        where=f"record {index}",
                        found=", ".join(map(str, record)) or "no fields",
                        mend=did_you_mean(name, map(str, record)),
                    )
