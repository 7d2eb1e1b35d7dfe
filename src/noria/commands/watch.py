"""noria watch: new records beside those that a run was calibrated on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noria import verbs
from noria.commands.words import Engine, Json, Run
from noria.errors import UserError
from noria.printing import show


def watch(
    run: Run,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="files, folders or tables of records; data.fields.FIELD=COLUMN where columns differ",
            show_default=False,
        ),
    ] = None,
    live: Annotated[
        str | None, typer.Option(help="address of a server: what it saw of the model RUN, by name, in its last records")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the page; default watch.html in the run folder")] = None,
    level: Annotated[float, typer.Option(help="chance of an alarm where nothing has changed, of all tests")] = 0.05,
    predictions_per_day: Annotated[
        float | None, typer.Option(min=0, help="answers given a day: says what the change costs, by the job's `value`")
    ] = None,
    engine: Engine = None,
    as_json: Json = False,
) -> None:
    """Set new records beside those that a run was calibrated on: has anything drifted, what score is to be expected."""
    if (live is None) == (not inputs):
        raise UserError("what is watched is either records or a server", expected="RUN INPUT..., or RUN --live URL")
    if live is not None:
        if out is not None or engine is not None or predictions_per_day is not None:
            what = "a server is asked what it has seen, and nothing is answered or drawn"
            raise UserError(what, where="--live", fix="leave out --out, --engine and --predictions-per-day")
        from noria.drift.asked import watched_by

        found = watched_by(live, run.name)
        show(found.as_json() if as_json else found, as_json)
        return
    overrides = [one for one in inputs or () if one.startswith("data.") and "=" in one]
    paths = [one for one in inputs or () if one not in overrides]
    found = verbs.watch(
        run, *paths, out=out, level=level, overrides=overrides, engine=engine, predictions_per_day=predictions_per_day
    )
    show(found.as_json() if as_json else found, as_json)
