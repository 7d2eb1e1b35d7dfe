"""Where answers go: lines of JSON, a table, a folder of drawn pictures, one file. Each takes answers as they come.

Nothing is kept but the answer at hand, and a file is whole or not there. What can be drawn and which format an answer
has of its own the target says (Target.draw, Target.file). Knows no task. Read next: answer_table.py, predictor.py.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import dispatch
from noria.errors import UserError
from noria.pipeline.answer_table import AnswerTable
from noria.pipeline.predictor import Answer, Predictor
from noria.store.disk import whole_file
from noria.types.records import SUFFIXES, Prediction
from noria.vision.levels import LEVELS
from noria.vision.pictures import NOTHING_LEARNT, read_picture

LINES = (".jsonl", ".csv")
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
ANSWERS = "answers.jsonl"  # beside the drawn pictures of a folder
EACH = "*"  # in the place of a file's name: a file of each answer


def check_suffix(predictor: Predictor, out: Path) -> None:
    """Raise UserError for a file that no answer of this model can be, before anything is answered."""
    suffix, own = out.suffix.lower(), dispatch.media_type(predictor.task.target)
    media = SUFFIXES.values() if own is None else [SUFFIXES[own]]
    if suffix in ("", *LINES, *PICTURES, *media) or dispatch.can_export(predictor.task.target):
        return
    raise UserError(
        f"answers are not written as {suffix}",
        where=str(out),
        expected=_endings(predictor),
    )


def _endings(predictor: Predictor) -> str:
    """Return what answers can be written as: the ending of the sound or picture that they are comes first."""
    own = SUFFIXES.get(dispatch.media_type(predictor.task.target) or "")
    drawn = f"{', '.join(PICTURES)} for one that can be drawn on a picture"
    return f"{own}, {', '.join(LINES)} or a folder" if own else f"{', '.join(LINES)}, a folder, or {drawn}"


def is_each(out: Path) -> bool:
    """Say whether a path asks for a file of each answer: subs/*.srt."""
    return out.stem == EACH and bool(out.suffix)


def folder_of(out: Path) -> Path:
    """Return the folder where the files of answers go: `out`, or subs of subs/*.srt."""
    return out.parent if is_each(out) else out


def write_answers(
    answers: Iterable[Mapping[str, Any]], path: Path, classes: Sequence[str] = (), must_agree: bool = True
) -> str:
    """Write the answers as .jsonl or .csv, whole or not at all; return what to say.

    In a table each of `classes` has a column for its probability, and what stands under `kept` of an answer has one,
    too; of inputs that do not have the same columns, those of the first, unless they `must_agree`. Raises UserError
    where there is no answer at all; the file then has the reasons.
    """
    counts = Counted(answers)
    left_out = write_lines(counts, path, classes, must_agree)
    counts.check(str(path))
    bad = f"; {counts.num_bad} could not be answered: their lines say why" if counts.num_bad else ""
    others = f"; not kept, as the first input has no such column: {', '.join(left_out)}" if left_out else ""
    return f"wrote {counts.count - counts.num_bad} answers to {path}{bad}{others}"


def write_lines(
    answers: Iterable[Mapping[str, Any]], path: Path, classes: Sequence[str] = (), must_agree: bool = True
) -> list[str]:
    """Write what `write_answers` writes, be there answers or only reasons; return the columns that were left out."""
    suffix = path.suffix.lower()
    if suffix not in LINES:
        raise UserError("cannot write answers of this kind", where=str(path), expected=" or ".join(LINES))
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            table = AnswerTable(csv.writer(file).writerow, classes, must_agree)
            for answer in answers:
                table.write(answer)
            table.finish()
            return list(table.left_out)
        file.writelines(map(line_of, answers))
    return []


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


@dataclass(frozen=True)
class DrawnAnswer:
    """An answer for a folder: its JSON object, and the file that it is besides, named after its record, if any.

    is_media: the file is the answer itself, and not a drawing of it.
    """

    content: Mapping[str, Any]
    name: str = ""
    suffix: str = ""
    data: bytes | None = None
    is_media: bool = False

    @property
    def is_bad(self) -> bool:
        """Say whether it is the reason why there is no answer."""
        return "error" in self.content


def drawn_answer(predictor: Predictor, answer: Answer, out: Path) -> DrawnAnswer:
    """Draw an answer on its picture, or write the sound or picture that it is, for a folder or as subs/*.srt asks."""
    content = {key: value for key, value in answer.as_json().items() if key != "media"}
    if answer.prediction is None:
        return DrawnAnswer(content)
    asked, media = out.suffix.lower() if is_each(out) else "", answer.prediction.media
    suffix = asked or (".png" if media is None else media.suffix)
    data = _written(predictor, answer, suffix)
    if data is None and asked:
        raise UserError(f"answers are not written as {asked}", where=str(out.parent), expected=_endings(predictor))
    return DrawnAnswer(content, answer.id, suffix, data, media is not None)


def draw_answers(predictor: Predictor, answers: Iterator[Answer], out: Path) -> str:
    """Draw each answer on its picture, or write the sound or picture that it is, into a folder.

    `out` may say of which ending they are to be, as subs/*.srt. All answers stand there too, a line each, or why there
    is none. Returns what to say.
    """
    folder = folder_of(out)
    num_drawn = num_plain = num_bad = 0
    verb = "drew"
    taken: set[Path] = set()
    with whole_file(folder / ANSWERS) as temporary, temporary.open("w", encoding="utf-8") as lines:
        for answer in answers:
            one = drawn_answer(predictor, answer, out)
            lines.write(line_of(one.content))
            num_bad += one.is_bad
            num_plain += not one.is_bad and one.data is None
            if one.data is None:
                continue
            verb = "wrote" if is_each(out) or one.is_media else verb
            with whole_file(free_place(folder, one.name, one.suffix, taken)) as file:
                file.write_bytes(one.data)
            num_drawn += 1
    lines_file = folder / ANSWERS
    _check_any(num_drawn + num_plain, num_bad, str(folder), f"{lines_file} says why")
    bad = f"; {num_bad} could not be answered: {lines_file} says why" if num_bad else ""
    plain = f"; {num_plain} are nothing to draw or to play and stand in {lines_file} alone" if num_plain else ""
    return f"{verb} {num_drawn} answers into {folder}{plain}{bad}"


def write_one(predictor: Predictor, answers: Iterator[Answer], out: Path) -> str:
    """Write the only answer in a format of its own, or drawn on its picture; return what to say."""
    answer = next(answers, None)
    if answer is None:
        raise UserError("there is no record to answer", where=str(out))
    if next(answers, None) is not None:
        each = out.with_suffix("") / f"{EACH}{out.suffix}"
        fix = f"a file of each answer: --out '{each}'; or give a folder, or a .jsonl or .csv file"
        raise UserError("one file holds one answer", where=str(out), fix=fix)
    if answer.prediction is None:
        raise UserError(answer.reason, where=answer.where)
    data = _written(predictor, answer, out.suffix.lower())
    if data is None:
        raise UserError("cannot write an answer of this kind so", where=str(out), expected=_endings(predictor))
    with whole_file(out) as file:
        file.write_bytes(data)
    return "; ".join([f"wrote the answer to {out}", *_remarks(answer.prediction)])


def _remarks(answer: Prediction) -> list[str]:
    """Return what an answer says of itself beside its file, in words: what was left out, how long it is."""
    told = {name: len(one) if isinstance(one, list | dict) else one for name, one in answer.details.items()}
    return [f"{name.replace('_', ' ')}: {one}" for name, one in told.items() if one not in (None, "", 0)]


def _written(predictor: Predictor, answer: Answer, suffix: str) -> bytes | None:
    """Return an answer as a file of an ending: the one that it is, its own format or drawn; None where it has none."""
    assert answer.prediction is not None
    media = answer.prediction.media
    if media is not None and suffix == media.suffix:
        return media.data
    data = dispatch.export(predictor.task.target, answer.prediction, suffix)
    if data is not None or suffix not in PICTURES:
        return data
    drawn = _drawn(predictor, answer)
    return None if drawn is None else _encoded(drawn, suffix)


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


def free_place(out: Path, name: str, suffix: str, taken: set[Path]) -> Path:
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


def line_of(answer: Mapping[str, Any]) -> str:
    """Return an answer as a line of JSON."""
    return json.dumps(answer, ensure_ascii=False) + "\n"
