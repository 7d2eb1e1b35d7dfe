"""The turns of a wheel and their steps, in the database: what was done is known there, whoever is killed when.

A step is written once, when it is done; that it is done again after a kill before it was written must change nothing.
Read next: turn.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from noria.database import Database, Schema, Transaction
from noria.ledger import SCHEMA as LEDGER
from noria.ledger import Entry, book
from noria.wheel.turn.traffic import predictions_per_day

SCHEMA = Schema(
    "wheel",
    [
        [
            "create table wheel_turn (wheel text not null, number bigint not null, began double precision not null,"
            " ended double precision, outcome text not null, asked text not null, primary key (wheel, number))",
            "create table wheel_step (wheel text not null, number bigint not null, step text not null,"
            " time double precision not null, micro bigint not null, sentence text not null, result text not null,"
            " primary key (wheel, number, step))",
        ]
    ],
)
TICK_S = 1e-6  # a number of 64 bits tells such times apart until 2100
OPEN = ""
NOTHING, PROMOTED, REJECTED, FAILED, STOPPED = "nothing to do", "promoted", "rejected", "failed", "stopped"
ROLLED_BACK = "rolled back"
DISAPPOINTED = (REJECTED, FAILED, STOPPED, ROLLED_BACK)  # after which there is a pause


@dataclass(frozen=True)
class Step:
    """A step that was done. micro: what it cost. result: what later steps need of it."""

    name: str
    time: float
    micro: int
    sentence: str
    result: Mapping[str, Any]


@dataclass(frozen=True)
class TurnRecord:
    """A turn as it is written down. asked: with which data and settings it began. outcome: OPEN while it goes on."""

    number: int
    began: float
    ended: float | None
    outcome: str
    asked: Mapping[str, Any]
    steps: Sequence[Step]


@dataclass(frozen=True)
class Done:
    """How a step ended. outcome: of the whole turn, where this was its last step."""

    sentence: str
    result: Mapping[str, Any]
    micro: int = 0
    outcome: str = OPEN


class Turns:
    """The turns of one wheel, which has an id of its own, wherever its run is moved."""

    def __init__(self, database: Database, wheel: str) -> None:
        self._database, self._wheel = database, wheel
        for one in (SCHEMA, LEDGER):
            database.prepare(one)

    def all(self) -> list[TurnRecord]:
        """Return all turns with their steps, the first one first."""
        return self._database.transact(self._read, writes=False)

    def open(self) -> TurnRecord | None:
        """Return the turn that goes on; None where there is none."""
        return next((one for one in self.all() if one.outcome == OPEN), None)

    def begin(self, asked: Mapping[str, Any], after: int = 0) -> TurnRecord:
        """Begin a turn, or return the one that goes on. after: a number that is taken, though no turn of it is known.

        So are the folders of a wheel that was copied, or whose database is another one by now.
        """

        def work(to: Transaction) -> TurnRecord:
            to.lock(f"wheel {self._wheel}")
            known = self._read(to)
            if going := [one for one in known if one.outcome == OPEN]:
                return going[0]
            number = 1 + max([after, *(one.number for one in known)])
            record = TurnRecord(number, to.now(), None, OPEN, asked, ())
            to.run(
                "insert into wheel_turn (wheel, number, began, outcome, asked) values (?, ?, ?, ?, ?)",
                self._wheel, number, record.began, OPEN, json.dumps(asked),
            )  # fmt: skip
            return record

        return self._database.transact(work)

    def write(self, number: int, name: str, done: Done, entries: Sequence[Entry] = ()) -> None:
        """Write down and book that a step is done, and with it, where it was the last one, that the turn has ended.

        What has been written stays: of two who did the same, the first one counts. Steps are read in the order of their
        times, so each has a later one than the one before, also where the clock was set back.
        """

        def work(to: Transaction) -> None:
            last = "select max(time) from wheel_step where wheel = ? and number = ?"
            ((before,),) = to.run(last, self._wheel, number)
            now = max(to.now(), (before or 0.0) + TICK_S)
            to.run(
                "insert into wheel_step values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
                self._wheel, number, name, now, done.micro, done.sentence, json.dumps(done.result),
            )  # fmt: skip
            if done.outcome != OPEN:
                to.run(
                    "update wheel_turn set ended = ?, outcome = ? where wheel = ? and number = ? and outcome = ?",
                    now, done.outcome, self._wheel, number, OPEN,
                )  # fmt: skip
            book(to, entries)

        self._database.transact(work)

    def predictions_per_day(self, model: str) -> float | None:
        """Return how many answers of a model the ledger has a day; None where it has none."""
        return self._database.transact(lambda to: predictions_per_day(to, model, to.now()), writes=False)

    def now(self) -> float:
        """Return the time by the database's clock."""
        return self._database.transact(Transaction.now, writes=False)

    def _read(self, transaction: Transaction) -> list[TurnRecord]:
        steps: dict[int, list[Step]] = {}
        rows = transaction.run(
            "select number, step, time, micro, sentence, result from wheel_step where wheel = ? order by time",
            self._wheel,
        )
        for number, name, time, micro, sentence, result in rows:
            steps.setdefault(number, []).append(Step(name, time, micro, sentence, json.loads(result)))
        rows = transaction.run(
            "select number, began, ended, outcome, asked from wheel_turn where wheel = ? order by number", self._wheel
        )
        return [
            TurnRecord(number, began, ended, outcome, json.loads(asked), steps.get(number, ()))
            for number, began, ended, outcome, asked in rows
        ]
