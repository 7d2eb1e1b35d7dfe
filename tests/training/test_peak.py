"""What a machine reaches at best is measured, and nothing else is changed by it."""

from __future__ import annotations

import time

import pytest
import torch

from noria.training.peak import measured_peak

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_peak_is_that_of_a_product_and_draws_nothing_at_random(precision: str) -> None:
    before = torch.get_rng_state()
    assert measured_peak.__wrapped__(CPU, precision) > 1e6
    assert torch.equal(torch.get_rng_state(), before)


def test_a_clock_that_stands_still_tells_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 1.0)
    assert measured_peak.__wrapped__(CPU, "float32") == 0.0  # and is not kept for other tests
