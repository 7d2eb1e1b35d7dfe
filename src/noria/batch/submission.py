"""A job, written once all that can be checked is checked: the model, the columns, the place of the answers.

The same model, inputs and output are the same job, however often it is submitted. Read next: shards.py, parent.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from noria.batch.forecast import Forecast
from noria.batch.giving_way import When
from noria.batch.job import COLUMNS, DONE, FAILED, RUNNING, Asked, Job, errors_of, is_folder, job_of
from noria.batch.reading import every_piece, stamps
from noria.database import Database, Transaction
from noria.database.home import home
from noria.errors import UserError
from noria.pipeline.given import path_of
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.sinks import EACH, LINES, check_suffix, folder_of, is_each
from noria.reporter import Reporter, Terminal
from noria.stages.predict import MOST_CLASSES, NONE, STANDARD_INPUT, classes_shown, inputs_and_overrides
from noria.store.object_store import check_bucket, is_remote, name_of

FOLDER = "batch"  # below home: answers without --out, and what workers say
ID_LETTERS = 12


def prepare(
    run: str | Path, words: Sequence[str | Path], out: str | Path | None = None, keep: str | None = None,
    probabilities: int = MOST_CLASSES, engine: str | None = None,
) -> tuple[Predictor, Asked]:  # fmt: skip
    """Check what a batch is asked for; raise UserError for all that would stop it later."""
    inputs, overrides = inputs_and_overrides(words)
    if STANDARD_INPUT in map(str, inputs):
        raise UserError("standard input cannot be read twice", fix="write it to a file, and name that")
    predictor = load(run, engine=engine).reading(overrides)
    address = str(out) if is_remote(out) else ""
    place = _place(out)
    _check_kind(predictor, place, address, keep)
    absolute = []
    for one in inputs:
        path = path_of(predictor.bundle, one)
        if path is not None and not path.exists():
            raise UserError("there is no such file or folder", where=str(path))
        for written in (place, errors_of(place)):
            if path is not None and written.exists() and written.samefile(path):
                what = "the answers would replace what is to be answered"
                raise UserError(what, where=str(written), fix="name another --out")
        if path is not None and is_folder(place) and folder_of(place).resolve().is_relative_to(path.resolve()):
            what = "the answers would lie among what is to be answered"
            raise UserError(what, where=str(place), found=str(path), fix="name another --out")
        absolute.append(str(one) if path is None else str(path.absolute()))
    is_table = place.suffix.lower() == ".csv"
    asked = Asked(
        run=str(Path(run).expanduser().absolute()),
        digest=predictor.bundle.digest,
        inputs=absolute,
        stamps=stamps(predictor, absolute),
        out="" if out is None else str(place),
        overrides=overrides,
        keep=keep if is_table else keep or NONE,
        classes=list(classes_shown(predictor, probabilities)[1]) if is_table else [],
        engine=engine,
        address=address,
    )
    return predictor, asked


def _check_kind(predictor: Predictor, place: Path, address: str, keep: str | None) -> None:
    """Raise UserError where answers cannot be written so: as lines, or as files in a folder."""
    is_files = is_folder(place)
    is_lines = not is_files and place.suffix.lower() in LINES
    is_in_the_way = folder_of(place).is_file() if is_files else place.is_dir()
    if not (is_files or is_lines) or is_in_the_way or (address and is_each(place)):
        expected = f"{', '.join(LINES)}, a folder" + ("" if address else f", or a file of each, as DIR/{EACH}.png")
        raise UserError("cannot write answers of this kind", where=address or str(place), expected=expected)
    check_suffix(predictor, place)
    if is_files and keep not in (None, NONE):
        fix = f"--out to {' or '.join(LINES)}"
        raise UserError("columns are kept in a table of answers", where=str(place), fix=fix)


def _place(out: str | Path | None) -> Path:
    """Return where answers are written, those for an object store too before they are sent."""
    if out is None:
        return home() / FOLDER / "answers.jsonl"
    if not is_remote(out):
        return Path(out).expanduser().absolute()
    check_bucket(str(out))
    folder = home() / FOLDER / hashlib.sha256(str(out).encode()).hexdigest()[:ID_LETTERS]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name_of(str(out))


def submit_job(
    database: Database, predictor: Predictor, asked: Asked, when: When, forecast: Forecast,
    reporter: Reporter | None = None,
) -> tuple[Job, bool]:  # fmt: skip
    """Write the job with its shards, and forecast it; return it, and whether it was there before."""
    identity = hashlib.sha256(asked.as_text().encode()).hexdigest()
    old = database.transact(lambda transaction: _old(transaction, identity, when))
    if old is not None:
        return old, True
    tell = (reporter or Terminal()).say
    counts = [piece.count for piece in forecast.watched(every_piece(predictor, asked.inputs, tell))]
    if not sum(counts):
        raise UserError("there is no record to answer", where=", ".join(asked.inputs))
    tell(str(forecast))
    return database.transact(lambda transaction: write_job(transaction, identity, asked, when, counts))


def _old(transaction: Transaction, identity: str, when: When) -> Job | None:
    """Return the last job that was asked for the same, which goes on as is said now.

    None where there is none, or none that could go on: it was cancelled, or its answers are gone.
    """
    statement = f"select {COLUMNS} from batch_job where identity = ? order by created desc, id desc limit 1"
    old = next(map(job_of, transaction.run(statement, identity)), None)
    if old is None or not (old.state in (RUNNING, FAILED) or (old.state == DONE and old.lines_file.exists())):
        return None
    if when != old.when and old.state != DONE:
        transaction.run("update batch_job set schedule = ? where id = ?", _schedule(when), old.id)
        return replace(old, when=when)
    return old


def _schedule(when: When) -> str:
    return json.dumps(asdict(when))


def write_job(
    transaction: Transaction, identity: str, asked: Asked, when: When, counts: Sequence[int]
) -> tuple[Job, bool]:
    """Write a job and its shards, of so many records each; return it, or the old one of the same identity."""
    transaction.lock("batch")
    old = _old(transaction, identity, when)
    if old is not None:
        return old, True
    ((count,),) = transaction.run("select count(*) from batch_job where identity = ?", identity)
    name = identity[:ID_LETTERS] + (f"-{count + 1}" if count else "")
    asked = asked if asked.out else replace(asked, out=str(home() / FOLDER / f"{name}.jsonl"))
    _refuse_same_output(transaction, asked)
    now = transaction.now()
    row = (
        name,
        identity,
        asked.as_text(),
        _schedule(when),
        RUNNING,
        "",
        now,
        None,
        sum(counts),
        len(counts),
        None,
        0.0,
        None,
    )
    transaction.run(f"insert into batch_job values ({', '.join('?' * len(row))})", *row)
    shards, first = [], 1
    for n, size in enumerate(counts):
        shards.append((name, n, first, size, "waiting", None, 0.0, 0, "{}", 0, None))
        first += size
    transaction.run_many(f"insert into batch_shard values ({', '.join('?' * len(shards[0]))})", shards)
    return Job(name, asked, when, RUNNING, "", now, None, sum(counts), len(counts), None), False


def _refuse_same_output(transaction: Transaction, asked: Asked) -> None:
    statement = f"select {COLUMNS} from batch_job where state in ('running', 'cancelling', 'failed')"
    for job in map(job_of, transaction.run(statement)):
        if {job.asked.out, str(job.errors)} & {asked.out, str(errors_of(Path(asked.out)))}:
            raise UserError(
                "another batch writes its answers there",
                where=asked.out,
                found=job.id,
                fix=f"name another --out, or noria batch cancel {job.id}",
            )
