"""Score a bundle: every metric with its interval, the trivial baseline beside it, slices, and what the report draws.

Scores come from the bundle as it will be shipped, never from the model still in training. Knows no task.
Read next: pipeline/scores.py, report/page.py.
"""

from __future__ import annotations

import io
import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import dispatch
from noria.contract.source import Source
from noria.errors import UserError, did_you_mean
from noria.job import Job
from noria.model.mixture import Mixture
from noria.pipeline.drift import Drift
from noria.pipeline.encoder import EncodedChunk, gathered
from noria.pipeline.fields import group_column
from noria.pipeline.other_data import open_other
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.prepared import Prepared
from noria.pipeline.record_hashes import record_hashes
from noria.pipeline.reference import calibration_split, write_reference
from noria.pipeline.remarks import few_tested
from noria.pipeline.scores import scores
from noria.report import write_report
from noria.report.card import write_card
from noria.reporter import Reporter, Silent, Terminal
from noria.sources.formats.frame import Frame, FrameLike
from noria.stages.booked import booked
from noria.stages.compare import compare_to
from noria.stages.folds import cross_validated
from noria.stages.prepared_again import prepared_again
from noria.stages.protocols import under_each
from noria.store.array_store import named_arrays, scored_split
from noria.store.disk import plain_disk_errors, write_json, write_synced
from noria.store.run_folder import read_json
from noria.training.memory import most_bytes
from noria.training.rivals.beside import beside, worse_than_rival
from noria.types import Arrays, Dataset

KNOWN = 0.01  # of the records: where more were trained on, a rival would be scored on what it learnt by heart
SHOWN = 5  # unusable records that are named
TRAINED_ON = "train_hashes.npy"  # by which records that were learnt from are known again


