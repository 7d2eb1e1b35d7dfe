"""Watch a model: what it meets in service beside what it was calibrated on, as an Assessment, a page, and files.

Read next: window.py, assess.py, page.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from noria.drift.assess import LEVEL, assess
from noria.drift.assessment import Assessment
from noria.drift.loss import payoff_loss_per_day
from noria.drift.page import page
from noria.drift.window import window_of
from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.pipeline.reference import read_reference
from noria.reporter import Reporter, Terminal
from noria.store.disk import replace_file, write_json

PAGE, FILE = "watch.html", "watch.json"  # in the run folder: the last window that was watched


def watch(
    run: str | os.PathLike[str],
    inputs: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str] | None = None,
    level: float = LEVEL,
    overrides: Sequence[str] = (),
    engine: str | None = None,
    reporter: Reporter | None = None,
    predictions_per_day: float | None = None,
) -> Assessment:
    """Answer the records of some paths and set them beside the calibration split of a run; return what was found.

    A run folder keeps it as watch.json and watch.html; `out` names another page. Records whose true answer stands
    beside them, as in training, also tell the realised score. predictions_per_day: where the job says what answers are
    worth, also tell what the change costs a day.
    """
    run, tell = Path(run), (reporter or Terminal()).say
    predictor = load(run, engine=engine).reading(overrides)
    reference = read_reference(predictor.bundle)
    if predictor.worth is None and predictions_per_day is not None:
        raise UserError(
            "what a change costs is told where the job of the run says what answers are worth",
            where="--predictions-per-day",
            fix="train with a section value, or leave the option out",
        )
    window = window_of(predictor, inputs, tell)
    found = assess(reference, window.observations, level)
    if predictions_per_day is not None:
        tell(_loss_told(found, predictions_per_day))
    for remark in window.remarks:
        tell(remark)
    drawn = page(found, reference.observations, window.observations, run.resolve().name, window.remarks)
    pages = [] if out is None else [Path(out)]
    if (run / "bundle").is_dir():
        write_json(run / FILE, found.as_json())
        pages = pages or [run / PAGE]
    for path in pages:
        replace_file(path, drawn.encode())
        tell(f"wrote {path}")
    return found


def _loss_told(found: Assessment, predictions_per_day: float) -> str:
    """Return a sentence on what the change costs."""
    loss = payoff_loss_per_day(found, predictions_per_day)
    if loss is None:
        return "what the change costs cannot be told: the score now is not known"
    sure = "" if loss.is_sure else ", which may be chance"
    return f"estimated loss a day: {loss} {found.currency}".rstrip() + sure
