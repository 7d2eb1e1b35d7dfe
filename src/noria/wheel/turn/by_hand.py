"""What a person does with a wheel: approve or reject a candidate, bring the last champion back, look.

Read next: turn.py, log.py.
"""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path

from noria.database import open_database
from noria.errors import UserError
from noria.job.wheel import Wheel
from noria.ledger import Prices
from noria.reporter import Reporter, Terminal
from noria.store.run_folder import locked
from noria.wheel.money import Money
from noria.wheel.turn.approve import answer
from noria.wheel.turn.canary import reload
from noria.wheel.turn.folder import CANDIDATE, WheelFolder
from noria.wheel.turn.log import lines_of, told
from noria.wheel.turn.rollback import asked, bring_back, is_rollback
from noria.wheel.turn.turn import turn_wheel
from noria.wheel.turn.turns import PROMOTED, TurnRecord, Turns


def answer_candidate(run: Path, is_approved: bool, reason: str, reporter: Reporter) -> TurnRecord:
    """Write down what a person says of the candidate, and go on; return the turn.

    Only a candidate that waits can be approved; a turn can be rejected as long as it goes on, whatever it waits for.
    """
    wheel = WheelFolder.of(run)
    with locked(_there(wheel)):
        turns = Turns(open_database(), wheel.prepare(reporter.say))
        going = turns.open()
        is_theirs = going is not None and (is_waiting(going) if is_approved else not is_rollback(going))
        if going is None or not is_theirs:
            raise UserError("no candidate waits for an answer", where=str(run), fix=f"noria wheel status {run}")
        if not is_approved:
            _withdraw(wheel, going)
        name = "approve" if is_waiting(going) else "reject"
        turns.write(going.number, name, answer(is_approved, getpass.getuser(), reason))
    if is_approved:
        return turn_wheel(run, (), (), reporter)
    return turns.all()[-1]


def _withdraw(wheel: WheelFolder, going: TurnRecord) -> None:
    """Have nobody try the candidate any more: the service, which gives it up when it reads the champion again."""
    wheel.drop(CANDIDATE)
    settings = Wheel.model_validate(going.asked["settings"])
    if any(step.name == "approve" for step in going.steps):
        reload(settings.service)


def roll_back(run: Path, reason: str, reporter: Reporter | None = None) -> str:
    """Let the champion before this one be the champion again; return what to say."""
    wheel = WheelFolder.of(run)
    with locked(_there(wheel)):
        turns = Turns(open_database(), wheel.prepare((reporter or Terminal()).say))
        going = turns.open()
        if going is not None and not is_rollback(going):
            fix = f"let it end: noria wheel turn {run}; or end it: noria wheel reject {run}"
            raise UserError("a turn of this wheel goes on", where=str(run), fix=fix)
        why = f"said {getpass.getuser()}" + (f": {reason}" if reason else "")
        known = turns.all()
        record = going or turns.begin(asked(_before(wheel, known), why, known))
        return bring_back(wheel, turns, record)


def status(run: Path, reporter: Reporter | None = None) -> str:
    """Return which run is in service, and the turn that goes on or was the last one."""
    wheel, turns, money = _opened(run, reporter)
    known = turns.all()
    lines = [f"champion: {wheel.shown(wheel.champion)}, {wheel.champion}"]
    lines += lines_of(known[-1], money) if known else ["this wheel has not turned yet"]
    return "\n".join([*lines, *(what_waits(run, known[-1]) if known else ())])


def what_waits(run: Path, turn: TurnRecord) -> list[str]:
    """Return in a line what a person is to do about a turn; nothing where it waits for nobody."""
    told = f"it waits for a person: noria wheel approve {run}, or noria wheel reject {run}"
    return [told] if is_waiting(turn) else []


def log(run: Path, reporter: Reporter | None = None) -> str:
    """Return all turns as a person reads them."""
    _, turns, money = _opened(run, reporter)
    return told(turns.all(), money)


def records(run: Path, reporter: Reporter | None = None) -> Sequence[TurnRecord]:
    """Return all turns."""
    return _opened(run, reporter)[1].all()


def is_waiting(turn: TurnRecord) -> bool:
    """Say whether a turn waits for a person: it was compared, is open, asks for one, and nobody has answered."""
    names = [step.name for step in turn.steps]
    is_asked = turn.asked.get("settings", {}).get("approve") == "person"
    return not turn.outcome and is_asked and "compare" in names and "approve" not in names


def _opened(run: Path, reporter: Reporter | None) -> tuple[WheelFolder, Turns, Money]:
    wheel = WheelFolder.of(run)
    _there(wheel)
    return wheel, Turns(open_database(), wheel.prepare((reporter or Terminal()).say)), Money(Prices.load().currency)


def _there(wheel: WheelFolder) -> Path:
    """Return the folder of a wheel that has turned before; raise UserError where it has not."""
    if not (wheel.path / "id").is_file():
        fix = f"begin with: noria wheel turn {wheel.run} --data NEW"
        raise UserError("this run has no wheel yet", where=str(wheel.run), fix=fix)
    return wheel.path


def _before(wheel: WheelFolder, turns: Sequence[TurnRecord]) -> Path:
    """Return the run that was the champion before the present one; raise UserError where there was none."""
    champion = wheel.champion
    for one in reversed(turns):
        if one.outcome == PROMOTED and wheel.turn(one.number).resolve() == champion.parent:
            begun = next(step for step in one.steps if step.name == "assess")
            return wheel.run / str(begun.result["champion"])
    raise UserError("no champion before this one is known", where=str(wheel.run))
