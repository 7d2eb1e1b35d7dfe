"""The verbs of the command line as functions, with the same words.

Everything heavy is imported inside the verb that needs it: `import noria` costs milliseconds, torch costs a second.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Literal

    from noria.drift.assessment import Assessment
    from noria.job.in_memory import JobLike
    from noria.pipeline.predictions import Predictions
    from noria.pipeline.predictor import Given, OnBad, Predictor
    from noria.pipeline.prepared import Prepared
    from noria.pipeline.vector_index import Hit
    from noria.pipeline.walk import Step
    from noria.reporter import Reporter
    from noria.sources.formats.frame import FrameLike
    from noria.stages.compare_runs import Comparison
    from noria.stages.listing import Listing
    from noria.stages.runs import Order, Runs
    from noria.stages.summary import Scores
    from noria.types import Chunk, Prediction

    PathLike = str | os.PathLike[str]
    Engine = Literal["torch", "openvino"]


def prepare(
    job: JobLike,
    overrides: Sequence[str] = (),
    page: PathLike | None = None,
    splits: PathLike | None = None,
    *,
    reporter: Reporter | None = None,
) -> Prepared:
    """Read, check, divide and encode the data of a job; what was found is printed by `print`, or written as a page.

    A job is a file, the name of a shipped one, a data table, a mapping with the keys of a job file, or a frame. A frame
    of pandas, polars or pyarrow may also stand in a mapping, as `data` or as `data.path`. `splits` names a .csv for
    which record is in which split; `places()` of what is returned says the same.
    """
    from pathlib import Path

    from noria.job.load import load_job
    from noria.reporter import Terminal
    from noria.stages.prepare import prepare, refuse_overwriting

    loaded, task = load_job(job, overrides)
    refuse_overwriting(loaded.data, [Path(one) for one in (page, splits) if one is not None])
    if splits is not None:
        from noria.stages.split_file import refuse_histories

        refuse_histories(loaded.data.split.within)
    tell = (reporter or Terminal()).say
    prepared = prepare(loaded, task, tell)
    if page is not None:
        from noria.report.prepared_page import write_prepared

        tell(f"wrote {write_prepared(prepared, task, Path(page))}")
    if splits is not None:
        from noria.stages.split_file import write_splits

        tell(write_splits(prepared, Path(splits)))
    return prepared


def train(
    job: JobLike,
    overrides: Sequence[str] = (),
    run: PathLike | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Train, evaluate, write the bundle and the report; return the run folder, which a notebook shows as the report.

    >>> run = noria.train({"task": "tabular-classification", "data": {"path": frame, "fields": {"label": "left"}}})
    >>> run = noria.train(frame, ["label=left", "train.minutes=5"])
    """
    from noria.stages.run_path import RunPath
    from noria.stages.train import train

    source, left = _job(job, overrides)
    return RunPath(train(source, left, _path(run), resume, reporter))


