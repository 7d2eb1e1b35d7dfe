"""What is said beside scores: classes that are not there, a result too good to be true, one worse than the baseline."""

from __future__ import annotations

from typing import Any

import numpy as np

from noria.pipeline.remarks import remarks
from noria.targets.label import Label
from noria.targets.labels import Labels
from noria.targets.measurements import Measurements

STATE = {"classes": ["ant", "bee", "cat"]}


def result(accuracy: float, baseline: float, n: int = 288) -> dict[str, Any]:
    one = {"value": accuracy, "low": None, "high": None, "unit": "fraction", "direction": "higher"}
    return {"split": "test", "n": n, "metrics": {"accuracy": one}, "baseline": {"accuracy": {**one, "value": baseline}}}


def said(found: dict[str, Any], codes: list[int], leaks: list[str] | None = None) -> list[str]:
    return remarks(Label(), STATE, {"label": np.array(codes)}, found, leaks or [])


def test_nothing_is_said_of_a_plain_result() -> None:
    assert said(result(0.9, 0.5), [0, 1, 2, 0]) == []


def test_classes_without_a_record_are_named() -> None:
    assert said(result(0.9, 0.5), [0, 0, 2]) == [
        "test has no record of 1 of 3 classes (bee): the scores leave them out"
    ]


def test_one_class_alone_is_told() -> None:
    assert said(result(1.0, 1.0), [1, 1, 1]) == [
        "every record of test has the answer 'bee': nothing shows that answers are told apart"
    ]


def test_a_perfect_score_of_hundreds_of_records_asks_for_a_look_at_the_column_that_does_it() -> None:
    every = [0, 1, 2]
    (plain,) = said(result(1.0, 0.5), every)
    assert plain.startswith("accuracy is 1 on 288 records: look for a leak")
    (named,) = said(result(1.0, 0.5), every, ["column 'invoice' alone foretells the answer"])
    assert named == "accuracy is 1 on 288 records: look for a leak; column 'invoice' alone foretells the answer"
    assert said(result(1.0, 0.5, n=40), every) == []
    assert said(result(1.0, 1.0), every) == []


def test_a_result_worse_than_the_baseline_is_told() -> None:
    (one,) = said(result(0.4, 0.5), [0, 1, 2])
    assert one.startswith("accuracy 0.4 is worse than the baseline's 0.5")


def test_any_score_worse_than_the_baseline_is_told_but_for_a_calibration_error() -> None:
    found = result(0.6, 0.5)
    for name in ("log_loss", "calibration_error"):
        one = {"value": 5.3, "low": None, "high": None, "unit": "nats", "direction": "lower"}
        found["metrics"][name], found["baseline"][name] = one, {**one, "value": 0.7}
    (one,) = said(found, [0, 1, 2])
    assert one == "log loss 5.3 is worse than the baseline's 0.7: by that the model is worse than the trivial answer"


def test_labels_that_a_score_leaves_out_are_named() -> None:
    state = Labels().fit({"toxic": [1, 0], "rare": [1, 0]})
    truth = {"labels": np.array([[1, 0], [0, 0]] * 10, np.float32)}
    (one,) = remarks(Labels(), state, truth, result(0.9, 0.5))
    assert one == (
        "test has too few records of yes or of no of 1 of 2 labels (rare): auc_macro and ap_macro leave them out"
    )


def test_numbers_of_which_test_knows_nothing_are_named() -> None:
    target = Measurements()
    state = target.fit({"a": ["1", "2", "3"], "b": ["1", "5", ""]})
    truth = target.encode({"a": ["1", "2"], "b": ["", ""]}, state).arrays
    (one,) = remarks(target, state, truth, {"split": "test", "n": 2, "metrics": {}, "baseline": {}})
    assert one == "test knows nothing of 1 of 2 numbers (b): the scores leave them out"
