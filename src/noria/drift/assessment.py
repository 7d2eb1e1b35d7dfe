"""What was found when a window of live records was set beside a model's calibration split, for people and programs.

Knows no statistics and no task. Read next: assess.py, which makes one; loss.py, which says what it comes to in money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from noria.contract.payoffs import MICRO
from noria.units import count_of


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval of 95 %; of a score by scores per record, `n` of them."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """Return the figure and its interval."""
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class ShiftTest:
    """A test of whether two samples come from one distribution.

    name says of what: class probabilities, embeddings, ... `p` is that of the test after Bonferroni's correction over
    the columns it looked at; `most` is the column that differs most. alarm: p is below the test's part of the level.
    """

    name: str
    method: str
    statistic: float
    p: float
    alarm: bool
    most: str = ""


@dataclass(frozen=True)
class LabelShare:
    """How often a class was the truth in calibration, is the answer now, and is the truth now as far as that is told.

    now: by BBSE, from the answers and the confusion matrix; None where the matrix cannot be turned round.
    """

    name: str
    before: float
    answered: float
    now: Estimate | None


@dataclass(frozen=True)
class Unlike:
    """A record that is least like those of calibration: where it stands, how far it is, and how sure its answer was.

    distance: to the nearest record of calibration, in the median such distance within calibration.
    """

    where: str
    distance: float
    confidence: float | None


@dataclass(frozen=True)
class Assessment:
    """A window of live records beside the calibration split.

    n: records of the window. level: the chance that any test gives an alarm where nothing has changed. score: the
    metric that `before`, `expected` and `realised` are of (accuracy, mae), per record; direction says which way is
    better. before: on the calibration split; expected: now, told from calibrated confidence, without a true answer;
    realised: now, of the records whose truth is known. None where it cannot be told; `notes` say why. worth_before,
    worth_now: of one answer, in micro-units of the currency, where the job says what answers are worth.
    """

    model: str
    n: int
    n_reference: int
    level: float
    tests: list[ShiftTest]
    score: str
    direction: Literal["higher", "lower"]
    before: Estimate | None
    expected: Estimate | None
    realised: Estimate | None
    labels: list[LabelShare]
    unlike: list[Unlike]
    notes: list[str]
    worth_before: Estimate | None = None
    worth_now: Estimate | None = None
    currency: str = ""

    @property
    def has_alarm(self) -> bool:
        """Say whether a test found a difference."""
        return any(one.alarm for one in self.tests)

    @property
    def now(self) -> Estimate | None:
        """Return the score now: realised where it is known, else expected."""
        return self.realised or self.expected

    @property
    def worse_by(self) -> float | None:
        """Return by how much the score is worse than before; below zero where it is better; None where untold."""
        if self.before is None or self.now is None:
            return None
        change = self.now.value - self.before.value
        return -change if self.direction == "higher" else change

    @property
    def worth_lost(self) -> float | None:
        """Return by how many micro-units an answer is worth less than before; None where untold."""
        if self.worth_before is None or self.worth_now is None:
            return None
        return self.worth_before.value - self.worth_now.value

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON, with `alarm`; `from_json` is the way back."""
        return {**asdict(self), "alarm": self.has_alarm}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Assessment:
        """Return the assessment that `as_json` wrote."""
        given = {key: value for key, value in content.items() if key != "alarm"}
        figures = ("before", "expected", "realised", "worth_before", "worth_now")
        estimates = {name: _estimate(given[name]) for name in figures}
        return cls(
            **{
                **given,
                **estimates,
                "tests": [ShiftTest(**one) for one in given["tests"]],
                "labels": [LabelShare(**{**one, "now": _estimate(one["now"])}) for one in given["labels"]],
                "unlike": [Unlike(**one) for one in given["unlike"]],
            }
        )

    def __str__(self) -> str:
        """Return what was found, a line each."""
        return "\n".join(sentences(self))


def sentences(found: Assessment) -> list[str]:
    """Return what was found as sentences, the verdict first."""
    alarms = [one for one in found.tests if one.alarm]
    beside = f"{count_of(found.n, 'record')} beside {found.n_reference:,} of calibration"
    said = [
        f"drift in {' and '.join(one.name for one in alarms)}: {beside}"
        if alarms
        else f"no drift found (level {found.level:g}): {beside}"
    ]
    for one in found.tests:
        most = f", most in {one.most}" if one.most else ""
        said.append(f"  {one.name}: {one.method} {one.statistic:.4g}, p = {one.p:.3g}{most}")
    for name, figure in (("before", found.before), ("expected now", found.expected), ("realised now", found.realised)):
        if figure is not None:
            said.append(f"  {found.score} {name}: {figure} (n = {figure.n:,})")
    for name, figure in (("was", found.worth_before), ("is now", found.worth_now)):
        if figure is not None:
            value, low, high = (one / MICRO for one in (figure.value, figure.low, figure.high))
            said.append(f"  an answer {name} worth {value:.4g} [{low:.4g}, {high:.4g}] {found.currency}".rstrip())
    said += [f"  note: {note}" for note in found.notes]
    return said


def _estimate(content: Mapping[str, Any] | None) -> Estimate | None:
    return None if content is None else Estimate(**content)
