"""The command line: text to stage call, no logic. Everything heavy is imported inside the command that needs it.

Exit codes: 0 done, 2 something to mend, 74 disk full, 75 the run is locked, 76 training diverged, 129, 130 and 143
stopped by a signal, saved.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from noria import verbs
from noria.commands import batch, feedback, ledger, watch, wheel
from noria.commands.words import Engine, Json, Run
from noria.errors import UserError
from noria.printing import confirm, show, show_error

app = typer.Typer(
    help="Records in, a model that works day and night out. JOB is a job file or the name of a shipped one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(wheel.app, name="wheel")

Job = Annotated[str, typer.Argument(help="a job file, a data table, or the name of a shipped job (noria list jobs)")]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, as in train.minutes=5", show_default=False)]
RunFolder = Annotated[Path | None, typer.Option("--run", help="the run folder; default runs/NAME")]


def main() -> None:
    """Run a command; show a UserError as its text and leave with its exit code."""
    try:
        app()
    except UserError as error:
        show_error(error)
        sys.exit(error.exit_code)


@app.command()
def demo(run: RunFolder = None, as_json: Json = False) -> None:
    """Show the whole life of a model on data that comes with the installation, in a minute."""
    from noria.reporter import Terminal
    from noria.stages.demo import after, demo

    made = demo(Terminal(), run)
    metrics = _metrics(made)
    show({"run": str(made), **metrics} if as_json else after(made, metrics), as_json)


@app.command("list")
def list_(
    kind: Annotated[
        str, typer.Argument(help="tasks, modalities, targets or jobs; task, modality, target or job before a NAME")
    ] = "",
    name: Annotated[str, typer.Argument(help="of one of them, to see its settings")] = "",
    as_json: Json = False,
) -> None:
    """List what there is: tasks, modalities, targets, shipped jobs; of one by NAME every setting."""
    from noria.stages.listing import listing

    found = listing(kind, name)
    show(found.content if as_json else found, as_json)


@app.command()
def trace(job: Job, overrides: Overrides = None, as_json: Json = False) -> None:
    """Show one record's way through a job, each step with shape, unit and time."""
    from noria.stages.trace import table, trace

    steps = trace(job, overrides or [])
    show([dataclasses.asdict(step) for step in steps] if as_json else table(steps), as_json)


@app.command()
def prepare(
    job: Job,
    overrides: Overrides = None,
    page: Annotated[Path | None, typer.Option(help="also write all of it, with pictures, as a .html file")] = None,
    splits: Annotated[Path | None, typer.Option(help="also write which record is in which split, as a .csv")] = None,
    as_json: Json = False,
) -> None:
    """Read, check, divide and encode the data; show what was understood."""
    from noria.job.load import load_job
    from noria.report.prepared_text import prepared_json, prepared_text

    prepared = verbs.prepare(job, overrides or [], page, splits)
    _, task = load_job(job, overrides or [])
    show(prepared_json(prepared, task) if as_json else prepared_text(prepared, task), as_json)


@app.command()
def train(
    job: Job,
    overrides: Overrides = None,
    run: RunFolder = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on where the run stopped, or start it")] = False,
    as_json: Json = False,
) -> None:
    """Train, evaluate, write the bundle and the report."""
    from noria.stages.summary import summary
    from noria.stages.train import train

    made = train(job, overrides or [], run, resume)
    if int(os.environ.get("RANK", "0")) > 0:  # under torchrun the first process speaks
        return
    metrics = _metrics(made)
    show({"run": str(made), **metrics} if as_json else summary(metrics, made), as_json)


@app.command()
def tune(
    job: Job,
    overrides: Overrides = None,
    run: RunFolder = None,
    minutes: Annotated[float | None, typer.Option(help="of all trials together")] = None,
    trials: Annotated[int | None, typer.Option(help="how many; default 20")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on where the study stopped, or start it")] = False,
    as_json: Json = False,
) -> None:
    """Search for better settings on the validation split; write the best job as a file."""
    from noria.stages.tune import tune
    from noria.tuning.results import summary

    made = tune(job, overrides or [], run, resume, minutes, trials)
    show(json.loads((made / "tune.json").read_text("utf-8")) if as_json else summary(made), as_json)


@app.command()
def evaluate(
    run: Run,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="how --data is read, as data.fields.text=review", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Option(help="score on this data instead of the run's test split")] = None,
    engine: Engine = None,
    as_json: Json = False,
) -> None:
    """Score a run on its test split or on other data."""
    scores = verbs.evaluate(run, data, overrides or [], engine=engine)
    show(scores.content if as_json else scores, as_json)


app.command()(watch.watch)


