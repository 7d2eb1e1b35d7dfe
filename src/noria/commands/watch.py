"""noria watch: new records beside those that a run was calibrated on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noria import verbs
from noria.commands.words import Engine, Json, Run
from noria.printing import show


def watch(
    run: Run,
    inputs: Annotated[
        list[str],
        typer.Argument(help="files, folders or tables of records; data.fields.FIELD=COLUMN where columns differ"),
    ],
    out: Annotated[Path | None, typer.Option(help="the page; default watch.html in the run folder")] = None,
    level: Annotated[float, typer.Option(help="chance of an alarm where nothing has changed, of all tests")] = 0.05,
    engine: Engine = None,
    as_json: Json = False,
) -> None:
    """Set new records beside those that a run was calibrated on: has anything drifted, what score is to be expected."""
    overrides = [one for one in inputs if one.startswith("data.") and "=" in one]
    paths = [one for one in inputs if one not in overrides]
    found = verbs.watch(run, *paths, out=out, level=level, overrides=overrides, engine=engine)
    show(found.as_json() if as_json else found, as_json)
