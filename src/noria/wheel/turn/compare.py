"""Fifth step: champion and candidate on the same records, which neither learnt from: the golden set, and recent ones.

On recent records the candidate must be better by more than chance. On the golden set, where the champion is at home, it
must not be worse: neither by more than chance, nor, by the score that training selects by, by more than
`wheel.golden_loss`. What counts is what answers are worth, where the job says it.
"""

from __future__ import annotations

from typing import Any

from noria.job.load import load_job
from noria.pipeline.predictor import load
from noria.sources.core.picked import Picked
from noria.stages.compare_on import Paired, compare_on
from noria.stages.prepare import open_data
from noria.store.run_folder import read_json, read_run_job
from noria.wheel.turn.collect import RECENT
from noria.wheel.turn.context import Turn
from noria.wheel.turn.golden import frozen
from noria.wheel.turn.turns import REJECTED, Done


def compare(turn: Turn) -> Done:
    """Return whether the candidate is better; where not, the turn ends."""
    champion, candidate = load(turn.champion), load(turn.candidate)
    job, task = load_job(read_run_job(turn.candidate))
    source = open_data(job, task)
    golden = frozen(turn.wheel.path, turn.settings.golden, (), source, candidate.bundle)
    recent = Picked(source, read_json(turn.folder / RECENT)["places"])
    found = {
        "recent": compare_on(candidate, champion, recent),
        "golden": compare_on(candidate, champion, golden.records(source, candidate.bundle)),
    }
    reason = reason_against(found["recent"], found["golden"], turn.settings.golden_loss)
    said = f"recent records: {_told(found['recent'])}; golden set: {_told(found['golden'])}"
    result = {name: {"n": one.n, "main": one.main, **one.metrics} for name, one in found.items()}
    if reason:
        return Done(f"the candidate is rejected, {reason}. {said}", result, outcome=REJECTED)
    return Done(f"the candidate is better. {said}", result)


def reason_against(recent: Paired, golden: Paired, golden_loss: float) -> str:
    """Return why a candidate is not let into service; empty where it is."""
    return _not_better(recent) or _worse(golden, golden_loss)


def _not_better(found: Paired) -> str:
    is_better = found.metrics[found.main]["verdict"] == "better"
    return "" if is_better else "for on recent records it is not better by more than chance"


def _worse(found: Paired, allowed: float) -> str:
    if found.metrics[found.main]["verdict"] == "worse":
        return f"for on the golden set its {found.main} is worse"
    one = found.metrics[found.score]  # of a worth a share says nothing: it may be near zero
    loss = -one["value"] if one["direction"] == "higher" else one["value"]
    if loss > allowed * abs(one["theirs"]):
        return f"for on the golden set its {found.score} may be worse by more than {allowed:.1%}"
    return ""


def _told(found: Paired) -> str:
    one = found.metrics[found.main]
    return f"{found.main} {one['ours']:.4g} beside {one['theirs']:.4g} ({_interval(one)}, n = {found.n:,})"


def _interval(one: dict[str, Any]) -> str:
    if one["low"] is None:
        return str(one.get("note", "no interval"))
    return f"{one['value']:+.4g}, 95 % interval {one['low']:+.4g} to {one['high']:+.4g}"
