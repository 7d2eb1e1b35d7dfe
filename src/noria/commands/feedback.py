"""`noria feedback FILE`: what was true of answers, by their ids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noria.commands.words import Json
from noria.errors import EXIT_USER_ERROR
from noria.printing import show


def feedback(
    file: Annotated[Path, typer.Argument(help="a table of any kind, with an id and what was true in each row")],
    id_column: Annotated[str, typer.Option("--id", help="column of the ids: JOB/ROW, REQUEST-ID/INDEX")] = "id",
    label_column: Annotated[str, typer.Option("--label", help="column of what was true")] = "label",
    client: Annotated[str | None, typer.Option(help="key whose answers they are, by its name; default any")] = None,
    model: Annotated[str | None, typer.Option(help="model whose answers they are; default any")] = None,
    as_json: Json = False,
) -> None:
    """Say what was true of answers: they have their realised value then; exit code 2 where not all is taken."""
    from noria.commands.ledger import collected
    from noria.stages.feedback import take_file

    taken = take_file(collected(), file, (id_column, label_column), client, model)
    show(taken.as_json() if as_json else "\n".join(taken.sentences()) or "the table is empty", as_json)
    if not taken.is_whole:
        raise SystemExit(EXIT_USER_ERROR)
