"""Score a bundle: every metric with its interval, the trivial baseline beside it, slices, and what the report draws.

Scores come from the bundle as it will be shipped, never from the model still in training. Knows no task.
Read next: pipeline/scores.py, report/page.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.errors import UserError
from noria.job import Job
from noria.job.load import load_stored_job
from noria.pipeline.drift import Drift
from noria.pipeline.encoder import counted, gathered, splits_to_score
from noria.pipeline.other_data import open_other
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.prepared import Prepared
from noria.pipeline.scores import scores
from noria.report import write_report
from noria.report.card import write_card
from noria.reporter import Reporter, Terminal
from noria.sources.formats.frame import Frame, FrameLike
from noria.stages.compare import compare_to
from noria.stages.prepare import prepare
from noria.store.array_store import scored_split
from noria.store.disk import write_json
from noria.store.run_folder import read_json, read_start
from noria.training.memory import most_bytes

SHOWN = 5  # unusable records that are named


def evaluate(
    run: str | os.PathLike[str], data: str | os.PathLike[str] | FrameLike | None = None,
    reporter: Reporter | None = None, overrides: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Score a run's bundle on its own test split, as training did, or on other data; return what metrics.json holds.

    Other data is scored whole, or its test split where the source is divided. It is written to
    RUN/metrics-<name of the data>.json, and unusable records are counted in it. Overrides of the job's section `data`
    say how it is read: data.fields.text=review.
    """
    reporter = reporter or Terminal()
    run = Path(run)
    if data is None:
        if overrides:
            raise UserError("how data is read can be said of other data alone", fix="name it: --data PATH")
        return _again(run, reporter)
    given = Path(data).expanduser() if isinstance(data, str | os.PathLike) else Frame(data)
    name = given.name if isinstance(given, Path) else "frame"
    scored = _on_other(load(run).reading(overrides), given, name, reporter)
    if (run / "bundle").is_dir():
        write_json(run / f"metrics-{Path(name).stem}.json", scored)
    return scored


def _again(run: Path, reporter: Reporter) -> dict[str, Any]:
    """Score a finished training once more, on the data it was prepared with; write what training wrote."""
    if not (run / "job.yaml").is_file():
        raise UserError("a bundle alone has no test split", where=str(run), fix="name data to score: --data PATH")
    begun = read_start(run)
    job, task = load_stored_job(run / "job.yaml")
    try:
        prepared = prepare(job, task, reporter.say, begun.get("origin"))
    except UserError as error:
        raise UserError(
            "the data of this run cannot be prepared again",
            where=error.where or str(run),
            found=error.what,
            fix="bring it back, name other data with --data PATH, or read the scores of its training in metrics.json",
        ) from error
    if prepared.fingerprint != begun["fingerprint"]:
        raise UserError(
            "the data is not what this run was trained with",
            where=prepared.report["source"],
            fix="bring the old data back, or score on this data with --data PATH",
        )
    path = run / "metrics.json"
    before = read_json(path) if path.exists() else {}
    return evaluate_run(run, job, prepared, before.get("seconds", {}), before.get("memory_bytes"))


def _on_other(predictor: Predictor, given: Path | Source, name: str, reporter: Reporter) -> dict[str, Any]:
    """Score other data, and say what of it is left out."""
    source, mapping = open_other(predictor.bundle, given, needs_answer=True)
    path = source.path
    counts = counted(source)
    splits = splits_to_score(counts)
    left_out = {split or "no split": count for split, count in counts.items() if split not in splits}
    for split, count in left_out.items():
        reporter.say(f"not scored: {count} records of {split}")
    encoder = predictor.encoder(mapping, source.root, _slices_of(predictor, source, reporter))
    drift = Drift(predictor.task, predictor.states)
    dataset, bad = gathered(predictor.task, drift.watch(encoder.chunks(source, splits)), str(path))
    for note in source.notes():
        reporter.say(note)
    unlike = drift.sentences()
    for sentence in unlike:
        reporter.say(f"unlike the training data: {sentence}")
    for one in bad[:SHOWN]:
        reporter.say(f"not scored: {one.where}: {one.reason}")
    if len(bad) > SHOWN:
        reporter.say(f"not scored: {len(bad) - SHOWN} more records that cannot be used")
    if not len(dataset):
        raise UserError("there are no usable records to score", where=str(path))
    scored = scores(predictor, dataset, predictor.outputs(dataset), name, encoder.slice_names)
    return {**scored, "quarantined": len(bad), "left_out": left_out, "unlike_training": unlike}


def _slices_of(predictor: Predictor, source: Source, reporter: Reporter) -> list[str]:
    """Return the columns that the job slices by, as far as other data has them."""
    wanted = predictor.bundle.job.evaluate.slices
    for column in wanted:
        if column not in source.columns:
            reporter.say(f"not scored by {column}: the data has no such column")
    return [column for column in wanted if column in source.columns]


def evaluate_run(
    run: Path, job: Job, prepared: Prepared, seconds: Mapping[str, float], memory_bytes: int | None = None
) -> dict[str, Any]:
    """Score a finished training on its test split; write metrics.json, the model card and the report.

    memory_bytes: the most that the training took, where that was not this process.
    """
    started = time.perf_counter()
    predictor = load(run)
    split = scored_split(prepared.splits)
    names = prepared.report["slices"]
    output = predictor.outputs(prepared.splits[split])
    metrics = scores(predictor, prepared.splits[split], output, split, names)
    if other := job.evaluate.compare_to:
        metrics["compared"] = compare_to(Path(other), job, prepared, predictor, output)
    metrics["seconds"] = {**seconds, "evaluate": round(time.perf_counter() - started, 3)}
    metrics["memory_bytes"] = memory_bytes or most_bytes()
    write_json(run / "metrics.json", metrics)
    write_card(run, predictor.bundle, prepared, metrics)
    write_report(run, prepared, predictor, metrics, output)
    return metrics
