"""Answer new records: files, one record each, or tables, folders and archives of records; to lines, a table, pictures.

Every record is answered or has its reason, in order. Knows no task.
Read next: pipeline/predictor.py, pipeline/sinks.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from noria.errors import UserError
from noria.pipeline.drift import Drift
from noria.pipeline.predictor import Answer, Predictor, load
from noria.pipeline.sinks import LINES, draw_answers, write_answers, write_one
from noria.pipeline.video_output import is_film, write_film
from noria.reporter import Reporter, Terminal


def predict(run: Path, paths: Sequence[Path], reporter: Reporter | None = None) -> Iterator[dict[str, Any]]:
    """Yield one JSON object a record: where it stands and the answer, or the reason why there is none."""
    for answer in answers_of(load(run), paths, reporter):
        yield answer.as_json()


def predict_to(
    run: Path, paths: Sequence[Path], out: Path | None, detector: Path | None = None, reporter: Reporter | None = None
) -> str:
    """Write the answers to `out`, by its ending: lines or a table, a video, one file; else a folder of pictures.

    With a detector, what it finds in the frames of a video is the record. Returns what to say.
    """
    if out is None or (detector is not None and len(paths) != 1):
        raise UserError("--detector is for one video", fix="noria predict RUN VIDEO --detector RUN --out tracks.txt")
    if len(paths) == 1 and (detector is not None or is_film(out)):
        return write_film(run, paths[0], out, detector)
    if out.suffix in LINES:
        return write_answers(predict(run, paths, reporter), out)
    predictor = load(run)
    write = write_one if out.suffix else draw_answers
    return write(predictor, answers_of(predictor, paths, reporter), out)


def answers_of(predictor: Predictor, paths: Sequence[Path], reporter: Reporter | None = None) -> Iterator[Answer]:
    """Yield the answers to all records of some paths, in order; say which files were not read."""
    tell = (reporter or Terminal()).say
    drift = Drift(predictor.task, predictor.states)
    for path in paths:
        yield from predictor.answers(drift.watch(predictor.chunks(path, tell)))
    for sentence in drift.sentences():
        tell(f"unlike the training data: {sentence}")
