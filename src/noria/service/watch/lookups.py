"""What is asked to see the service from outside: GET /metrics for Prometheus, GET /traffic for the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from noria.ledger.till import Till
from noria.service.asking.operation import About, Lookup, Verb
from noria.service.request.exchange import Reply, Request
from noria.service.watch.access_log import AccessLog
from noria.service.watch.drift import drift_gauges
from noria.service.watch.metrics import Metrics, gauges, of_ledger
from noria.service.watch.model_state import States
from noria.service.watch.names import renamed
from noria.service.watch.traffic import Traffic
from noria.service.watch.watch import InFlight


class MetricsPage(Lookup):
    """All metrics, in the text format that every scraper reads."""

    name = "metrics"
    path = "/metrics"
    verb: ClassVar[Verb] = "metrics"
    summary = "Return metrics for Prometheus."
    media_types = ("text/plain",)

    def __init__(
        self, metrics: Metrics, in_flight: InFlight, states: States, log: AccessLog | None, till: Till
    ) -> None:
        self._metrics, self._in_flight, self._states, self._log = metrics, in_flight, states, log
        self._till = till

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return every family under Noria's names, then under those of others."""
        # Not OpenMetrics, which some scrapers would rather have: its encoder writes vllm_ in the place of vllm:.
        text = generate_latest(Families(list(self._families(models))))
        return Reply(text, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    def _families(self, models: Sequence[About]) -> Iterator[Metric]:
        num_lost = self._log.num_lost if self._log else 0
        own = {one.name: one for one in self._metrics.registry.collect()}
        states = self._states()
        own |= {one.name: one for one in gauges(models, states, len(self._in_flight), num_lost)}
        own |= {one.name: one for one in drift_gauges(states)}
        own |= {one.name: one for one in of_ledger(self._till)}
        yield from own.values()
        yield from renamed(own, [one.name for one in models if one.told.get("is_writing")])


class Families:
    """Families that are made already, as an encoder takes them."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Yield them, without the times at which counting began: Prometheus does not want them in text."""
        for one in self._families:
            one.samples = [sample for sample in one.samples if not sample.name.endswith("_created")]
            yield one


class TrafficPage(Lookup):
    """The traffic of the last minute, as JSON."""

    name = "traffic"
    path = "/traffic"
    verb: ClassVar[Verb] = "metrics"
    summary = "Return the requests, latencies and failures of the last minute, by model."

    def __init__(self, traffic: Traffic, in_flight: InFlight, states: States) -> None:
        self._traffic, self._in_flight, self._states = traffic, in_flight, states

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return the figures, and what waits and runs now."""
        told = self._traffic.told([one.name for one in models])
        for one in self._states():
            if one.model in told["models"]:
                told["models"][one.model] |= {"waiting": one.waiting, "running": one.running, "restarts": one.restarts}
        told["all"]["in_flight"] = len(self._in_flight)
        return Reply.json(told)
