"""What a run is called where nobody names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.errors import UserError
from noria.store.run_folder import name_of, read_json


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("jobs/flowers.yaml", "flowers"),
        (Path("customers.csv"), "customers"),
        ("digits", "digits"),
        ({"task": "chat"}, "chat"),
        ({}, "run"),
        ("runs/tune-customers/best.yaml", "customers-best"),
        ("runs/study-2/best.yaml", "study-2-best"),
    ],
)
def test_a_run_is_called_like_its_job_and_the_best_of_a_study_like_the_study(source: object, name: str) -> None:
    assert name_of(source) == name


def test_a_run_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        read_json(tmp_path / "rnu" / "config.json")
