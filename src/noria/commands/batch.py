"""`noria batch ...`: masses of records, worked through without a person watching."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from noria.printing import show

app = typer.Typer(help="Answer masses of records; what is done survives whatever stops it.", no_args_is_help=True)

JobId = Annotated[str, typer.Argument(help="the id of a batch, or the beginning of it")]
Json = Annotated[bool, typer.Option("--json", help="print machine-readable output")]
Where = Annotated[
    Literal["ray"] | None, typer.Option("--engine", help="ray: the workers run on the cluster that RAY_ADDRESS names")
]
Workers = Annotated[int, typer.Option(min=1, help="processes; several where reading takes longer than answering")]


@app.command()
def submit(
    run: Annotated[Path, typer.Argument(help="a run folder, or a bundle")],
    data: Annotated[
        list[str],
        typer.Argument(
            help="tables, folders, files, texts, s3://BUCKET/NAME; data.fields.FIELD=COLUMN where columns have other "
            "names"
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help=".jsonl, .csv, a folder of drawn answers, subs/*.srt; s3://BUCKET/NAME too; default a .jsonl in "
            "NORIA_HOME, told at the end"
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
    engine: Annotated[
        Literal["torch", "openvino", "ray"] | None,
        typer.Option(
            help="what runs the network, default the job's evaluate.engine; ray: the workers run on the cluster that "
            "RAY_ADDRESS names"
        ),
    ] = None,
    hours: Annotated[str, typer.Option(help="work only at these hours of the day, local time: 22:00-06:00")] = "",
    when_idle: Annotated[
        bool, typer.Option("--when-idle", help="wait while a service of this machine answers")
    ] = False,
    hang_seconds: Annotated[
        float,
        typer.Option(
            help="a worker that finishes no piece for so many seconds counts as crashed; more where a record may take "
            "that long; 0: never"
        ),
    ] = 600.0,
    workers: Workers = 1,
    detach: Annotated[bool, typer.Option("--detach", help="return at once; the batch goes on by itself")] = False,
    as_json: Json = False,
) -> None:
    """Answer all records of some inputs; the same again goes on with what is there."""
    from noria import batch
    from noria.reporter import Terminal

    is_on_cluster = engine == "ray"
    network = None if engine == "ray" else engine
    job, is_old = batch.submit(
        run, data, out, keep=keep, probabilities=probabilities, engine=network, hours=hours, when_idle=when_idle,
        hang_seconds=hang_seconds, workers=workers, reporter=Terminal(),
    )  # fmt: skip
    if is_old:
        Terminal().say(f"this batch was submitted before: {job.id}, {job.state}")
    _go_on(job.id, workers, is_on_cluster, detach, as_json)


@app.command()
def resume(
    job: JobId,
    workers: Workers = 1,
    engine: Where = None,
    detach: Annotated[bool, typer.Option("--detach", help="return at once; the batch goes on by itself")] = False,
    as_json: Json = False,
) -> None:
    """Go on with a batch that was stopped, or that failed once its reason is mended."""
    _go_on(job, workers, engine == "ray", detach, as_json)


@app.command()
def work(workers: Workers = 1, engine: Where = None) -> None:
    """Work at all batches of the database, those submitted later too, until stopped: for more machines, for systemd."""
    from noria import batch
    from noria.reporter import Terminal

    batch.work_for_all(workers, Terminal(), engine == "ray")


@app.command()
def status(job: JobId, as_json: Json = False) -> None:
    """Say how far a batch is, how fast, and how long the rest takes."""
    from noria import batch

    _show(batch.state(job), as_json)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List all batches, the oldest first."""
    from noria import batch

    found = batch.states()
    show([one.as_json() for one in found] if as_json else "\n".join(map(str, found)) or "no batch yet", as_json)


@app.command()
def cancel(job: JobId, as_json: Json = False) -> None:
    """End a batch: what is answered is written, the rest stands in the file of errors as cancelled."""
    from noria import batch

    _show(batch.cancel(job), as_json)


def _go_on(job: str, workers: int, is_on_cluster: bool, detach: bool, as_json: bool) -> None:
    from noria import batch
    from noria.reporter import Terminal

    if detach:
        found = batch.go_on_alone(job, workers, is_on_cluster)
    else:
        try:
            found = batch.work(job, workers, Terminal(), is_on_cluster)
        except KeyboardInterrupt:
            again = " --engine ray" if is_on_cluster else ""
            sys.stderr.write(f"stopped: what is answered is kept; to go on: noria batch resume {job}{again}\n")
            sys.exit(130)
    _show(found, as_json)
    if found.job.state == batch.FAILED:
        sys.exit(2)


def _show(found: Any, as_json: bool) -> None:
    show(found.as_json() if as_json else found.told, as_json)
