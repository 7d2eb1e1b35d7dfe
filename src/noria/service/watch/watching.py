"""All that sees the service from outside, put together: what is told of each visit, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware import Middleware

from noria.ledger.till import Till
from noria.service.asking.operation import Lookup
from noria.service.fleet.models import Model, Models
from noria.service.watch.access_log import AccessLog, access_log
from noria.service.watch.booking import Booking
from noria.service.watch.drift import DriftPage
from noria.service.watch.lookups import MetricsPage, TrafficPage
from noria.service.watch.metrics import Metrics
from noria.service.watch.model_state import ModelState
from noria.service.watch.spans import Spans, spans
from noria.service.watch.traffic import Traffic
from noria.service.watch.watch import InFlight, Observer, Watch


class Watching:
    """Metrics and traffic, and where they are wanted an access log and spans."""

    def __init__(
        self, models: Models, log: AccessLog | None = None, tracing: Spans | None = None, till: Till | None = None
    ) -> None:
        metrics, traffic = Metrics(), Traffic()
        self._ending = [one for one in (log, tracing) if one is not None]
        observers: list[Observer] = [metrics, traffic, *self._ending]
        in_flight: InFlight = {}
        booking = Booking(till or Till(), lambda name: models.named(name).plan.threads)
        self._till = booking.till
        self.middleware = Middleware(Watch, observers=observers, in_flight=in_flight, book=booking.book)

        def states() -> Sequence[ModelState]:
            return [_state(one) for one in models.all]

        self.lookups: list[Lookup] = [
            MetricsPage(metrics, in_flight, states, log, self._till),
            TrafficPage(traffic, in_flight, states),
            DriftPage(states),
        ]

    def close(self) -> None:
        """Write and send what waits."""
        for one in self._ending:
            one.close()
        self._till.close()


def watching(models: Models, log: str) -> Watching:
    """Return what the command's `--access-log` and the environment's OTEL_EXPORTER_OTLP_ENDPOINT ask for."""
    tracing = spans()
    return Watching(models, access_log(log), tracing)


def _state(model: Model) -> ModelState:
    versions = [one for one in (model.current, model.candidate) if one is not None]
    replicas = [replica for version in versions for replica in version.replicas]
    waiting = sum(one.num_waiting for one in replicas)
    return ModelState(
        model.plan.name,
        waiting=waiting,
        running=sum(one.num_going for one in replicas) - waiting,
        restarts=sum(one.num_restarts for one in replicas),
        workers=sum(one.is_running for one in replicas),
        pids=tuple(one.pid for one in replicas if one.pid is not None),
        # Each process has a window of its own; of the version that is served, the fullest says most.
        watched=max((one.watched for one in model.current.replicas), key=lambda told: told.get("records", -1)),
    )
