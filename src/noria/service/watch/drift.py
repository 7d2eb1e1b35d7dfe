"""What drift was found in the records of each model: GET /watch/{model} as JSON, and gauges for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import ClassVar

from prometheus_client.core import GaugeMetricFamily, Metric

from noria.errors import UserError
from noria.service.asking.operation import About, Lookup, Verb, named
from noria.service.request.exchange import Reply, Request
from noria.service.request.http_error import HTTPError
from noria.service.watch.model_state import ModelState, States


class DriftPage(Lookup):
    """The last assessment of a model's window of live records, as JSON."""

    name = "watch"
    path = "/watch/{model}"
    aliases = ("/watch",)
    verb: ClassVar[Verb] = "metrics"
    summary = "Return what the last records of a model show beside those that it was calibrated on."

    def __init__(self, states: States) -> None:
        self._states = states

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return how many records the window has, and their assessment or why there is none."""
        model = named(models, request.path.get("model")).name
        told = next((one.watched for one in self._states() if one.model == model and one.watched), None)
        if told is None:
            error = UserError(f"nothing is known yet of the records of {model}", fix="ask again in a minute")
            raise HTTPError(error, HTTPStatus.SERVICE_UNAVAILABLE, code="not_watched", headers={"Retry-After": "30"})
        return Reply.json({"model": model, **told})


def drift_gauges(states: Sequence[ModelState]) -> Iterator[Metric]:
    """Yield what was found of each model that is watched; of one whose window is too small, how much it holds."""
    records = GaugeMetricFamily("noria_watch_records", "Records of the window", labels=["model"])
    alarms = GaugeMetricFamily("noria_drift_alarm", "Whether any test found drift", labels=["model"])
    p = GaugeMetricFamily("noria_drift_p", "p of each test", labels=["model", "test"])
    sizes = GaugeMetricFamily("noria_drift_statistic", "How far apart the samples are", labels=["model", "test"])
    scores = GaugeMetricFamily(
        "noria_watched_score", "The score: in calibration, expected now", labels=["model", "score", "when"]
    )
    for one in states:
        if not one.watched:
            continue
        records.add_metric([one.model], one.watched["records"])
        if (found := one.watched["assessment"]) is None:
            continue
        alarms.add_metric([one.model], found["alarm"])
        for test in found["tests"]:
            p.add_metric([one.model, test["name"]], test["p"])
            sizes.add_metric([one.model, test["name"]], test["statistic"])
        for when, key in (("calibration", "before"), ("expected", "expected")):
            if found[key] is not None:
                scores.add_metric([one.model, found["score"], when], found[key]["value"])
    yield from (records, alarms, p, sizes, scores)