def evaluate(
    run: str | os.PathLike[str], data: str | os.PathLike[str] | FrameLike | None = None,
    reporter: Reporter | None = None, overrides: Sequence[str] = (), engine: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Score a run's bundle on its own test split, as training did, or on other data; return what metrics.json holds.

    Other data is scored whole, or its test split where the source is divided. It is written to
    RUN/metrics-<name of the data>.json, and unusable records are counted in it. Overrides of the job's section `data`
    say how it is read: data.fields.text=review. engine: what runs the network; by default the job's `evaluate.engine`.
    """
    reporter = reporter or Terminal()
    run = Path(run)
    if not run.exists():
        beside = [str(one) for one in run.parent.glob("*") if one.is_dir()]
        raise UserError("there is no such run", where=str(run), fix=did_you_mean(str(run), beside))
    if data is None and overrides:
        raise UserError("how data is read can be said of other data alone", fix="name it: --data PATH")
    with booked(run, "evaluate") as clock:
        scored = _again(run, reporter, engine) if data is None else _on(run, data, reporter, overrides, engine)
        clock.count(predictions=int(scored.get("n", 0)))
    return scored


def _on(
    run: Path, data: str | os.PathLike[str] | FrameLike, reporter: Reporter, overrides: Sequence[str],
    engine: str | None,
) -> dict[str, Any]:  # fmt: skip
    """Score other data, and write the scores beside those of training."""
    given = Path(data).expanduser() if isinstance(data, str | os.PathLike) else Frame(data)
    name = given.name if isinstance(given, Path) else "frame"
    scored = _on_other(run, load(run, engine=engine).reading(overrides), given, name, reporter)
    if (run / "bundle").is_dir():
        write_json(run / f"metrics-{Path(name).stem}.json", scored)
    return scored


def _again(run: Path, reporter: Reporter, engine: str | None) -> dict[str, Any]:
    """Score a finished training once more, on the data it was prepared with; write what training wrote."""
    job, _, prepared = prepared_again(run, reporter)
    path = run / "metrics.json"
    before = read_json(path) if path.exists() else {}
    return evaluate_run(run, job, prepared, before.get("seconds", {}), before.get("memory_bytes"), engine)


def _on_other(run: Path, predictor: Predictor, given: Path | Source, name: str, reporter: Reporter) -> dict[str, Any]:
    """Score other data, and say what of it is left out, what was trained on, and what is unlike training."""
    source, mapping = open_other(predictor.bundle, given, needs_answer=True)
    asked = predictor.bundle.job.data.split.group
    group = group_column(predictor.task, asked, mapping, source.columns, source.groups())
    encoder = predictor.encoder(mapping, source.root, _slices_of(predictor, source, reporter), group)
    drifts = defaultdict[str, Drift](lambda: Drift(predictor.task, predictor.states))
    chunks, left_out, scored_as = encoder.to_score(source, lambda split, chunk: drifts[split].see(chunk))
    for split, count in left_out.items():
        reporter.say(f"not scored: {count} records of {split}")
    trained_on = _trained_on(run, predictor, chunks)
    dataset, bad = gathered(predictor.task, chunks, str(source.path))
    for note in source.notes():
        reporter.say(note)
    unlike = drifts[scored_as].sentences()
    for sentence in unlike:
        reporter.say(f"unlike the training data: {sentence}")
    for one in bad[:SHOWN]:
        reporter.say(f"not scored: {one.where}: {one.reason}")
    if len(bad) > SHOWN:
        reporter.say(f"not scored: {len(bad) - SHOWN} more records that cannot be used")
    if not len(dataset):
        raise UserError("there are no usable records to score", where=str(source.path))
    known = read_json(run / "prepare.json") if (run / "prepare.json").is_file() else {}
    leaks = known.get("report", {}).get("leaks", [])
    output = predictor.outputs(dataset)
    scored = scores(predictor, dataset, output, name, encoder.slice_names, leaks)
    is_new = not trained_on or trained_on <= KNOWN * len(dataset)
    if predictor.bundle.job.evaluate.rivals and is_new and (splits := _learnt_from(run)):
        before = read_json(run / "metrics.json") if (run / "metrics.json").is_file() else {}
        scored["rivals"] = found = _rivals(predictor, splits, dataset, output, before.get("seconds", {}))
        scored["remarks"] += worse_than_rival(found)
    if trained_on:
        count = sum(map(len, chunks))
        said = f"{trained_on:,} of {count:,} records of {name} are the same as training records"
        scored["remarks"].insert(0, f"{said}: how they score says nothing of new ones")
    return {
        **scored,
        "quarantined": len(bad),
        "left_out": left_out,
        "trained_on": trained_on,
        "unlike_training": unlike,
    }


def _learnt_from(run: Path) -> Mapping[str, Dataset]:
    """Return the splits that a run learnt from, where its data is still there as it was; none elsewhere."""
    try:
        return prepared_again(run, Silent())[2].splits
    except UserError:  # whoever scores the run itself again is told
        return {}


def learnt_hashes(run: Path) -> np.ndarray | None:
    """Return the hashes of the records that a run learnt from, uint64[n]; None where it does not know them."""
    return np.asarray(np.load(run / TRAINED_ON, allow_pickle=False)) if (run / TRAINED_ON).is_file() else None


def _trained_on(run: Path, predictor: Predictor, chunks: Sequence[EncodedChunk]) -> int | None:
    """Return how many records the run has learnt from; None where it does not know."""
    if (known := learnt_hashes(run)) is None:
        return None
    filled = [name for name in predictor.task.inputs if name in predictor.bundle.config["fields"]]
    return sum(
        int(np.isin(record_hashes(named_arrays(one.records), filled), known).sum()) for one in chunks if len(one)
    )


def _slices_of(predictor: Predictor, source: Source, reporter: Reporter) -> list[str]:
    """Return the columns that the job slices by, as far as other data has them."""
    wanted = predictor.bundle.job.evaluate.slices
    for column in wanted:
        if column not in source.columns:
            reporter.say(f"not scored by {column}: the data has no such column")
    return [column for column in wanted if column in source.columns]


def evaluate_run(
    run: Path, job: Job, prepared: Prepared, seconds: Mapping[str, float], memory_bytes: int | None = None,
    engine: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Score a finished training on its test split; write metrics.json, the model card and the report.

    memory_bytes: the most that the training took, where that was not this process.
    """
    started = time.perf_counter()
    predictor = load(run, engine=engine or job.evaluate.engine)
    split = scored_split(prepared.splits)
    names = prepared.report["slices"]
    asked = time.perf_counter()
    output = predictor.outputs(prepared.splits[split])
    record_ms = 1000 * (time.perf_counter() - asked) / max(1, len(prepared.splits[split]))
    metrics = scores(predictor, prepared.splits[split], output, split, names, prepared.report.get("leaks", []))
    if job.evaluate.rivals and (job.evaluate.folds is None or split == "test"):  # validation chose the weights
        metrics["rivals"] = found = _rivals(predictor, prepared.splits, prepared.splits[split], output, seconds)
        metrics["remarks"] += worse_than_rival(found)
    if other := job.evaluate.compare_to:
        metrics["compared"] = compare_to(Path(other), job, prepared, predictor, output)
    if job.evaluate.folds is not None:
        fold_s = seconds["folds"] / job.evaluate.folds if "folds" in seconds else None
        metrics["cross_validation"] = cross_validated(run, job, predictor.task, fold_s)
    metrics["remarks"] += few_tested(job, prepared)
    if job.evaluate.protocols:
        metrics["protocols"] = under_each(run, job, metrics)
    if way := job.split.named:
        metrics["divided_by"] = way
    metrics["seconds"] = {**seconds, "evaluate": round(time.perf_counter() - started, 3)}
    metrics["record_ms"] = round(record_ms, 4)
    metrics["engine"] = predictor.bundle.engine
    metrics["memory_bytes"] = memory_bytes or most_bytes()
    write_json(run / "metrics.json", metrics)
    if prepared.train_hashes is not None:
        _write_hashes(run / TRAINED_ON, prepared.train_hashes)
    if (held_out := calibration_split(prepared.splits)) and not dispatch.learns_nothing(predictor.task.target):
        write_reference(predictor, prepared.splits[held_out])
    write_card(run, predictor.bundle, prepared, metrics)
    write_report(run, prepared, predictor, metrics, output)
    return metrics


def _rivals(
    predictor: Predictor, splits: Mapping[str, Dataset], scored: Dataset, output: Arrays, seconds: Mapping[str, float]
) -> dict[str, Any] | None:
    """Return what simple models that learn from the same records reach."""
    mixture = predictor.bundle.model.mixture
    parts = dict(mixture.parts.items()) if isinstance(mixture, Mixture) else {}
    own = {name: (part, seconds.get(name)) for name, part in parts.items()}
    resamples = predictor.bundle.job.evaluate.resamples
    return beside(predictor.task, predictor.states, splits, scored, output, seconds.get("train"), resamples, own)


def _write_hashes(path: Path, hashes: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, hashes, allow_pickle=False)
    with plain_disk_errors(path.parent):
        write_synced(path, buffer.getvalue())
