"""What other data than that of training is to a trained model: one record, or a source of many with known columns.

Knows no task and no format. Read next: predictor.py.
"""

from __future__ import annotations

from pathlib import Path

from noria.contract import answer_field
from noria.contract.source import Source
from noria.errors import UserError
from noria.job.data import Data
from noria.pipeline.bundle import Bundle
from noria.pipeline.fields import Columns, map_fields, open_path
from noria.sources.core.layout import WORKBOOK_SUFFIXES
from noria.sources.formats.opening import may_lack_header

TABLES = (".csv", ".tsv", ".tab", ".data", ".jsonl", ".ndjson")
PACKED = (".parquet", ".npz", ".zip", ".tar", ".tgz", ".gz", ".xz", ".bz2", *WORKBOOK_SUFFIXES)  # several records


def open_other(bundle: Bundle, path: Path, needs_answer: bool = False) -> tuple[Source, Columns]:
    """Return the reader of other data, and which of its columns fill which field.

    Without a header, a table may have all columns of the training data, or all but the answer's.
    """
    data, task = data_of(bundle, path), bundle.task
    if not needs_answer:
        data = data.model_copy(update={"names": None})
    try:
        source = open_path(path, task, data)
    except UserError as error:
        answer = bundle.config["fields"].get(answer_field(task))
        if needs_answer or answer not in (data.columns or ()):
            raise
        rest = [name for name in data.columns or () if name != answer]
        try:
            source = open_path(path, task, data.model_copy(update={"columns": rest}))
        except UserError:
            raise error from None
    return source, map_fields(source.columns, task, _named(bundle), needs_answer)


def data_of(bundle: Bundle, path: Path) -> Data:
    """Return what the job says of its data, as far as it can be true of another path."""
    data = bundle.job.data
    columns = data.columns if may_lack_header(path) else None
    splits = data.splits if path.is_dir() else {}
    return data.model_copy(update={"columns": columns, "splits": splits, "fields": _named(bundle)})


def one_file_field(bundle: Bundle, path: Path) -> str | None:
    """Return the field that a path fills as the one file of a record; None where it holds several records.

    A table in which no column fills the field may be one record itself: a series, a row a line. Raises UserError for
    what is neither.
    """
    inputs = bundle.task.inputs
    takes_file = [name for name, modality in inputs.items() if modality.raw_type == "file"]
    if not len(takes_file) == len(inputs) == 1 or not path.is_file() or path.suffix.lower() in PACKED:
        return None
    field = takes_file[0]
    if path.suffix.lower() not in TABLES:
        return field
    try:
        open_other(bundle, path)
    except UserError as error:
        reason = inputs[field].encode([path.read_bytes()], bundle.states["inputs"][field]).bad.get(0)
        if reason is None:
            return field
        found = f"as a table: {error.what}; as one {field}: {reason}"
        raise UserError("is neither a table of records nor one record", where=str(path), found=found) from error
    return None


def _named(bundle: Bundle) -> dict[str, str | list[str]]:
    """Return which columns fill which field: as the job says, and for tables those that training saw."""
    known = bundle.config["fields"]
    tables = {name: known[name] for name, modality in bundle.task.inputs.items() if modality.raw_type == "columns"}
    return {**bundle.job.data.fields, **tables}
