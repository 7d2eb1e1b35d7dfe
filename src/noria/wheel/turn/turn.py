"""Turn the wheel: take the steps that are not done yet, each written down when it is done.

    assess -> decide -> collect -> train -> compare -> approve -> canary -> promote

A process that is killed leaves an open turn, and the next command goes on with it: a step that was written down is not
taken again, and one that was not changes nothing when it is taken twice. Read next: turns.py, context.py.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from noria.database import Database, DatabaseAway, open_database
from noria.errors import EXIT_USER_ERROR, UserError
from noria.job import Job
from noria.job.load import load_job
from noria.job.wheel import Wheel
from noria.ledger import Prices
from noria.ledger.till import name_of_run
from noria.reporter import Reporter
from noria.store.run_folder import locked, read_run_job
from noria.wheel.turn.approve import approve
from noria.wheel.turn.assess import assess_window
from noria.wheel.turn.canary import try_out
from noria.wheel.turn.collect import collect
from noria.wheel.turn.compare import compare
from noria.wheel.turn.context import Turn
from noria.wheel.turn.costs import Costs
from noria.wheel.turn.decide import decide_training
from noria.wheel.turn.folder import WheelFolder
from noria.wheel.turn.promote import promote
from noria.wheel.turn.rollback import bring_back, is_rollback
from noria.wheel.turn.train import train_candidate
from noria.wheel.turn.turns import FAILED, OPEN, Done, TurnRecord, Turns

STEPS: dict[str, Callable[[Turn], Done | None]] = {
    "assess": assess_window,
    "decide": decide_training,
    "collect": collect,
    "train": train_candidate,
    "compare": compare,
    "approve": approve,
    "canary": try_out,
    "promote": promote,
}
BOOKS_ITSELF = ("train",)  # steps whose seconds are in the ledger already
EXAMPLE = "wheel: {worth: 0.5, predictions_per_day: 10000}"


def turn_wheel(
    run: Path, data: Sequence[Path], overrides: Sequence[str], reporter: Reporter, database: Database | None = None
) -> TurnRecord:
    """Go on with the turn that is open, or begin one; return it as it is then. Raises UserError."""
    wheel = WheelFolder.of(run)
    with locked(wheel.path):
        wheel_id = wheel.prepare(reporter.say)  # by whoever holds it: of two ids given at once one would lose its turns
        turns = Turns(database or open_database(), wheel_id)
        record = turns.open()
        if record is not None and is_rollback(record):
            reporter.say(bring_back(wheel, turns, record))
            record = None
        if record is None:
            record = turns.begin(_asked(wheel, _job(wheel, overrides), data), wheel.last_turn)
        elif data or overrides:
            reporter.say(f"turn {record.number} goes on, with the data and the settings that it began with")
        return _go_on(wheel, wheel_id, turns, record, reporter)


def _go_on(wheel: WheelFolder, wheel_id: str, turns: Turns, record: TurnRecord, reporter: Reporter) -> TurnRecord:
    costs = Costs(Prices.load(), name_of_run(wheel.run))
    results = {step.name: step.result for step in record.steps}
    settings = Wheel.model_validate(record.asked["settings"])
    data = [Path(one) for one in record.asked["data"]]
    for name, step in STEPS.items():
        if name in results:
            continue
        turn = Turn(wheel, record.number, settings, data, results, turns, costs, reporter)
        done, seconds = _timed(step, turn, name)
        if done is None:
            break
        entries = []
        if name not in BOOKS_ITSELF:
            key = f"wheel/{wheel_id}/{record.number}/{name}"
            entries = [costs.entry(key, time.time(), seconds)]
            done = dataclasses.replace(done, micro=costs.of(seconds))
        turns.write(record.number, name, done, entries)
        results[name] = done.result
        reporter.say(f"{name}: {done.sentence}")
        if done.outcome != OPEN:
            break
    return next(one for one in turns.all() if one.number == record.number)


def _timed(step: Callable[[Turn], Done | None], turn: Turn, name: str) -> tuple[Done | None, float]:
    """Take a step; what a person has to mend ends the turn with its reason, what passes by itself leaves it open."""
    began = time.monotonic()
    try:
        done = step(turn)
    except UserError as error:
        if error.exit_code != EXIT_USER_ERROR or isinstance(error, DatabaseAway):
            raise
        spent = turn.costs.of(time.monotonic() - began)  # of the month's budget, whatever came of it
        turn.turns.write(turn.number, name, Done(f"failed: {error}", {}, spent, FAILED))
        raise
    return done, time.monotonic() - began


def _job(wheel: WheelFolder, overrides: Sequence[str]) -> Job:
    """Return the job of the run with its section `wheel`; raise UserError where it has none."""
    job, _ = load_job(read_run_job(wheel.run), overrides)
    if strange := [one for one in overrides if not one.startswith("wheel.")]:
        fix = "the candidate learns as the champion did; train a new run for other settings"
        raise UserError(
            "a turn takes settings of the wheel alone", found=strange[0], expected="wheel.KEY=VALUE", fix=fix
        )
    if job.wheel is None:
        fix = f"put {EXAMPLE} into the job, or name them after the run: wheel.worth=0.5 wheel.predictions_per_day=10000"
        raise UserError("the job does not say when it pays to train again", where=str(wheel.run / "job.yaml"), fix=fix)
    return job


def _asked(wheel: WheelFolder, job: Job, data: Sequence[Path]) -> dict[str, object]:
    """Return what a turn begins with; raise UserError where it has no data, or data that is not there."""
    assert job.wheel is not None
    paths = [one.expanduser().resolve() for one in data or map(Path, job.wheel.data)]
    if not paths:
        fix = f"noria wheel turn {wheel.run} --data NEW, or wheel.data in the job"
        raise UserError("there are no newly labelled records to look at", where=str(wheel.run), fix=fix)
    for one in paths:
        if not one.exists():
            raise UserError("there is no such file or folder", where=str(one))
    _refuse_other_money(job, job.wheel)
    return {"settings": job.wheel.model_dump(mode="json"), "data": [str(one) for one in paths]}


def _refuse_other_money(job: Job, wheel: Wheel) -> None:
    """Raise UserError where a loss, which `value` counts, is in other money than what trainings cost."""
    currency = Prices.load().currency
    if wheel.worth is not None or job.value is None or job.value.currency in ("", currency):
        return
    raise UserError(
        "what answers are worth and what a training costs are not in the same money",
        expected=f"{currency}, the currency of the prices",
        found=f"value.currency: {job.value.currency}",
        fix=f"state prices in {job.value.currency} (noria ledger prices --write, and the file's first key), or give "
        f"the worth of a better answer in {currency}: wheel.worth=0.5",
    )
