"""The section `value` of a job: what right and wrong answers are worth, and from it what is answered.

Which keys go with which kind of answer, its target declares. Read next: contract/payoffs.py.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from noria.columns.cells import text_of
from noria.contract import Target, dispatch
from noria.contract.payoffs import MICRO, MOST_AMOUNT, Payoffs, micro
from noria.errors import UserError
from noria.job.data import STRICT
from noria.job.text import Where


def _is_exact(amount: float) -> float:
    if not -MOST_AMOUNT <= amount <= MOST_AMOUNT or abs(micro(amount) / MICRO - amount) > 1e-12 * max(1, abs(amount)):
        raise ValueError(f"an amount of at most {MOST_AMOUNT:,}, plus or minus, and six decimal places")
    return amount


Amount = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_is_exact)]


def _as_text(given: object) -> object:
    """Return the name of a class: 0 and 1, true and false are no texts in YAML."""
    return (
        str(given).lower() if isinstance(given, bool) else text_of(given) if isinstance(given, int | float) else given
    )


ClassName = Annotated[str, BeforeValidator(_as_text)]


class Amounts(BaseModel):
    """What answers are worth where one class is the true one."""

    model_config = STRICT

    correct: Amount | None = None
    """Worth of a right answer to a record of this class."""
    wrong: Amount | None = None
    """Worth of any wrong answer to a record of this class: what missing it costs, below zero."""
    abstain: Amount | None = None
    """Worth of no answer to a record of this class."""


class Value(BaseModel):
    """What answers are worth. Losses are below zero; keys of other kinds of answers are refused."""

    model_config = STRICT

    currency: str = Field("", max_length=16, pattern=r"^\S*$")
    """Unit of all amounts, as EUR or CNY. Shown beside them; give the one that costs are counted in."""
    correct: Amount | None = None
    """Worth of a right answer: of a class, or of a number within `tolerance`. Null is 0."""
    wrong: Amount | None = None
    """Worth of a wrong answer, below zero where it costs something. Null is 0."""
    abstain: Amount | None = None
    """Worth of no answer, as what a person costs who looks at the record. Null always answers."""
    labels: dict[ClassName, Amounts] = {}
    """Worth by the true class, in place of the above: {spam: {correct: 0.5, wrong: -2}}."""
    matrix: dict[ClassName, dict[ClassName, Amount]] = {}
    """Worth by true class, then answer, in place of the above: {good: {bad: -1}, bad: {good: -5}}."""
    per_unit: Amount | None = None
    """Of a number: worth of each unit that it is off beyond `tolerance`, below zero. In units of the answer."""
    tolerance: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Of a number: how far off it may be and still be right, in units of the answer. Null is 0."""
    hit: Amount | None = None
    """Of a ranking: worth of each true item among the first `top`, as of a click or a sale."""
    miss: Amount | None = None
    """Of a ranking: worth of a list that has no true item among the first `top`."""
    top: int | None = Field(None, ge=1, le=100)
    """Of a ranking: how many of the first items are looked at. Null takes all that an answer lists."""

    @model_validator(mode="after")
    def _says_something(self) -> Value:
        if not self.given() - {"currency", "tolerance", "top"}:
            raise ValueError("what an answer is worth, as {correct: 0.5, wrong: -2}")
        return self

    def given(self) -> set[str]:
        """Return the keys that say something."""
        return {name for name, value in self if value not in (None, {}, "")}

    def amounts(self) -> dict[str, Any]:
        """Return what is said, by key, without what is left out."""
        return self.model_dump(exclude_none=True, include=self.given())


def payoffs_of(value: Value | None, target: Target) -> Payoffs | None:
    """Return what answers of a target are worth; None where a job does not say. The job was checked for misuse."""
    kind = dispatch.payoffs(target)
    return None if value is None or kind is None else kind(**value.amounts())


def value_problems(value: Value | None, task: str, target: Target, where: Where) -> list[UserError]:
    """Return what of a section does not fit the answers of a task."""
    if value is None:
        return []
    kind = dispatch.payoffs(target)
    if kind is None:
        what, expected = f"answers of {task} have no value that is known", "one class, a number or a ranking"
        return [UserError(what, where=where(["value"]), expected=expected, fix="leave value out")]
    keys = [one.name for one in fields(kind)]
    return [
        UserError(f"value.{key} does not go with the answers of {task}", where=where(["value", key]),
                  expected=", ".join(keys), fix=f"leave value.{key} out")
        for key in sorted(value.given() - set(keys))
    ]  # fmt: skip
