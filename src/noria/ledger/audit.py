"""Whether the ledger agrees with itself and with what runs and services say: `noria ledger check`.

every entry is balanced           the postings of each key sum to zero
the sums are those of the entries   of each day and name, of everything
the ledger is what was measured   of a service, what it counts; of each run, at least the seconds that its files tell
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from noria.database import Transaction
from noria.errors import UserError
from noria.ledger.booking import SUM, add, joined, rows
from noria.ledger.entry import DIMENSIONS, MICRO, About
from noria.ledger.till import name_of_run

SHOWN = 5
TOLERANCE_S = 1.0  # between two clocks that begin one after the other
COUNTED = {
    "noria_records_total": "predictions",
    "noria_prompt_tokens_total": "tokens_read",
    "noria_generated_tokens_total": "tokens_written",
}


@dataclass(frozen=True)
class Finding:
    """What was compared, and what is wrong with it; nothing where `wrong` is empty."""

    what: str
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = f" and {len(self.wrong) - SHOWN} more" if len(self.wrong) > SHOWN else ""
        return f"{self.what}: {'; '.join(self.wrong[:SHOWN])}{more}" if self.wrong else f"{self.what}: yes"


def check(transaction: Transaction) -> list[Finding]:
    """Return what the tables say of one another; of the entries a few thousand are held at once."""
    unbalanced, sums = [], Counter[tuple[str, ...]]()
    for row in rows(transaction):
        if total := sum(row.postings.values()):
            unbalanced.append(f"{row.key} sums to {total}")
        add(sums, row.time, row.end, row.postings, row.quantities)
    wrong = tuple(_differences(transaction, sums))
    return [
        Finding("every entry sums to zero", tuple(unbalanced)),
        Finding("the sums are those of the entries", wrong),
    ]


def _differences(transaction: Transaction, sums: Counter[tuple[str, ...]]) -> Iterator[str]:
    """Yield where what is kept in `total` is not the sum of the entries."""
    kept: Counter[tuple[str, ...]] = Counter()
    for *name, amount, billions in transaction.run("select * from total"):
        kept[tuple(name)] = joined(billions, amount)
    for one in sorted(sums.keys() | kept.keys()):
        if sums[one] != kept[one]:
            yield f"{' '.join(filter(None, one))}: {kept[one]} kept, {sums[one]} booked"


def check_run(transaction: Transaction, run: Path) -> Finding:
    """Return whether the seconds that a run tells of its training are booked."""
    told = _seconds_told(run)
    told_s = sum(value for stage, value in told.items() if stage in ("prepare", "train", "folds", "protocols"))
    query = f"select {SUM} from total where name = 'wall_micros' and model = ? and activity = 'train'"
    booked_s = joined(*transaction.run(query, name_of_run(run))[0]) / MICRO
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
    """Return whether a service has booked what it counts, by the text of its /metrics, up to when that was taken.

    An answer that is on its way may be booked and not counted yet: then only what is booked too little is wrong.
    """
    samples = _samples(text)
    ((process, num_entries),) = [
        (one.labels["process"], one.value) for one in samples if one.name == "noria_ledger_entries_total"
    ]
    others = sum(one.value for one in samples if one.name == "http_requests_inprogress") - 1  # beside this one
    counted: Counter[tuple[str, str]] = Counter()
    for one in samples:
        if one.name in COUNTED:
            counted[(one.labels["model"], COUNTED[one.name])] += round(one.value)
    booked: Counter[tuple[str, str]] = Counter()
    prefix = f"serve/{process}/"
    for row in rows(transaction, prefix):
        if int(row.key.removeprefix(prefix)) <= num_entries:
            model = About(*row.end[: len(DIMENSIONS)]).model
            booked.update({(model, name): row.quantities.get(name, 0) for name in COUNTED.values()})
    wrong = tuple(
        f"{' '.join(one)}: {counted[one]} counted, {booked[one]} booked"
        for one in sorted(counted.keys() | booked.keys())
        if booked[one] < counted[one] or (booked[one] > counted[one] and others < 1)
    )
    return Finding("what the service counts is booked", wrong)


def _samples(text: str) -> list[Sample]:
    """Return the samples of metrics as text. Raises UserError where they are not those of a service of Noria."""
    try:
        found = [one for family in text_string_to_metric_families(text) for one in family.samples]
    except ValueError:
        found = []
    if not any(one.name == "noria_ledger_entries_total" for one in found):
        fix = "save what the service itself tells: curl http://127.0.0.1:8000/metrics > metrics.txt"
        expected = "noria_ledger_entries_total among them"
        raise UserError("these are not the metrics of a service", expected=expected, fix=fix)
    return found
