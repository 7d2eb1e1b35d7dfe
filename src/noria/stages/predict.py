"""Answer new records: files, tables, folders, texts, standard input; to lines, a table, pictures.

Every record is answered or has its reason, in order; where none could be answered, that is an error. Knows no task.
Read next: pipeline/predictor.py, pipeline/sinks.py.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.contract import dispatch
from noria.errors import UserError
from noria.pipeline.drift import Drift
from noria.pipeline.encoder import EncodedChunk, Piece
from noria.pipeline.given import path_of
from noria.pipeline.other_data import columns_of, text_field
from noria.pipeline.predictor import Answer, Predictor, load
from noria.pipeline.sinks import LINES, Counted, check_suffix, draw_answers, is_each, write_answers, write_one
from noria.pipeline.video_output import is_film, write_film
from noria.preparation.cut_records import CutRecords
from noria.reporter import Reporter, Terminal
from noria.stages.booked import booked
from noria.store.object_store import fetched, is_remote, sent

STANDARD_INPUT, NONE = "-", "none"  # words for what is read, and for no column to be kept
MOST_CLASSES = 100  # that have a column each in a table of answers: more are seldom looked at, and make it large
OVERRIDE = re.compile(r"[a-z_]+(\.\w+)+=\S.*", re.DOTALL)


def _nothing() -> bytes:
    return b""


def predict(
    run: str | Path, words: Sequence[str | Path], keep: str | None = None, reporter: Reporter | None = None,
    read: Callable[[], bytes] = _nothing, engine: str | None = None,
) -> Iterator[Mapping[str, Any]]:  # fmt: skip
    """Yield one JSON object a record: where it stands and the answer, or the reason why there is none.

    `words` are paths, addresses of object stores (s3://bucket/name), texts for a model that takes one, `-` for what
    `read` gives, and overrides as data.fields.text=review. `keep` names columns of the input to be
    repeated beside each answer, or is `all` or `none`, as by default. Raises UserError at the end where no record could
    be answered.
    """
    inputs, overrides = inputs_and_overrides(words)
    predictor = load(run, engine=engine).reading(overrides)
    answers = Counted(lines(answers_of(predictor, inputs, reporter, read), keep or NONE))
    yield from answers
    answers.check()


def predict_to(
    run: str | Path, words: Sequence[str | Path], out: str | Path | None, detector: str | Path | None = None,
    keep: str | None = None, reporter: Reporter | None = None, read: Callable[[], bytes] = _nothing,
    probabilities: int = MOST_CLASSES, engine: str | None = None,
) -> str:  # fmt: skip
    """Write the answers to `out`, by its ending: lines, a table, a video, one file; `subs/*.srt`, one each; else drawn.

    Where `out` is the address of an object store, they are sent there in the end. A table has a column for the
    probability of each class, of at most so many as `probabilities` says, and without `keep` the columns of the
    input that hold texts and numbers. With a detector, what it finds in the frames of a video is the record. Returns
    what to say; raises UserError where no record could be answered: the file then says why.
    """
    if is_remote(out):
        address, each = str(out), ""
        if is_each(Path(address)):
            address, each = address.rsplit("/", 1)
        with sent(address) as place:
            said = predict_to(run, words, place / each, detector, keep, reporter, read, probabilities, engine)
        return said.replace(str(place), address)
    inputs, overrides = inputs_and_overrides(words)
    if out is None or (detector is not None and len(inputs) != 1):
        raise UserError("--detector is for one video", fix="noria predict RUN VIDEO --detector RUN --out tracks.txt")
    run, out = Path(run), Path(out)
    if any(out.exists() and Path(one).exists() and out.samefile(one) for one in inputs):
        raise UserError("the answers would replace what is to be answered", where=str(out), fix="name another --out")
    if len(inputs) == 1 and (detector is not None or is_film(out)):
        return write_film(run, Path(inputs[0]), out, None if detector is None else Path(detector), engine)
    predictor = load(run, engine=engine).reading(overrides)
    check_suffix(predictor, out)
    answers = answers_of(predictor, inputs, reporter, read)
    if out.suffix.lower() == ".csv" and not is_each(out):
        classes, shown = classes_shown(predictor, probabilities)
        said = write_answers(lines(answers, keep), out, shown, must_agree=keep is not None)
        more = f"; of {len(classes):,} classes no probability stands in it: --probabilities {len(classes)}"
        return said + (more if len(shown) < len(classes) and probabilities else "")
    if out.suffix.lower() in LINES and not is_each(out):
        return write_answers(lines(answers, keep or NONE), out)
    if keep not in (None, NONE):
        raise UserError("columns are kept in a table of answers", where=str(out), fix=f"--out to {' or '.join(LINES)}")
    return (write_one if out.suffix and not is_each(out) else draw_answers)(predictor, answers, out)


def answers_of(
    predictor: Predictor, inputs: Sequence[str | Path], reporter: Reporter | None = None,
    read: Callable[[], bytes] = _nothing,
) -> Iterator[Answer]:  # fmt: skip
    """Yield the answers to all records of some inputs, in order; say which files were not read."""
    tell = (reporter or Terminal()).say
    drift, cut = Drift(predictor.task, predictor.states), CutRecords(predictor.task)
    with booked(predictor.bundle.path, "predict", predictor.bundle.digest[:12]) as clock:
        for number, given in enumerate(inputs, 1):
            for answer in predictor.answers(cut.watch(drift.watch(_chunks(predictor, given, number, tell, read)))):
                clock.count(predictions=int(answer.prediction is not None))
                yield answer
    for sentence in cut.sentences():
        tell(f"not read whole: {sentence}")
    for sentence in drift.sentences():
        tell(f"unlike the training data: {sentence}")


def classes_shown(predictor: Predictor, probabilities: int) -> tuple[Sequence[str], Sequence[str]]:
    """Return the classes of a model, and those with a column in a table: all, or none where there are too many."""
    classes = dispatch.probability_names(predictor.task.target, predictor.states["target"])
    return classes, classes if len(classes) <= probabilities else ()


def lines(answers: Iterator[Answer], keep: str | None) -> Iterator[dict[str, Any]]:
    """Yield the JSON object of each answer with the columns that are kept."""
    for answer in answers:
        line = answer.as_json()
        yield line if keep == NONE else {**line, "kept": answer.kept(keep)}


def inputs_and_overrides(words: Sequence[str | Path]) -> tuple[list[str | Path], list[str]]:
    """Return the inputs and the overrides among some words; raise UserError for a setting that is not of `data`.

    Of an input in an object store its copy is returned.
    """
    overrides = [str(word) for word in words if OVERRIDE.fullmatch(str(word)) and not Path(word).exists()]
    inputs = [word for word in words if str(word) not in overrides]
    if others := [word for word in overrides if not word.startswith("data.")]:
        raise UserError(
            "a trained model takes only settings of how data is read",
            found=others[0],
            expected="data.fields.FIELD=COLUMN, data.encoding=..., data.columns=[..]",
        )
    if not inputs:
        raise UserError("there is nothing to answer", expected="a file, a folder, or - for standard input")
    return [fetched(str(word)) if is_remote(word) else word for word in inputs], overrides


def pieces(
    predictor: Predictor, given: str | Path, number: int, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Piece]:
    """Yield the records of an input, a path or a text, to be encoded or skipped. `number`: of the input, from 1."""
    if (path := path_of(predictor.bundle, given)) is not None:
        yield from predictor.pieces(path, tell)
    else:
        values = {name: lambda: given for name in predictor.task.inputs}
        yield predictor.encoder({}).single(values, f"text {number}", str(number))


def _chunks(
    predictor: Predictor, given: str | Path, number: int, tell: Callable[[str], None], read: Callable[[], bytes]
) -> Iterator[EncodedChunk]:
    if str(given) == STANDARD_INPUT:
        with tempfile.TemporaryDirectory() as folder:
            yield from predictor.chunks(_as_file(predictor, read(), Path(folder)), tell)
    else:
        yield from (piece.encode() for piece in pieces(predictor, given, number, tell))


def _as_file(predictor: Predictor, data: bytes, folder: Path) -> Path:
    """Write what came by standard input as what it is: JSON lines, a table with a header, lines of text, one file."""
    if not data:
        raise UserError("standard input is empty")
    suffix = ""
    if not any(modality.raw_type == "file" for modality in predictor.task.inputs.values()):
        field = text_field(predictor.bundle)
        if data.lstrip()[:1] == b"{":
            suffix = ".jsonl"
        else:
            suffix = ".csv" if field is None or _has_header(predictor, field, data) else ".txt"
    path = folder / f"standard-input{suffix}"
    path.write_bytes(data)
    return path


def _has_header(predictor: Predictor, field: str, data: bytes) -> bool:
    """Say whether the first of several lines names a column that fills the field."""
    first, *rest = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").splitlines()[:2] or [""]
    named = predictor.bundle.job.data.fields.get(field, [])
    names = {field, *columns_of(predictor.bundle, field), *([named] if isinstance(named, str) else named)}
    rows = [row for mark in ",\t;" for row in csv.reader([first], delimiter=mark)]
    return bool(rest) and any(cell.strip() in names for row in rows for cell in row)
