"""What other data than that of training is to a trained model: one record, or a source of many with known columns.

Knows no task and no format. Read next: predictor.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from noria.contract import answer_field, dispatch
from noria.contract.source import Source
from noria.errors import UserError
from noria.job.data import Data
from noria.job.load import load_job
from noria.job.renamed import with_new_names
from noria.pipeline.bundle import Bundle
from noria.pipeline.fields import Columns, listed, map_fields, open_path
from noria.sources.core.layout import WORKBOOK_SUFFIXES
from noria.sources.formats.opening import TEXT_SUFFIXES, may_lack_header
from noria.sources.formats.text_lines import TextLines

TABLES = (".csv", ".tsv", ".tab", ".data", ".jsonl", ".ndjson")
PACKED = (".parquet", ".npz", ".zip", ".tar", ".tgz", ".gz", ".xz", ".bz2", *WORKBOOK_SUFFIXES)  # several records


def open_other(bundle: Bundle, given: Path | Source, needs_answer: bool = False) -> tuple[Source, Columns]:
    """Return the reader of other data, and which of its columns fill which field.

    Without a header, a table may have all columns of the training data, or all but the answer's.
    """
    if isinstance(given, Source):
        source = dispatch.gathered(bundle.task, given, _whole(bundle.job.data, needs_answer).gathering())
    else:
        source = _open(bundle, given, needs_answer)
    return source, mapping_of(bundle, source, needs_answer)


def mapping_of(bundle: Bundle, source: Source, needs_answer: bool = False) -> Columns:
    """Return which columns of an open source fill which field."""
    return map_fields(source.columns, bundle.task, _named(bundle, source.columns), needs_answer)


def _open(bundle: Bundle, path: Path, needs_answer: bool) -> Source:
    data, task = _whole(data_of(bundle, path), needs_answer), bundle.task
    if not needs_answer and (lines := _lines(bundle, path, data)) is not None:
        return lines
    if not needs_answer:
        data = data.model_copy(update={"names": None})
    try:
        return open_path(path, task, data)
    except UserError as error:
        answer = bundle.config["fields"].get(answer_field(task))
        answers = {*listed(answer or ())}
        if needs_answer or not answers & {*(data.columns or ())}:
            raise
        rest = [name for name in data.columns or () if name not in answers]
        try:
            return open_path(path, task, data.model_copy(update={"columns": rest}))
        except UserError:
            raise error from None


def _whole(data: Data, needs_answer: bool) -> Data:
    """Return how data is read: where no answer is asked for, nothing within a record is held back."""
    whole = data.split.model_copy(update={"within": None, "lines": 0})
    return data if needs_answer else data.model_copy(update={"split": whole})


def _lines(bundle: Bundle, path: Path, data: Data) -> Source | None:
    """Return a text file of which each line is a record, where the model takes nothing but a text; else None.

    A file in a format that the task has of its own stays what it is: CoNLL's columns of words.
    """
    field = text_field(bundle)
    if field is None or data.columns is not None or not path.name.lower().endswith(TEXT_SUFFIXES):
        return None
    try:
        own = dispatch.read(bundle.task, path, data.encoding, data.fields)
    except UserError:  # it is not in that format
        own = None
    return None if own is not None and field in own.columns else TextLines(path, field, encoding=data.encoding)


def text_field(bundle: Bundle) -> str | None:
    """Return the only input of a model that takes one cell a record, as a text is; else None."""
    cells = [name for name, modality in bundle.task.inputs.items() if modality.raw_type == "cell"]
    return cells[0] if len(cells) == len(bundle.task.inputs) == 1 else None


def data_of(bundle: Bundle, path: Path) -> Data:
    """Return what the job says of its data, as far as it can be true of another path."""
    data = bundle.job.data
    columns = data.columns if may_lack_header(path) else None
    splits = data.splits if path.is_dir() else {}
    split = data.split.model_copy(update={"file": None})  # which names the records of training
    changed = {"columns": columns, "splits": splits, "split": split, "more": [], "fields": _named(bundle, ())}
    return data.model_copy(update=changed)


def read_otherwise(bundle: Bundle, overrides: Sequence[str]) -> Bundle:
    """Return the bundle with overrides of its job's section `data`, checked as those of a job are."""
    if not overrides:
        return bundle
    job, _ = load_job(with_new_names(bundle.config["job"]), overrides)
    for name, modality in bundle.task.inputs.items():
        if modality.raw_type == "columns" and job.data.fields.get(name) != bundle.job.data.fields.get(name):
            raise UserError(
                "the columns of a table are those of training, by their names",
                where=f"data.fields.{name}",
                fix="rename the columns of the new data",
            )
    return replace(bundle, job=job)


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


def columns_of(bundle: Bundle, name: str) -> list[str]:
    """Return the columns that filled an input in training; none where it was filled by none."""
    known = bundle.config.get("fields", {}).get(name, [])
    return [known] if isinstance(known, str) else list(known)


def needed_columns_of(bundle: Bundle, name: str) -> list[str]:
    """Return those of the columns that filled an input in training without which nothing can be answered."""
    read = dispatch.columns_read(bundle.task.inputs[name], bundle.states["inputs"][name], columns_of(bundle, name))
    return [column for column in columns_of(bundle, name) if column in read]


def _named(bundle: Bundle, columns: Sequence[str]) -> dict[str, str | list[str]]:
    """Return which columns fill which field: as the job says, and for tables those that training saw.

    Data that lacks what the job of training names may have a column that is called like the field; what is said of
    this data itself holds, and so do several columns of which it has some.
    """
    tables: dict[str, str | list[str]] = {}
    for name, modality in bundle.task.inputs.items():
        if modality.raw_type == "columns":
            needed = needed_columns_of(bundle, name)
            tables[name] = [one for one in columns_of(bundle, name) if one in needed or one in columns]
    before = with_new_names(bundle.config["job"]).get("data", {}).get("fields", {})
    said = {
        name: named
        for name, named in bundle.job.data.fields.items()
        if name not in columns or named != before.get(name) or {*listed(named)} & {*columns}
    }
    return {**said, **tables}
