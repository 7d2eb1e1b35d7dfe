"""Where answers go: lines of JSON, a table, a folder of drawn pictures, one file. Each takes answers as they come.

Nothing is kept but the answer at hand, and a file is whole or not there. What can be drawn and which format an answer
has of its own the target says (Target.draw, Target.file). Knows no task. Read next: answer_table.py, predictor.py.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import dispatch
from noria.errors import UserError
from noria.pipeline.answer_table import AnswerTable
from noria.pipeline.predictor import Answer, Predictor
from noria.store.disk import whole_file
from noria.types.records import SUFFIXES
from noria.vision.levels import LEVELS
from noria.vision.pictures import NOTHING_LEARNT, read_picture

LINES = (".jsonl", ".csv")
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
ANSWERS = "answers.jsonl"  # beside the drawn pictures of a folder


def check_suffix(predictor: Predictor, out: Path) -> None:
    """Raise UserError for a file that no answer of this model can be, before anything is answered."""
    suffix = out.suffix.lower()
    if suffix in ("", *LINES, *PICTURES, *SUFFIXES.values()) or dispatch.can_export(predictor.task.target):
        return
    raise UserError(
        f"answers are not written as {suffix}",
        where=str(out),
        expected=f"{', '.join(LINES)}, a folder, or {', '.join(PICTURES)} for one that can be drawn on a picture",
    )


def write_answers(
    answers: Iterable[Mapping[str, Any]], path: Path, classes: Sequence[str] = (), must_agree: bool = True
) -> str:
    """Write the answers as .jsonl or .csv, whole or not at all; return what to say.

    In a table each of `classes` has a column for its probability, and what stands under `kept` of an answer has one,
    too; of inputs that do not have the same columns, those of the first, unless they `must_agree`. Raises UserError
    where there is no answer at all; the file then has the reasons.
    """
    suffix = path.suffix.lower()
    if suffix not in LINES:
        raise UserError("cannot write answers of this kind", where=str(path), expected=" or ".join(LINES))
    counts = Counted(answers)
    left_out: Iterable[str] = ()
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            table = AnswerTable(csv.writer(file).writerow, classes, must_agree)
            for answer in counts:
                table.write(answer)
            left_out = table.left_out
        else:
            file.writelines(map(_line, counts))
    counts.check(str(path))
    bad = f"; {counts.num_bad} could not be answered: their lines say why" if counts.num_bad else ""
    others = f"; not kept, as the first input has no such column: {', '.join(left_out)}" if left_out else ""
    return f"wrote {counts.count - counts.num_bad} answers to {path}{bad}{others}"


class Counted:
    """Answers as JSON objects, counted while they pass by."""

    def __init__(self, answers: Iterable[Mapping[str, Any]]) -> None:
        self._answers = answers
        self.count = self.num_bad = 0
        self._first = ""

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for answer in self._answers:
            self.count += 1
            self.num_bad += "error" in answer
            self._first = self._first or (f"{answer['where']}: {answer['error']}" if "error" in answer else "")
            yield answer

    def check(self, where: str = "") -> None:
        """Raise UserError where there were answers to none of the records."""
        _check_any(self.count - self.num_bad, self.num_bad, where, self._first)


def _check_any(num_good: int, num_bad: int, where: str, reason: str) -> None:
    """Raise UserError where nothing was answered."""
    if not num_good:
        what = "no record could be answered" if num_bad else "there is no record to answer"
        raise UserError(what, where=where, found=reason if num_bad else "")


def draw_answers(predictor: Predictor, answers: Iterator[Answer], out: Path) -> str:
    """Draw each answer on its picture, or write the sound or picture that it is, into a folder.

    All answers stand there too, a line each, or why there is none. Returns what to say.
    """
    num_drawn = num_plain = num_bad = 0
    taken: set[Path] = set()
    with whole_file(out / ANSWERS) as temporary, temporary.open("w", encoding="utf-8") as lines:
        for answer in answers:
            lines.write(_line({key: value for key, value in answer.as_json().items() if key != "media"}))
            if answer.prediction is None:
                num_bad += 1
                continue
            media = answer.prediction.media
            drawn = _drawn(predictor, answer) if media is None else None
            if media is not None:
                suffix, data = media.suffix, media.data
            elif drawn is not None:
                suffix, data = ".png", _encoded(drawn, ".png")
            else:
                num_plain += 1
                continue
            with whole_file(_free_place(out, answer.id, suffix, taken)) as file:
                file.write_bytes(data)
            num_drawn += 1
    _check_any(num_drawn + num_plain, num_bad, str(out), f"{out / ANSWERS} says why")
    bad = f"; {num_bad} could not be answered: {out / ANSWERS} says why" if num_bad else ""
    plain = f"; {num_plain} are nothing to draw and stand in {out / ANSWERS} alone" if num_plain else ""
    return f"drew {num_drawn} answers into {out}{plain}{bad}"


def write_one(predictor: Predictor, answers: Iterator[Answer], out: Path) -> str:
    """Write the only answer in a format of its own, or drawn on its picture; return what to say."""
    answer = next(answers, None)
    if answer is None:
        raise UserError("there is no record to answer", where=str(out))
    if next(answers, None) is not None:
        raise UserError("one file holds one answer", where=str(out), fix="give a folder, or a .jsonl or .csv file")
    if answer.prediction is None:
        raise UserError(answer.reason, where=answer.where)
    suffix = out.suffix.lower()
    media = answer.prediction.media
    data = dispatch.export(predictor.task.target, answer.prediction, suffix)
    if media is not None and suffix == media.suffix:
        data = media.data
    if data is None and suffix in PICTURES:
        drawn = _drawn(predictor, answer)
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


def _drawn(predictor: Predictor, answer: Answer) -> np.ndarray | None:
    """Return the record's first picture with the answer on it; None where there is none, or nothing to draw."""
    assert answer.chunk is not None
    assert answer.prediction is not None
    raw = answer.chunk.raw(answer.index, predictor.task)
    for name, modality in predictor.task.inputs.items():
        if modality.raw_type == "file":
            try:
                levels = predictor.states["inputs"][name].get(LEVELS, NOTHING_LEARNT)
                picture = read_picture(raw[name], levels)
            except ValueError:
                continue
            return dispatch.render(predictor.task.target, picture, answer.prediction.value, predictor.states["target"])
    return None


def _free_place(out: Path, name: str, suffix: str, taken: set[Path]) -> Path:
    """Return where a record's picture or sound goes: by its name, numbered where others of the same name go there."""
    stem = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    place, number = out / f"{stem}{suffix}", 1
    while place in taken:
        number += 1
        place = out / f"{stem}-{number}{suffix}"
    taken.add(place)
    return place


def _encoded(picture: np.ndarray, suffix: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, PICTURES[suffix], quality=92)
    return file.getvalue()


def _line(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False) + "\n"
