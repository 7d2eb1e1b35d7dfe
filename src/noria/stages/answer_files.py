"""Answers as files that a person opens: pictures with the answer drawn on them, or the answer's own format.

What can be drawn and what format there is the target says (Target.draw, Target.file). Knows no task. Read next:
answers.py, film.py.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import UserError
from noria.pipeline.fields import values_of
from noria.pipeline.predictor import Predictor, load
from noria.sources.core.named_file import read_file
from noria.stages.answers import one_file_field
from noria.store.disk import whole_file
from noria.types import Bad, Prediction
from noria.vision.pictures import read_picture

LINES = (".jsonl", ".csv")
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
ANSWERS = "answers.jsonl"  # beside the drawn pictures of a folder


def write_files(run: Path, paths: Sequence[Path], out: Path) -> str:
    """Write answers to `out`: a folder of drawn pictures, one drawn picture, or one answer in a format of its own.

    A folder also gets all answers, a line each, with the reason where there is none. Returns what to say.
    """
    predictor = load(run)
    records = ((path, *one) for path in paths for one in _records(predictor, path))
    return _write_one(predictor, records, out) if out.suffix else _write_folder(predictor, records, out)


Found = tuple[Path, str, "Mapping[str, Any] | Bad"]


def _write_folder(predictor: Predictor, records: Iterator[Found], out: Path) -> str:
    lines, num_drawn, num_bad = [], 0, 0
    taken: set[Path] = set()
    for path, name, fields in records:
        where = str(path) if name == path.name else f"{path.name}/{name}"
        answer = _answered(predictor, fields)
        if isinstance(answer, Bad):
            num_bad += 1
            lines.append({"where": where, "error": answer.reason})
            continue
        lines.append({"where": where, **answer.as_json()})
        assert not isinstance(fields, Bad)
        drawn = _drawn(predictor, fields, answer.value)
        if drawn is None:
            raise UserError("answers of this kind cannot be drawn", expected="--out FILE.jsonl or .csv", where=str(out))
        place = _free_place(out, name, taken)
        with whole_file(place) as file:
            file.write_bytes(_encoded(drawn, ".png"))
        num_drawn += 1
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    with whole_file(out / ANSWERS) as file:
        file.write_bytes(text.encode())
    bad = f"; {num_bad} could not be answered: {out / ANSWERS} says why" if num_bad else ""
    return f"drew {num_drawn} answers into {out}{bad}"


def _free_place(out: Path, name: str, taken: set[Path]) -> Path:
    """Return where a record's picture goes: by its name, numbered where others of the same name are drawn there."""
    stem = name[:-4] if name.lower().endswith(".png") else name
    place, number = out / f"{stem}.png", 1
    while place in taken:
        number += 1
        place = out / f"{stem}-{number}.png"
    taken.add(place)
    return place


def _write_one(predictor: Predictor, records: Iterator[Found], out: Path) -> str:
    path, _, fields = next(records)
    if next(records, None) is not None:
        raise UserError("one file holds one answer", where=str(out), mend="give a folder, or a .jsonl or .csv file")
    answer = _answered(predictor, fields)
    if isinstance(answer, Bad):
        raise UserError(answer.reason, where=str(path))
    assert not isinstance(fields, Bad)
    suffix = out.suffix.lower()
    data = predictor.task.target.file(answer.value, suffix)
    if data is None and suffix in PICTURES:
        drawn = _drawn(predictor, fields, answer.value)
        data = None if drawn is None else _encoded(drawn, suffix)
    if data is None:
        raise UserError(
            "cannot write an answer of this kind so",
            where=str(out),
            expected=f"{', '.join(LINES)}, a folder or {', '.join(PICTURES)} where it can be drawn on a picture",
        )
    with whole_file(out) as file:
        file.write_bytes(data)
    return f"wrote the answer to {out}"


def _records(predictor: Predictor, path: Path) -> Iterator[tuple[str, Mapping[str, Any] | Bad]]:
    """Yield the name of each record of a path and its raw fields, or why it cannot be read."""
    if not path.exists():
        raise UserError("there is no such file or folder", where=str(path))
    field = one_file_field(predictor, path)
    if field is not None:
        yield path.name, {field: path.read_bytes()}
        return
    source, mapping = predictor.open(path)
    for rows in source.rows():
        values = {name: values_of(rows, mapping.get(name)) for name in predictor.task.inputs}
        for i in range(len(rows)):
            number = rows.numbers[i]
            yield (
                (number if isinstance(number, str) else str(number)),
                {name: _file(predictor, name, _cell(column, i), source.root) for name, column in values.items()},
            )
        for one in rows.bad:
            yield one.where, one


def _cell(column: Any, index: int) -> Any:
    if isinstance(column, Mapping):
        return {name: cells[index] for name, cells in column.items()}
    return column[index]


def _file(predictor: Predictor, name: str, value: Any, root: Path) -> Any:
    """Return the bytes of the file that a cell names; what cannot be read stays, for `predict` to refuse."""
    if predictor.task.inputs[name].takes != "file" or not isinstance(value, str):
        return value
    try:
        return read_file(root, value)
    except ValueError:
        return value


def _answered(predictor: Predictor, fields: Mapping[str, Any] | Bad) -> Prediction | Bad:
    if isinstance(fields, Bad):
        return fields
    try:
        return predictor.predict([fields])[0]
    except UserError as error:
        return Bad(error.where, error.what)


def _drawn(predictor: Predictor, fields: Mapping[str, Any], answer: Any) -> np.ndarray | None:
    """Return the record's first picture with the answer on it; None where there is none, or nothing to draw."""
    for name, modality in predictor.task.inputs.items():
        if modality.takes == "file":
            try:
                picture = read_picture(fields[name])
            except ValueError:
                continue
            return predictor.task.target.draw(picture, answer, predictor.states["target"])
    return None


def _encoded(picture: np.ndarray, suffix: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, PICTURES[suffix], quality=92)
    return file.getvalue()
