"""First step: set the newly labelled records beside the champion's calibration split, and say what the change costs."""

from __future__ import annotations

import os
from dataclasses import asdict

from noria.contract.payoffs import micro
from noria.ledger.till import name_of_run
from noria.pipeline.predictor import load
from noria.pipeline.reference import read_reference
from noria.stages.evaluate import learnt_hashes
from noria.units import count_of
from noria.wheel.assess import assess
from noria.wheel.assessment import Assessment
from noria.wheel.expected_score import LEAST_RECORDS
from noria.wheel.loss import LossPerDay, estimated_loss_per_day, payoff_loss_per_day
from noria.wheel.turn.context import Turn
from noria.wheel.turn.turns import NOTHING, Done
from noria.wheel.window import Window


def assess_window(turn: Turn) -> Done:
    """Return what the records show that the champion has not learnt from; few records end the turn."""
    champion = turn.wheel.champion
    told = {"champion": os.path.relpath(champion, turn.wheel.run.resolve())}
    predictor = load(champion)
    window = Window(predictor, learnt=learnt_hashes(champion))
    for path in turn.data:
        window.read(path, turn.reporter.say)
    if len(window) < LEAST_RECORDS:
        sentence = f"{count_of(len(window), 'record')} new to the champion; at least {LEAST_RECORDS} tell something"
        return Done(sentence, told, outcome=NOTHING)
    found = assess(read_reference(predictor.bundle), window.observations)
    model = turn.settings.service.model if turn.settings.service is not None else name_of_run(turn.wheel.run)
    per_day = turn.settings.predictions_per_day or turn.turns.predictions_per_day(model)
    loss = None if per_day is None else _loss(found, turn.settings.worth, per_day)
    content = {
        **told,
        "per_day": per_day,
        "assessment": found.as_json(),
        "loss": None if loss is None else asdict(loss),
    }
    return Done(_sentence(found), content)


def _loss(found: Assessment, worth: float | None, per_day: float) -> LossPerDay | None:
    """Return what the change costs a day: by the worth of a better score where that is set, else by the job's value."""
    if worth is None:
        return payoff_loss_per_day(found, per_day)
    return estimated_loss_per_day(found, micro(worth), per_day)


def _sentence(found: Assessment) -> str:
    drifted = [one.name for one in found.tests if one.alarm]
    said = f"{found.n:,} new records: " + (f"drift in {' and '.join(drifted)}" if drifted else "no drift")
    if found.before is None or found.now is None:
        return said
    how = "is" if found.realised is not None else "is expected to be"
    return f"{said}; {found.score} was {found.before} and {how} {found.now}"
