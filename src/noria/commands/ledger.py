"""`noria ledger ...`: what everything cost and what it was worth."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from noria.database import Database, open_database
from noria.errors import EXIT_USER_ERROR, UserError
from noria.printing import show

app = typer.Typer(help="Show what everything cost, and what the answers were worth.", no_args_is_help=False)

Json = Annotated[bool, typer.Option("--json", help="print machine-readable output")]
Key = Annotated[str, typer.Argument(help="key of an entry")]


@app.callback(invoke_without_command=True)
def ledger(
    context: typer.Context,
    by: Annotated[
        str, typer.Option(help="groups, with commas: model, version, day, month, client, job, activity")
    ] = "model",
    since: Annotated[str, typer.Option(help="first day, as in 2027-01-01")] = "",
    until: Annotated[str, typer.Option(help="last day")] = "",
    model: Annotated[str, typer.Option(help="of this model alone")] = "",
    csv: Annotated[Path | None, typer.Option(help="write it as a table")] = None,
    page: Annotated[Path | None, typer.Option(help="write it as a page with plots")] = None,
    as_json: Json = False,
) -> None:
    """Show costs, values, margins and break-even."""
    if context.invoked_subcommand is not None:
        return
    from noria.ledger.statement import statement
    from noria.report.ledger_page import ledger_page, ledger_text, write_csv
    from noria.store.disk import AGAIN_ADVICE, replace_file

    groups = [one.strip() for one in by.split(",") if one.strip()]
    rows = collected().transact(lambda to: statement(to, groups, since, until, model), writes=False)
    if csv is not None:
        write_csv(csv, groups, rows)
    if page is not None:
        replace_file(page, ledger_page(groups, rows).encode(), AGAIN_ADVICE)
    show([one.as_json() for one in rows] if as_json else ledger_text(groups, rows), as_json)


@app.command()
def check(
    runs: Annotated[list[Path] | None, typer.Argument(help="runs whose own seconds are looked for")] = None,
    metrics: Annotated[Path | None, typer.Option(help="a service's /metrics, saved as a file")] = None,
    as_json: Json = False,
) -> None:
    """Check that entries are balanced, sums right and measured seconds booked; exit code 2 where not."""
    from noria.ledger import audit

    database = collected()
    found = database.transact(audit.check, writes=False)
    found += database.transact(lambda to: [audit.check_run(to, run) for run in runs or []], writes=False)
    if metrics is not None:
        text = _text_of(metrics)
        found.append(database.transact(lambda to: audit.check_service(to, text), writes=False))
    told = [{"checked": one.what, "wrong": list(one.wrong)} for one in found]
    show(told if as_json else "\n".join(map(str, found)), as_json)
    if any(one.wrong for one in found):
        raise SystemExit(EXIT_USER_ERROR)


@app.command()
def entries(
    model: Annotated[str, typer.Option(help="of this model alone")] = "",
    count: Annotated[int, typer.Option("-n", min=1, help="how many of the last ones")] = 20,
) -> None:
    """List the last entries, one line of JSON each."""
    from noria.ledger.booking import last_entries

    for one in collected().transact(lambda to: last_entries(to, count, model), writes=False):
        show(one.as_json(), True)


@app.command()
def reverse(key: Key) -> None:
    """Take an entry back by a second one that is its opposite; nothing is ever removed."""
    from noria.ledger.booking import reverse

    now = time.time()
    show(collected().transact(lambda to: reverse(to, key, now)).as_json(), True)


@app.command()
def prices(
    write: Annotated[bool, typer.Option("--write", help="write a file with comments to change")] = False,
    as_json: Json = False,
) -> None:
    """Show what is reckoned with on this machine, and where it is set."""
    from noria.ledger.price_file import told, write_template

    if write:
        show(write_template(), False)
        return
    found = told()
    lines = [f"{name}: {value}" for name, value in found.items()]
    show(found if as_json else "\n".join(lines), as_json)


def _text_of(metrics: Path) -> str:
    try:
        return metrics.read_text("utf-8")
    except (OSError, ValueError) as error:
        fix = f"save it first: curl http://127.0.0.1:8000/metrics > {metrics}"
        raise UserError(
            "what the service counts cannot be read", where=str(metrics), found=str(error), fix=fix
        ) from error


def collected() -> Database:
    """Return the database with all in it that this machine has spent."""
    from noria.ledger.collecting import collect
    from noria.ledger.storage import keep_up
    from noria.ledger.till import Till
    from noria.reporter import Terminal

    database, till = open_database(), Till()
    found = collect(database)
    if keep_up(database, till):
        till.close()
        collect(database)
    if found.num_unreadable:
        Terminal().say(
            f"warning: {found.num_unreadable} lines of the spool are no entries; they are kept in files of the ending "
            ".unreadable in its folder"
        )
    if found.uncollected:
        Terminal().say(
            f"warning: these files of the spool could not be collected now; let this user read and write them, or "
            f"collect them as their own: {', '.join(found.uncollected)}"
        )
    if found.num_not_kept:
        Terminal().say(
            f"warning: the answers to {found.num_not_kept} requests await no feedback: the same client had sent the "
            "same x-request-id to the same model before; let each request have its own"
        )
    return database
