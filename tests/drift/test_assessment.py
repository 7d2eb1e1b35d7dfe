"""What was found is the same after JSON, and says itself."""

from __future__ import annotations

import json

from noria.drift.assessment import Assessment, Estimate, LabelShare, ShiftTest, Unlike

FOUND = Assessment(
    model="abc",
    n=500,
    n_reference=1000,
    level=0.05,
    tests=[
        ShiftTest("class probabilities", "Kolmogorov-Smirnov", 0.31, 1e-9, True, "good"),
        ShiftTest("embeddings", "MMD", 0.001, 0.4, False),
    ],
    score="accuracy",
    direction="higher",
    before=Estimate(0.9, 0.88, 0.92, 1000),
    expected=Estimate(0.8, 0.77, 0.83, 500),
    realised=None,
    labels=[LabelShare("good", 0.5, 0.7, Estimate(0.66, 0.6, 0.72, 500)), LabelShare("bad", 0.5, 0.3, None)],
    unlike=[Unlike("new.csv:7", 3.2, 0.51)],
    notes=["no true answers are known"],
)


def test_an_assessment_is_the_same_after_json() -> None:
    assert Assessment.from_json(json.loads(json.dumps(FOUND.as_json()))) == FOUND


def test_one_alarm_of_several_tests_is_an_alarm_and_is_named_first() -> None:
    assert FOUND.has_alarm
    assert str(FOUND).splitlines()[0] == "drift in class probabilities: 500 records beside 1,000 of calibration"


def test_how_much_worse_it_is_follows_the_direction_of_the_score() -> None:
    assert round(FOUND.worse_by or 0, 6) == 0.1
    as_error = Assessment.from_json({**FOUND.as_json(), "direction": "lower"})
    assert round(as_error.worse_by or 0, 6) == -0.1
