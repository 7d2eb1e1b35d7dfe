"""Take feedback: truths by the ids of answers become realised value in the ledger. Knows no task.

Read next: ledger/feedback.py, pipeline/valuing.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from noria.contract.source import Source
from noria.database import Database, Transaction
from noria.errors import UserError
from noria.ledger.answers import Finder, valuing_of
from noria.ledger.entry import About
from noria.ledger.feedback import Taken, Truth, Worth, give
from noria.pipeline.valuing import worth_of
from noria.sources.formats.opening import open_source

AT_ONCE = 1000  # truths a transaction: others book between


def take(
    transaction: Transaction, truths: Iterable[Truth], client: str | None = None, model: str | None = None,
    sees: Callable[[str], bool] = lambda _: True,
) -> Taken:  # fmt: skip
    """Book what answers were worth. client, model: whose answers, and which model's; None takes any.

    Answers of a version of which nobody knows what they are worth keep no others from it: they are told as unreadable.
    """

    def worth(about: About) -> Worth:
        text = valuing_of(transaction, about.version)
        try:
            return _unknown("nothing is kept of this version") if text is None else _realised(text)
        except UserError as error:  # of a newer version of the package, say
            return _unknown(str(error))

    return give(Finder(transaction, client, model), truths, worth, time.time(), sees)


def take_file(
    database: Database, path: Path, names: tuple[str, str] = ("id", "label"), client: str | None = None,
    model: str | None = None,
) -> Taken:  # fmt: skip
    """Take the truths of a table: names are those of its columns. Raises UserError where one is missing."""
    taken = Taken()
    for rows in _opened(path, names).rows(AT_ONCE):
        for bad in rows.bad:
            taken.note("unreadable", Truth("", None, bad.where), bad.reason)
        some = [Truth(str(one.fields[names[0]]), one.fields[names[1]], one.where) for one in rows.records()]
        taken.add(database.transact(lambda to, some=some: take(to, some, client, model)))  # type: ignore[misc]
    return taken


def _opened(path: Path, names: tuple[str, str]) -> Source:
    source = open_source(path, asked=names)
    if missing := [name for name in names if name not in source.columns]:
        raise UserError(
            f"there is no column {missing[0]!r}",
            where=str(path),
            found=f"columns {', '.join(source.columns)}",
            fix="name yours: --id COLUMN --label COLUMN",
        )
    return source


def _unknown(reason: str) -> Worth:
    def unknown(answers: Any, _: Any) -> tuple[list[int], Mapping[int, str]]:
        return [0] * len(answers), dict.fromkeys(range(len(answers)), f"what it is worth cannot be told: {reason}")

    return unknown


@lru_cache(8)
def _realised(text: str) -> Worth:
    found = worth_of(text)

    def realised(answers: Any, truths: Any) -> tuple[list[int], Mapping[int, str]]:
        return found.realised(answers, truths)

    return realised
