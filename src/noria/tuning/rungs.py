"""What a tuning does next: a new cheap trial, a good one again for longer, or nothing more.

Successive halving (Jamieson, Talwalkar 2016): many trials train for a small share of the whole training, the best third
of them three times as long, and so on; only whole trainings can win. The job's own settings come before all, whole.
Everything here is a function of the trials that have ended, so a study that was killed and resumed does what an
undisturbed one would have. Knows neither optuna nor jobs. Read next: trials.py.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

KEPT = 3  # one of so many goes on, for so many times as long
MOST_RUNGS = 4  # below a share of 1/27 a training says little of the whole one
LEAST_STEPS = 60  # of the cheapest trainings
LEAST_SECONDS = 2.0  # of the cheapest trainings: building, planning and scoring take about a second
MOST_TIMES = 10  # as long as the job's own training may those of other settings take,
ALWAYS_SECONDS = 60.0  # or as long as this, where there is no budget in time
WANTED = 30  # settings that are tried at least, where a budget in time and the steps allow it


@dataclass(frozen=True)
class Done:
    """A trial that has ended: its share of the whole training, and which trial it goes on from.

    seconds: all that it took; again_s: what it would take again, its data being prepared.
    """

    number: int
    share: float
    score: float | None  # the higher the better; None where it has none
    seconds: float
    again_s: float
    group: int = 0  # trials of one group compete for the next rung
    parent: int | None = None


@dataclass(frozen=True)
class Next:
    """What is to be tried: `parent` is the trial whose settings train for longer; None: new settings."""

    share: float
    group: int
    parent: int | None = None


@dataclass(frozen=True)
class Limits:
    """How much may be tried: trials in all, or seconds in all, or both; whether there are settings left to try."""

    trials: int | None
    seconds: float | None
    is_exhausted: bool = False


@dataclass(frozen=True)
class Whole:
    """What a whole training of the job's own settings takes."""

    steps: int
    seconds: float


def shares_of(whole: Whole, limits: Limits) -> list[float]:
    """Return the shares of a whole training that trials get, cheapest first; the last is 1.

    As many rungs as the steps and the number of trials allow; by seconds no more than it takes to try WANTED settings,
    as a longer training says more.
    """
    counts = [count for count in range(1, MOST_RUNGS + 1) if whole.steps / KEPT ** (count - 1) >= LEAST_STEPS]
    if limits.trials is not None:
        counts = [count for count in counts if limits.trials > _least_trials(count)]
    if limits.seconds is not None:
        left = limits.seconds - whole.seconds
        cheapest = {count: whole.seconds * _shares(count)[0] for count in counts}
        counts = [count for count in counts if count == 1 or cheapest[count] >= LEAST_SECONDS]
        enough = [count for count in counts if left / count >= WANTED * cheapest[count]]
        counts = enough[:1] or counts
    return _shares(max(counts, default=1))


def _shares(rungs: int) -> list[float]:
    return [KEPT ** (rung - rungs + 1.0) for rung in range(rungs)]


def most_seconds(whole: Whole, shares: Sequence[float], limits: Limits) -> float:
    """Return how long a whole training of other settings may take, so that there is time for several."""
    if limits.seconds is None:
        return max(MOST_TIMES * whole.seconds, ALWAYS_SECONDS)
    left = limits.seconds - whole.seconds
    return max(0.0, min(left / len(shares), max(MOST_TIMES * whole.seconds, left / WANTED)))


def next_trial(done: Sequence[Done], shares: Sequence[float], limits: Limits, whole: Whole) -> Next | None:
    """Return what to try after these trials, the first of which was the job's own; None where the budget is used up."""
    if limits.trials is not None and len(done) >= limits.trials:
        return None
    if limits.seconds is None:
        found = _by_count(done[1:], shares, limits.trials or 0, limits.is_exhausted)
    else:
        found = _by_seconds(done, shares, limits, whole)
    return found


def _by_count(tried: Sequence[Done], shares: Sequence[float], trials: int, is_exhausted: bool) -> Next | None:
    """Fill one rung after another; each has a third of the trials of the one below."""
    for rung, wanted in enumerate(_sizes(trials - 1, len(shares))):
        if sum(one.share == shares[rung] for one in tried) >= wanted:
            continue
        if rung == 0 and not is_exhausted:
            return Next(shares[0], 0)
        for best in _promotable(tried, shares[rung - 1], KEPT) if rung else ():
            return Next(shares[rung], 0, best.number)
    return None


def _by_seconds(done: Sequence[Done], shares: Sequence[float], limits: Limits, whole: Whole) -> Next | None:
    """Let each rung have a like share of the time, the last at least a whole training; then begin another group."""
    own, *tried = done
    assert limits.seconds is not None
    group = max((one.group for one in tried), default=0)
    ours = [one for one in tried if one.group == group]
    left = limits.seconds - own.seconds - sum(one.seconds for one in tried if one.group < group)
    seen = [one.again_s / one.share for one in tried if one.score is not None]
    usual = min(statistics.median(seen or [whole.seconds]), most_seconds(whole, shares, limits))
    found = _in_group(_Group(group, ours, left, usual), shares, limits.is_exhausted)
    if found is None and ours:
        left -= sum(one.seconds for one in ours)
        found = _in_group(_Group(group + 1, [], left, usual), shares, limits.is_exhausted)
    return found


@dataclass(frozen=True)
class _Group:
    """Trials that compete, the seconds that all of them may take, and those that a whole training usually takes."""

    number: int
    trials: Sequence[Done]
    seconds: float
    whole_s: float


def _in_group(group: _Group, shares: Sequence[float], is_exhausted: bool) -> Next | None:
    """Return the next trial of a group."""
    ours, left = group.trials, group.seconds
    spent = sum(one.seconds for one in ours)
    if not ours and left < max(group.whole_s * sum(shares), LEAST_SECONDS * len(shares)):
        return None  # one that goes all the way up would not fit
    current = max((shares.index(one.share) for one in ours), default=0)
    for rung in range(current, len(shares)):
        is_first = all(one.share != shares[rung] for one in ours)
        is_last = rung == len(shares) - 1
        until = left if is_last or is_first else left * (rung + 1) / len(shares)
        reserved = group.whole_s * sum(shares[rung + 1 :])  # so that one at least goes all the way up
        room = min(until, left - reserved) - spent
        if rung == 0:
            if group.whole_s * shares[0] <= room and not is_exhausted:
                return Next(shares[0], group.number)
            continue
        for best in _promotable(ours, shares[rung - 1], 1 if is_last else KEPT):  # what is left goes to whole ones
            if best.again_s * KEPT <= room:
                return Next(shares[rung], group.number, best.number)
    return None


def _promotable(tried: Sequence[Done], share: float, kept: int) -> list[Done]:
    """Return the best of a rung, one of so many, less those that went on already, best first; the first of equals."""
    scored = [one for one in tried if one.share == share and one.score is not None]
    best = sorted(scored, key=lambda one: (-(one.score or 0.0), one.number))
    gone = {one.parent for one in tried}
    return [one for one in best[: math.ceil(len(best) / kept)] if one.number not in gone]


def _least_trials(rungs: int) -> int:
    """Return the trials with which so many rungs have at least one on the last."""
    return int((KEPT**rungs - 1) / (KEPT - 1))


def _sizes(trials: int, rungs: int) -> list[int]:
    """Divide trials among rungs, each a third of the one below; what is left over goes to the cheapest."""
    unit = trials // _least_trials(rungs)
    sizes = [unit * KEPT ** (rungs - 1 - rung) for rung in range(rungs)]
    sizes[0] += trials - sum(sizes)
    return sizes
