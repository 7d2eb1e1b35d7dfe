"""The section `value` of a job: which keys go with which answers, and what is wrong with others."""

from __future__ import annotations

from typing import Any

import pytest

from noria.contract.payoffs import ClassPayoffs, NumberPayoffs, RankingPayoffs
from noria.errors import UserError
from noria.job.load import load_job
from noria.job.value import payoffs_of


@pytest.mark.parametrize(
    ("task", "value", "expected"),
    [
        ("tabular-classification", {"correct": 0.5, "labels": {1: {"wrong": -2}}},
         ClassPayoffs(correct=0.5, labels={"1": {"wrong": -2.0}})),
        ("tabular-classification", {"currency": "CNY", "matrix": {True: {False: -5}}},
         ClassPayoffs(currency="CNY", matrix={"true": {"false": -5.0}})),
        ("tabular-regression", {"per_unit": -2, "tolerance": 1}, NumberPayoffs(per_unit=-2, tolerance=1)),
        ("top-recommendation", {"hit": 0.2, "top": 3}, RankingPayoffs(hit=0.2, top=3)),
    ],
)  # fmt: skip
def test_each_kind_of_answer_has_its_own_keys(task: str, value: dict[str, Any], expected: object) -> None:
    job, filled = load_job({"task": task, "value": value})
    assert payoffs_of(job.value, filled.target) == expected


@pytest.mark.parametrize(
    ("task", "value", "said"),
    [
        ("tabular-classification", {"hit": 1}, "value.hit does not go with"),
        ("tabular-regression", {"per_unit": -1, "abstain": 0}, "value.abstain does not go with"),
        ("semantic-segmentation", {"correct": 1}, "have no value that is known"),
        ("tabular-classification", {"correct": 0.0000001}, "six decimal places"),
        ("tabular-classification", {"correct": float("inf")}, "finite"),
        ("tabular-classification", {"currency": "EUR"}, "what an answer is worth"),
        ("tabular-classification", {"corect": 1}, "correct"),
        ("tabular-classification", {"labels": {"a": {"worng": 1}}}, "wrong"),
        ("tabular-classification", {"correct": 1, "currency": "two words"}, "value.currency"),
        ("tabular-classification", 3, "a section of keys"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_computed(task: str, value: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_job({"task": task, "value": value})
