"""Answers as columns: what an answer tells in numbers and texts has a column each, as in a table of answers."""

from __future__ import annotations

from noria.pipeline.predictions import Predictions
from noria.types import Prediction


def test_several_numbers_have_a_column_each() -> None:
    told = [Prediction({"a": 1.5, "b": 2.0}, None, {"number_a": 1.5, "number_b": 2.0, "parts": [1]}), Prediction(None)]
    assert Predictions(told).columns() == {
        "value": [{"a": 1.5, "b": 2.0}, None],
        "number_a": [1.5, None],
        "number_b": [2.0, None],
    }
