"""The command line: text to stage call, no logic. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from noria.errors import UserError

app = typer.Typer(
    help="Records in, a model that works day and night out. JOB is a job file or the name of a shipped one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Job = Annotated[str, typer.Argument(help="a job file, or the name of a shipped job (noria list jobs)")]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, as in train.minutes=5", show_default=False)]
Run = Annotated[Path, typer.Argument(help="a run folder")]
Json = Annotated[bool, typer.Option("--json", help="print machine-readable output")]


def main() -> None:
    """Run a command; show a UserError as its text and leave with its exit code."""
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)


@app.command()
def train(
    job: Job,
    overrides: Overrides = None,
    run: Annotated[Path | None, typer.Option(help="the run folder; default runs/NAME")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the training in --run")] = False,
    as_json: Json = False,
) -> None:
    """Train, evaluate, write the bundle and the report."""
    from noria.stages.train import train as stage

    made = stage(job, overrides or [], run, resume)
    _finish(made, as_json)


@app.command()
def evaluate(
    run: Run,
    data: Annotated[Path | None, typer.Option(help="score on this data instead of the run's test split")] = None,
    as_json: Json = False,
) -> None:
    """Score a run on its test split or on other data."""
    from noria.stages.evaluate import evaluate as stage
    from noria.stages.summary import summary

    metrics = stage(run, data)
    _out(json.dumps(metrics, ensure_ascii=False) if as_json else summary(metrics))


def _finish(run: Path, as_json: bool) -> None:
    from noria.stages.summary import summary

    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    _out(json.dumps({"run": str(run), **metrics}, ensure_ascii=False) if as_json else summary(metrics, run))


def _out(text: Any) -> None:
    sys.stdout.write(f"{text}\n")