@app.command()
def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="folders of runs, default runs; with --delete the runs themselves", show_default=False),
    ] = None,
    sort: Annotated[Literal["score", "date", "cost", "name"], typer.Option(help="what comes first")] = "date",
    task: Annotated[str, typer.Option(help="only runs of this task")] = "",
    delete: Annotated[bool, typer.Option("--delete", help="delete the runs that are named, once confirmed")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="delete without asking")] = False,
    as_json: Json = False,
) -> None:
    """List the runs there are, with score, baseline, cost and date; or delete some."""
    from noria.stages.delete_runs import delete as delete_runs
    from noria.stages.delete_runs import plan_deletion

    if delete:
        deletion = plan_deletion(folders or [])
        if not yes:
            confirm(str(deletion))
        show(delete_runs(deletion), False)
        return
    found = verbs.runs(*(folders or []), task=task, sort=sort)
    show([run.as_json() for run in found] if as_json else found, as_json)


@app.command()
def compare(
    run: Run,
    other: Annotated[Path, typer.Argument(help="the run to compare it to")],
    as_json: Json = False,
) -> None:
    """Compare two runs on the records that both hold out: each score, the difference with its interval, the cost."""
    found = verbs.compare(run, other)
    show(found.content if as_json else found, as_json)


@app.command()
def predict(
    run: Run,
    data: Annotated[
        list[str],
        typer.Argument(
            help="files, one record each; tables and folders of records, s3://BUCKET/NAME too; a text; - for standard "
            "input; data.fields.FIELD=COLUMN where columns have other names"
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help=".jsonl or .csv; a folder or a .png for drawn pictures; .mp4 for a drawn video; 'subs/*.srt' for a "
            "file of each answer; s3://BUCKET/NAME to send it there"
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help="columns of the input beside the answers: id,name; all; none. A .csv has those of text and numbers"
        ),
    ] = None,
    probabilities: Annotated[
        int, typer.Option(help="a .csv has a column for each class where there are at most so many; 0: none")
    ] = 100,
    detector: Annotated[Path | None, typer.Option(help="a run that finds boxes in the frames of a video")] = None,
    engine: Engine = None,
) -> None:
    """Answer new records, one line of JSON each."""
    from noria.stages.predict import predict, predict_to

    read = sys.stdin.buffer.read
    if out is not None or detector is not None:
        show(predict_to(run, data, out, detector, keep, read=read, probabilities=probabilities, engine=engine), False)
    else:
        for answer in predict(run, data, keep, read=read, engine=engine):
            show(answer, True)


