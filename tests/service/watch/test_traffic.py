"""The traffic of the last minute: right within the width of a class, and of a size that does not grow."""

from __future__ import annotations

import math

from noria.service.watch.traffic import SECONDS, Minute, Traffic
from noria.service.watch.visit import Visit


class Clock:
    """A time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def visit(seconds: float, status: int = 200, model: str = "churn") -> Visit:
    one = Visit({"type": "http", "method": "POST", "headers": []})
    one.model = model
    one.status, one.seconds, one.tokens = status, seconds, (1, 10)
    return one


def test_percentiles_are_right_within_a_class() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    for index in range(1, 1001):
        traffic.note(visit(index / 1000))
    told = traffic.told(["churn"])["models"]["churn"]
    width = 2**0.25
    assert 0.5 / width <= told["p50_seconds"] <= 0.5 * width
    assert 0.95 / width <= told["p95_seconds"] <= 0.95 * width


def test_latencies_without_bounds_have_a_class() -> None:
    traffic = Traffic(Clock())
    for seconds in (0.0, 1e-9, 1e9, math.inf):
        traffic.note(visit(seconds))
    assert traffic.told(["churn"])["all"]["p50_seconds"] < 1e-3


def test_only_answers_count_for_latency_and_all_for_traffic() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    traffic.note(visit(1.0))
    traffic.note(visit(0.0001, status=503))
    traffic.note(visit(0.0001, status=500))
    clock.now += 9
    told = traffic.told(["churn"])["all"]
    assert told["outcomes"] == {"answered": 1, "overloaded": 1, "failed": 1}
    assert told["p50_seconds"] > 0.9
    assert told["requests_per_second"] == round(3 / 9, 3)
    assert told["tokens_per_second"] == round(30 / 9, 3)
    assert told["series"][-10:] == [3, *[0] * 9]


def test_after_a_minute_a_request_is_forgotten() -> None:
    clock = Clock()
    traffic = Traffic(clock)
    traffic.note(visit(1.0))
    clock.now += SECONDS - 1
    traffic.note(visit(1.0))
    assert traffic.told(["churn"])["all"]["series"] == [1, *[0] * 58, 1]
    clock.now += 1
    assert traffic.told(["churn"])["all"]["series"] == [*[0] * 58, 1, 0]


def test_models_that_are_not_served_any_more_are_forgotten() -> None:
    traffic = Traffic(Clock())
    traffic.note(visit(1.0, model="old"))
    traffic.note(visit(1.0, model="new"))
    assert list(traffic.told(["new"])["models"]) == ["new"]
    assert traffic.told(["old", "new"])["models"]["old"]["requests"] == 0


def test_a_model_that_nobody_asked_has_no_latency() -> None:
    told = Traffic(Clock()).told(["churn"])
    assert told["models"]["churn"]["p95_seconds"] is None
    assert told["all"]["requests"] == 0


def test_what_is_kept_does_not_grow_with_the_traffic() -> None:
    minute = Minute()
    for second in range(500):
        for index in range(50):
            minute.add(visit(1e-5 * 2**index), second)
    assert len(minute.slots(499)) == SECONDS
    assert max(len(slot.latencies) for slot in minute.slots(499)) <= 50