def tune(
    job: JobLike,
    overrides: Sequence[str] = (),
    run: PathLike | None = None,
    resume: bool = False,
    minutes: float | None = None,
    trials: int | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Search for better settings on the validation split; return the run folder, whose best.yaml is the best job."""
    from noria.stages.run_path import RunPath
    from noria.stages.tune import tune

    source, left = _job(job, overrides)
    return RunPath(tune(source, left, _path(run), resume, minutes, trials, reporter))


def evaluate(
    run: PathLike,
    data: PathLike | FrameLike | None = None,
    overrides: Sequence[str] = (),
    *,
    engine: Engine | None = None,
    reporter: Reporter | None = None,
) -> Scores:
    """Score a run on its test split or on other data: a path or a frame, with its answers.

    >>> noria.evaluate("runs/customers", frame).metrics["accuracy"].value
    0.91
    """
    from noria.stages.evaluate import evaluate
    from noria.stages.summary import Scores

    return Scores(evaluate(run, data, reporter, overrides, engine))


def watch(
    run: PathLike,
    *inputs: PathLike,
    out: PathLike | None = None,
    level: float = 0.05,
    overrides: Sequence[str] = (),
    engine: Engine | None = None,
    reporter: Reporter | None = None,
    predictions_per_day: float | None = None,
) -> Assessment:
    """Set the records of some paths beside the calibration split of a run: has anything drifted, and is it worse?

    >>> found = noria.watch("runs/reviews", "this-week.csv")
    >>> found.has_alarm, found.before.value, found.now.value
    (True, 0.91, 0.84)
    """
    from noria.drift.watch import watch

    return watch(run, inputs, out, level, overrides, engine, reporter, predictions_per_day)


def runs(*folders: PathLike, task: str = "", sort: Order = "date") -> Runs:
    """List the runs of some folders, by default of runs/, with score, baseline, cost and date.

    >>> best = noria.runs(sort="score")[0]
    >>> best.path, best.score.value
    (PosixPath('runs/churn-2'), 0.91)
    """
    from pathlib import Path

    from noria.stages.runs import runs

    return runs([Path(folder) for folder in folders], task, sort)


def compare(
    run: PathLike, other: PathLike, frame: FrameLike | None = None, *, reporter: Reporter | None = None
) -> Comparison:
    """Compare two runs on the records that both hold out; `frame` is what they learnt from, where that was one.

    >>> noria.compare("runs/churn-2", "runs/churn").sentence
    'runs/churn-2 is better than runs/churn by accuracy (+0.03, 95 % interval +0.01 to +0.05); on ...'
    """
    from pathlib import Path

    from noria.stages.compare_runs import compare

    return compare(Path(run), Path(other), frame, reporter)


def load(
    run: PathLike,
    device: str | None = None,
    precision: Literal["float32", "bfloat16"] | None = None,
    engine: Engine | None = None,
) -> Predictor:
    """Load the model of a run folder or a bundle onto a device, by default the GPU where there is one.

    Precision and engine are by default those of the job's `evaluate`.
    """
    from noria.pipeline.predictor import load

    return load(run, device, precision, engine)


def predict(
    run: PathLike,
    data: Given,
    overrides: Sequence[str] = (),
    *,
    on_bad: OnBad = "raise",
    engine: Engine | None = None,
) -> Predictions:
    """Answer records: load the model and call its `predict`, which says what `data` may be; the answers are a list.

    >>> pandas.concat([frame, noria.predict(run, frame).to_frame()], axis=1)

    Whoever asks again keeps the model: `model = noria.load(run)`, `model.predict(data)`.
    """
    return load(run, engine=engine).reading(overrides).predict(data, on_bad=on_bad)


def generate(run: PathLike, prompt: str, **settings: object) -> Iterator[Chunk]:
    """Yield an answer to one prompt, piece by piece as the model writes it.

    >>> for piece in noria.generate("runs/poems", "Spring", temperature=0.8):
    ...     print(piece.content, end="")
    """
    return load(run).stream(prompt, None, **settings)


def assistant(
    run: PathLike,
    sounds: Sequence[PathLike] = (),
    part: Sequence[PathLike] = (),
    microphone: float | None = None,
    overrides: Sequence[str] = (),
    *,
    reporter: Reporter | None = None,
) -> list[Prediction | None]:
    """Return the replies of an assistant to sounds; None for one that cannot be heard.

    A run that is not there yet is made of `part`, trained models that hear, answer and speak, with `overrides` of the
    job's settings. microphone: seconds that are recorded, after the sounds.

    >>> noria.assistant("runs/home", ["question.wav"], part=["runs/recogniser", "runs/intents"])[0].value
    'The light is on.'
    """
    from pathlib import Path

    from noria.stages.assistant import assistant, replies

    files = [Path(sound) for sound in sounds]
    predictor = assistant(Path(run), [os.fspath(one) for one in part], reporter, files, overrides)
    return [one.prediction for one in replies(predictor, files, microphone)]


def search(
    run: PathLike,
    queries: Sequence[object],
    data: PathLike,
    count: int = 5,
    column: str | None = None,
    *,
    engine: Engine | None = None,
    reporter: Reporter | None = None,
) -> list[list[Hit]]:
    """Find for each query the records that mean the same, with a model that gives vectors; nearest first."""
    from noria.stages.search import search

    asked = [queries] if isinstance(queries, str) else queries
    return search(load(run, engine=engine), asked, data, count, column, reporter)


def export(run: PathLike, out: PathLike | None = None, to: Literal["onnx", "folder"] = "onnx") -> Path:
    """Write the model as ONNX, checked to give the same answers, or as a Hugging Face checkpoint; return where."""
    from noria.stages.export import export_onnx
    from noria.stages.export_folder import export_folder

    predictor = load(run, precision="float32", engine="torch")
    beside = predictor.bundle.path.parent
    if to == "folder":
        return export_folder(predictor, _path(out) or beside / "transformers")
    return export_onnx(predictor, _path(out) or beside / "model.onnx")


def trace(job: JobLike, overrides: Sequence[str] = ()) -> list[Step]:
    """Return the steps of one record's way through a job, each with shape, unit and time."""
    from noria.stages.trace import trace

    return trace(job, overrides)


def demo(run: PathLike | None = None, *, reporter: Reporter | None = None) -> Path:
    """Show the whole life of a model on data that comes with the installation; return the run folder."""
    from noria.reporter import Terminal
    from noria.stages.demo import demo

    return demo(reporter or Terminal(), _path(run))


def list_(kind: str = "", name: str = "") -> Listing:
    """List what there is: tasks, modalities, targets, shipped jobs; of one by name every setting. `noria.list`."""
    from noria.stages.listing import listing

    return listing(kind, name)


def serve(
    run: PathLike | Sequence[PathLike],
    host: str = "127.0.0.1",
    port: int = 8000,
    key: str | None = None,
    *,
    key_file: PathLike | None = None,
    keys: PathLike | None = None,
    allowed_hosts: Sequence[str] = (),
    certificate: PathLike | None = None,
    certificate_key: PathLike | None = None,
    audit: PathLike | None = None,
    engine: Engine | Literal["ray"] | None = None,
    workers: int = 1,
    access_log: str | None = None,
    reporter: Reporter | None = None,
) -> None:
    """Serve runs over HTTP until SIGTERM or SIGINT; port 0 takes a free one, and callers send `key` as Bearer.

    run: one, or several: each RUN, NAME=RUN, or a file serve.yaml. workers: processes for each model. engine: as of
    predict, or "ray": the models run on the cluster that the environment's RAY_ADDRESS names, else on this machine.
    key_file holds the key; keys is a file of several. allowed_hosts are names that callers may ask for beside those of
    this machine. certificate and certificate_key are for TLS. audit is a file for a line on each refusal and change of
    keys.
    access_log is a file for a line of JSON on each request, "-" for standard error, or "off", as at a terminal.
    """
    from pathlib import Path

    from noria.service.door.door import Door
    from noria.service.door.host import checked_hosts
    from noria.service.door.key_file import read_key_file
    from noria.service.serve import serve

    if key is None and key_file is not None:
        key = read_key_file(Path(key_file))
    hosts = checked_hosts(allowed_hosts)
    door = Door(key, _path(keys), hosts, _path(certificate), _path(certificate_key), _path(audit))
    runs = [run] if isinstance(run, str | os.PathLike) else list(run)
    paths = [os.fspath(one) for one in runs]
    serve(paths, host, port, door=door, engine=engine, workers=workers, log=access_log, reporter=reporter)


def keys(
    action: Literal["add", "list", "revoke"],
    name: str = "",
    file: PathLike = "keys.yaml",
    *,
    models: Sequence[str] = (),
    allowed: Sequence[str] = (),
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    expires: str | None = None,
) -> str:
    """Add, list or revoke the keys of a server, in a file; returns the new key, or what there is to say.

    models and allowed say what the key is for: by default all models, and of predict, stream, admin and metrics the
    first two. expires is its last day, as in 2027-01-31.
    """
    from pathlib import Path

    from noria.service.door.manage_keys import manage_keys

    return manage_keys(
        action,
        name,
        Path(file),
        models=models,
        verbs=allowed,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        expires=expires,
    )


def _path(path: PathLike | None) -> Path | None:
    from pathlib import Path

    return None if path is None else Path(path)


def _job(job: JobLike, overrides: Sequence[str]) -> tuple[str | Mapping[str, object], Sequence[str]]:
    """Return a job as the stages take it: a frame in it is read once."""
    from noria.job.in_memory import as_mapping

    return (os.fspath(job), overrides) if isinstance(job, str | os.PathLike) else as_mapping(job, overrides)
