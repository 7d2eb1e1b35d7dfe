"""Answers to files on the command line: a file a record, or tables, folders and archives of records."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.store.disk import whole_file

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
PACKED = (".parquet", ".npz", ".zip", ".tar", ".tgz", ".gz", ".xz", ".bz2")  # always several records
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that begins so


def answer_paths(run: Path, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield one JSON object a record: where it stands and the answer, or the reason why there is none."""
    predictor = load(run)
    for path in paths:
        if not path.exists():
            raise UserError("there is no such file or folder", where=str(path))
        field = one_file_field(predictor, path)
        if field is not None:
            yield _one(predictor, field, path)
        else:
            yield from _many(predictor, path)


def one_file_field(predictor: Predictor, path: Path) -> str | None:
    """Return the field that a path fills as the one file of a record; None where it holds several records.

    A table in which no column fills the field may be one record itself: a series, a row a line. Raises UserError for
    what is neither.
    """
    inputs = predictor.task.inputs
    takes_file = [name for name, modality in inputs.items() if modality.takes == "file"]
    if not len(takes_file) == len(inputs) == 1 or not path.is_file() or path.suffix.lower() in PACKED:
        return None
    field = takes_file[0]
    if path.suffix.lower() not in TABLES:
        return field
    try:
        predictor.open(path)
    except UserError as error:
        reason = inputs[field].encode([path.read_bytes()], predictor.states["inputs"][field]).bad.get(0)
        if reason is None:
            return field
        found = f"as a table: {error.what}; as one {field}: {reason}"
        raise UserError("is neither a table of records nor one record", where=str(path), found=found) from error
    return None


def write_answers(answers: Iterator[dict[str, Any]], path: Path) -> str:
    """Write the answers as .jsonl or .csv, whole or not at all; return what to say."""
    if path.suffix not in (".jsonl", ".csv"):
        raise UserError("cannot write answers of this kind", where=str(path), expected=".jsonl or .csv")
    count = 0
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        write_row = csv.writer(file).writerow
        if path.suffix == ".csv":
            write_row(["where", "value", "confidence", "error"])
        for answer in answers:
            count += 1
            if path.suffix == ".csv":
                write_row([_cell(answer.get(key)) for key in ("where", "value", "confidence", "error")])
            else:
                file.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return f"wrote {count} answers to {path}"


def _one(predictor: Predictor, field: str, path: Path) -> dict[str, Any]:
    try:
        return {"where": str(path), **predictor.predict([{field: path.read_bytes()}])[0].as_json()}
    except UserError as error:
        return {"where": str(path), "error": error.what}


def _many(predictor: Predictor, path: Path) -> Iterator[dict[str, Any]]:
    dataset, bad = predictor.read(path)
    if len(dataset):
        given = predictor.task.target.decode(predictor.outputs(dataset), predictor.states["target"])
        for where, prediction in zip(dataset.wheres(), given, strict=True):
            yield {"where": where, **prediction.as_json()}
    for one in bad:
        yield {"where": one.where, "error": one.reason}


def _cell(value: Any) -> Any:
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA_STARTS) else text