@app.command()
def generate(
    run: Run,
    words: Annotated[
        list[str] | None, typer.Argument(help="the prompt (else: standard input), and key=value: temperature=0.8")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="a file, by its ending: .txt; .sdf, .smi, .csv, .svg for molecules; .wav")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write an answer to one prompt, shown as it comes."""
    from noria.stages.generate import generate, generate_to

    given: Any = (words or [], sys.stdin.buffer.read, sys.stdin.isatty())
    if out is not None:
        show(generate_to(run, out, *given), False)
        return
    text, last = "", None
    for last in generate(run, *given):
        new = last.content if isinstance(last.content, str) else base64.b64encode(last.content).decode("ascii")
        text += new
        if not as_json:
            sys.stdout.write(new)
            sys.stdout.flush()
    if as_json:
        assert last is not None
        note = {"note": last.note} if last.note else {}
        show({"text": text, "ended": last.ended, "logprobs": last.logprobs, **note}, True)
    else:
        show("", False)
        sys.stderr.write(f"{last.note}\n" if last is not None and last.note else "")


@app.command()
def assistant(
    run: Run,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOUNDS]...",
            help="files of speech, or folders; with --part also key=value: target.replies={on: The light is on}",
            show_default=False,
        ),
    ] = None,
    part: Annotated[list[str] | None, typer.Option(help="a run to make it of, where RUN is not there yet")] = None,
    microphone: Annotated[float | None, typer.Option(help="record so many seconds, and reply to them")] = None,
    listen: Annotated[float | None, typer.Option(help="converse: a pause of so many seconds ends a turn")] = None,
    out: Annotated[Path | None, typer.Option(help="a folder for the replies: sounds, and answers.jsonl")] = None,
    as_json: Json = False,
) -> None:
    """Reply to speech: one bundle of a recogniser, what answers, and a voice."""
    from noria.pipeline.sinks import draw_answers
    from noria.stages.assistant import assistant, divided, replies, told

    sounds, overrides = divided(words or [])
    predictor = assistant(run, part or [], sounds=sounds, overrides=overrides)
    answers = []
    for answer in replies(predictor, sounds, microphone, listen):
        answers += [answer] if out is not None else []
        show(answer.as_json() if as_json else told(answer), as_json)
    if out is not None:
        sys.stderr.write(f"{draw_answers(predictor, iter(answers), out)}\n")


@app.command()
def search(
    run: Run,
    queries: Annotated[list[str], typer.Argument(help="texts, or files, to find the nearest records to")],
    data: Annotated[Path, typer.Option(help="the records to search: a table, a folder, or a text, line by line")],
    count: Annotated[int, typer.Option("-k", help="how many records for each query")] = 5,
    column: Annotated[str | None, typer.Option(help="the column to search; default that of training")] = None,
    engine: Engine = None,
    as_json: Json = False,
) -> None:
    """Find the records that mean the same, with a model that gives vectors."""
    from noria.reporter import Terminal
    from noria.stages.search import found, search

    hits = search(verbs.load(run, engine=engine), queries, data, count, column, Terminal())
    if as_json:
        for query, one in zip(queries, hits, strict=True):
            show({"query": query, "hits": [hit.as_json() for hit in one]}, True)
    else:
        show(found(queries, hits), False)


@app.command()
def export(
    run: Run,
    out: Annotated[Path | None, typer.Option(help="default: model.onnx or transformers beside the bundle")] = None,
    to: Annotated[Literal["onnx", "folder"], typer.Option(help="ONNX, or a folder that transformers loads")] = "onnx",
) -> None:
    """Write the model as ONNX, checked to give the same answers, or as a Hugging Face checkpoint."""
    show(f"wrote {verbs.export(run, out, to)}", False)


@app.command()
def serve(
    run: Annotated[list[str], typer.Argument(metavar="RUN...", help="run folders, NAME=RUN, or a file serve.yaml")],
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one")] = 8000,
    key: Annotated[str | None, typer.Option(hidden=True)] = None,
    key_file: Annotated[Path | None, typer.Option(help="file with the key of callers; default NORIA_KEY")] = None,
    keys: Annotated[Path | None, typer.Option(help="file of several keys, as noria keys add writes it")] = None,
    allowed_hosts: Annotated[
        list[str] | None, typer.Option("--allowed-host", help="name that callers may ask for; may stand several times")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="certificate for TLS, in PEM")] = None,
    certificate_key: Annotated[Path | None, typer.Option(help="private key of the certificate, in PEM")] = None,
    audit: Annotated[Path | None, typer.Option(help="file for a line on each refusal and change of keys")] = None,
    engine: Annotated[
        Literal["torch", "openvino", "ray"] | None,
        typer.Option(help="as of predict; ray: the models run on the cluster that RAY_ADDRESS names"),
    ] = None,
    workers: Annotated[int, typer.Option(help="processes for each model")] = 1,
    access_log: Annotated[
        str | None,
        typer.Option(help="file for a line on each request, - for stderr, or off; default off at a terminal"),
    ] = None,
) -> None:
    """Serve runs over HTTP."""
    if key is not None:
        raise UserError(
            "a key on the command line is seen by everybody who lists the processes",
            where="--key",
            fix="set NORIA_KEY, or give --key-file FILE; and take another key, for this one was seen",
        )
    hosts = allowed_hosts or ()
    verbs.serve(
        run, host, port, key_file=key_file, keys=keys, allowed_hosts=hosts, certificate=certificate,
        certificate_key=certificate_key, audit=audit, engine=engine, workers=workers, access_log=access_log,
    )  # fmt: skip


@app.command()
def keys(
    action: Annotated[Literal["add", "list", "revoke"], typer.Argument(help="what to do")],
    name: Annotated[str, typer.Argument(help="name of the key, of whoever has it")] = "",
    file: Annotated[Path, typer.Option(help="the file of keys")] = Path("keys.yaml"),
    models: Annotated[list[str] | None, typer.Option("--model", help="model that it is for; default all")] = None,
    allowed: Annotated[
        list[str] | None, typer.Option("--verb", help="predict, stream, admin, metrics; default the first two")
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="most requests a minute")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(min=1, help="most tokens read and written a minute")] = None,
    expires: Annotated[str | None, typer.Option(help="last day, as in 2027-01-31")] = None,
) -> None:
    """Add, list or revoke the keys of a server; a new key is shown once."""
    rates = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
    show(verbs.keys(action, name, file, models=models or (), allowed=allowed or (), expires=expires, **rates), False)


app.add_typer(batch.app, name="batch")
app.add_typer(ledger.app, name="ledger")
app.command()(feedback.feedback)


def _metrics(run: Path) -> dict[str, Any]:
    from noria.store.run_folder import read_json

    return read_json(run / "metrics.json")


if __name__ == "__main__":
    main()
