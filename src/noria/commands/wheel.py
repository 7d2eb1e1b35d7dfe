"""The commands of the wheel: text to a call, no logic. What is heavy is imported inside the command that needs it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from noria.commands.words import Json
from noria.printing import show

app = typer.Typer(help="Train a model again where it pays, and let a better one into service.", no_args_is_help=True)

Run = Annotated[Path, typer.Argument(help="the run that the wheel began with, or its link wheel/current")]
Reason = Annotated[str, typer.Option(help="why, for the log")]


@app.command()
def turn(
    run: Run,
    overrides: Annotated[list[str] | None, typer.Argument(help="wheel.KEY=VALUE", show_default=False)] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="newly labelled records; may stand several times; default wheel.data")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at new records; train, compare and promote a candidate where that pays. Goes on with what was broken off."""
    from noria.ledger import Prices
    from noria.reporter import Terminal
    from noria.wheel.money import Money
    from noria.wheel.turn.by_hand import what_waits
    from noria.wheel.turn.log import lines_of
    from noria.wheel.turn.turn import turn_wheel

    record = turn_wheel(run, data or (), overrides or (), Terminal())
    lines = [*lines_of(record, Money(Prices.load().currency)), *what_waits(run, record)]
    show(dataclasses.asdict(record) if as_json else "\n".join(lines), as_json)


@app.command()
def status(run: Run) -> None:
    """Show which model is in service, and what the last turn did."""
    from noria.wheel.turn.by_hand import status

    show(status(run), False)


@app.command()
def log(run: Run, as_json: Json = False) -> None:
    """Show every turn: what was done, why, and what it cost."""
    from noria.wheel.turn.by_hand import log, records

    show([dataclasses.asdict(one) for one in records(run)] if as_json else log(run), as_json)


@app.command()
def approve(run: Run, reason: Reason = "") -> None:
    """Let the candidate that waits into service."""
    from noria.reporter import Terminal
    from noria.wheel.turn.by_hand import answer_candidate

    show(answer_candidate(run, True, reason, Terminal()).steps[-1].sentence, False)


@app.command()
def reject(run: Run, reason: Reason = "") -> None:
    """Keep the champion; the turn that goes on ends, whatever it waits for, and its candidate is not used."""
    from noria.reporter import Terminal
    from noria.wheel.turn.by_hand import answer_candidate

    show(answer_candidate(run, False, reason, Terminal()).steps[-1].sentence, False)


@app.command()
def rollback(run: Run, reason: Reason = "") -> None:
    """Bring the champion back that was in service before this one."""
    from noria.wheel.turn.by_hand import roll_back

    show(roll_back(run, reason), False)
