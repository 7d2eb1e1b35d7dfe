"""Whether the ledger agrees with itself and with what runs and services say: `noria ledger check`.

every entry is balanced           the postings of each key sum to zero
the sums are those of the entries   of each day and name, of everything
the ledger is what was measured   of each run, the seconds that its own files tell are booked
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noria.database import Transaction
from noria.errors import UserError
from noria.ledger.booking import day_of
from noria.ledger.entry import MICRO
from noria.ledger.till import name_of_run

SHOWN = 5
TOLERANCE_S = 1.0  # between two clocks that begin one after the other


@dataclass(frozen=True)
class Finding:
    """What was compared, and what is wrong with it; nothing where `wrong` is empty."""

    what: str
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = f" and {len(self.wrong) - SHOWN} more" if len(self.wrong) > SHOWN else ""
        return f"{self.what}: {'; '.join(self.wrong[:SHOWN])}{more}" if self.wrong else f"{self.what}: yes"


def check(transaction: Transaction) -> list[Finding]:
    """Return what the tables say of one another."""
    off = transaction.run("select key, sum(micro) from posting group by key having sum(micro) <> 0")
    unbalanced = tuple(f"{key} sums to {int(micro)}" for key, micro in off)
    booked, kept = _booked(transaction), _kept(transaction)
    wrong = tuple(
        f"{' '.join(one)}: {kept[one]} kept, {booked[one]} booked"
        for one in sorted(booked.keys() | kept.keys())
        if booked[one] != kept[one]
    )
    return [Finding("every entry sums to zero", unbalanced), Finding("the sums are those of the entries", wrong)]


def check_run(transaction: Transaction, run: Path) -> Finding:
    """Return whether the seconds that a run tells of its training are booked."""
    told = _seconds_told(run)
    told_s = sum(value for stage, value in told.items() if stage in ("prepare", "train", "folds", "protocols"))
    query = "select sum(amount) from total where name = 'wall_micros' and model = ? and activity = 'train'"
    ((micros,),) = transaction.run(query, name_of_run(run))
    booked_s = int(micros or 0) / MICRO
    what = f"{run}: its {told_s:.1f} s of training are booked"
    return Finding(what, () if booked_s >= told_s - TOLERANCE_S else (f"{booked_s:.1f} s are",))


def _seconds_told(run: Path) -> dict[str, float]:
    """Return the seconds of each stage by the run's own account. Raises UserError where it is no finished run."""
    try:
        told: dict[str, float] = json.loads((run / "metrics.json").read_text("utf-8"))["seconds"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        fix = "name the folder of a training that has ended; noria runs lists them"
        raise UserError("this is no finished run", where=str(run), fix=fix) from error
    return told


def check_service(transaction: Transaction, text: str) -> Finding:
    """Return whether what is booked reaches what a service counts: the text of its /metrics, from its start on."""
    pairs = {
        "noria_records_total": "predictions",
        "noria_prompt_tokens_total": "tokens_read",
        "noria_generated_tokens_total": "tokens_written",
    }
    counted: Counter[tuple[str, str]] = Counter()
    for name, labels, value in _samples(text):
        if name in pairs:
            counted[(labels, pairs[name])] += round(value)
    query = "select model, name, sum(amount) from total where activity = 'serve' group by model, name"
    booked = {(model, name): int(amount) for model, name, amount in transaction.run(query)}
    wrong = tuple(
        f"{model}: {count} {name} counted, {booked.get((model, name), 0)} booked"
        for (model, name), count in sorted(counted.items())
        if booked.get((model, name), 0) < count
    )
    return Finding("what the service counts is booked", wrong)


def _booked(transaction: Transaction) -> Counter[tuple[str, str]]:
    """Return the sums by day and name of all that is booked, read anew."""
    found: Counter[tuple[str, str]] = Counter()
    query = "select entry.time, account, micro from posting join entry on entry.key = posting.key"
    for time, account, micro in transaction.run(query):
        found[(day_of(time), account)] += int(micro)
    for time, quantities in transaction.run("select time, quantities from entry"):
        for name, amount in json.loads(quantities).items():
            found[(day_of(time), name)] += amount
    return found


def _kept(transaction: Transaction) -> Counter[tuple[str, str]]:
    rows: list[tuple[Any, ...]] = transaction.run("select day, name, sum(amount) from total group by day, name")
    return Counter({(day, name): int(amount) for day, name, amount in rows})


def _samples(text: str) -> Iterator[tuple[str, str, float]]:
    """Yield name, model and value of each sample of metrics as text."""
    for line in text.splitlines():
        if line.startswith("#") or "{" not in line:
            continue
        head, _, value = line.rpartition(" ")
        name, _, labels = head.partition("{")
        model = labels.partition('model="')[2].partition('"')[0]
        yield name, model, float(value)
