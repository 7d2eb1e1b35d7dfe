"""A histogram is drawn of whatever values there are."""

from __future__ import annotations

import pytest

from noria.report.charts import histogram


@pytest.mark.parametrize(
    "values",
    [[1e-13, 3e-13], [1.0, 1.0000000000000002], [5e-324, 0.0], [0.0, 0.0], [7.0], [1e300, -1e300], [1e-12, 1.0]],
)
def test_values_that_hardly_differ_or_differ_much_are_drawn(values: list[float]) -> None:
    assert "<rect" in str(histogram("loss", values, "nats"))
