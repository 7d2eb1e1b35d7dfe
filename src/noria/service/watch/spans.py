"""Spans for OpenTelemetry (extra `otel`), where OTEL_EXPORTER_OTLP_ENDPOINT says where to send them.

One span a request, made when it is over, below the client's own where it sent a `traceparent`. Sending is done by a
thread of the library; what it cannot send it drops. The names of attributes are those of the conventions for HTTP and
for generative models, which are still in development: so they stand here alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from noria.errors import needs_extra
from noria.service.watch.visit import Visit

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NANOSECONDS = 1_000_000_000


class Spans:
    """Makes a span of each visit."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider, self._tracer = provider, provider.get_tracer("noria")

    def note(self, visit: Visit) -> None:
        """Make the span of a visit that is over."""
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        above = (
            TraceContextTextMapPropagator().extract({"traceparent": visit.traceparent}) if visit.traceparent else None
        )
        began = int(visit.began * NANOSECONDS)
        span = self._tracer.start_span(
            f"{visit.method} {visit.path}", above, SpanKind.SERVER, attributes_of(visit), start_time=began
        )
        if visit.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(began + int(visit.seconds * NANOSECONDS))

    def close(self) -> None:
        """Send what waits, for as long as the environment's settings of OpenTelemetry say."""
        self._provider.shutdown()


def spans() -> Spans | None:
    """Return what makes spans; None where nothing says where to send them. Raises UserError without the extra."""
    if not os.environ.get(ENDPOINT):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise needs_extra(error.name or "opentelemetry-sdk", "otel", f"{ENDPOINT}, which is set,") from error
    name = os.environ.get("OTEL_SERVICE_NAME", "noria")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider)


def attributes_of(visit: Visit) -> dict[str, str | int]:
    """Return what a span says of a visit: nothing that a client wrote but its id."""
    told: dict[str, str | int] = {
        "http.request.method": visit.method,
        "http.route": visit.path,
        "http.response.status_code": visit.status,
        "noria.request.id": visit.id,
        "noria.client": visit.client,
    }
    if visit.model:
        told |= {"gen_ai.request.model": visit.model, "gen_ai.provider.name": "noria", "noria.version": visit.version}
    if visit.measured.ended:
        told |= {"gen_ai.operation.name": "generate_content", "noria.ended": visit.measured.ended}
        told |= dict(zip(("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"), visit.tokens, strict=True))
    return told
