"""Spans: one a request, below the client's own, with the names of the conventions."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from noria.errors import UserError
from noria.service.watch.spans import ENDPOINT, Spans, spans
from service.watch.conftest import send, watched


@pytest.fixture
def sent() -> tuple[Spans, Any]:
    """Return what makes spans, and what would send them."""
    trace = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `otel` is not installed")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(memory))
    return Spans(provider), memory


def test_a_call_is_a_span_below_the_clients_own(sent: tuple[Spans, Any]) -> None:
    made, memory = sent
    above = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    send(watched([made]), "POST", "/ask/churn", headers={"traceparent": above, "x-request-id": "r1"})
    (span,) = memory.get_finished_spans()
    assert span.name == "POST /ask/{model}"
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert span.end_time >= span.start_time
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.route": "/ask/{model}",
        "http.response.status_code": 200,
        "noria.request.id": "r1",
        "noria.client": "127.0.0.1",
        "gen_ai.request.model": "churn",
        "gen_ai.provider.name": "noria",
        "noria.version": "v7",
        "gen_ai.operation.name": "generate_content",
        "noria.ended": "stop",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 9,
    }


def test_a_call_without_a_model_says_nothing_of_one(sent: tuple[Spans, Any]) -> None:
    made, memory = sent
    send(watched([made]), "GET", "/nothing", headers={"traceparent": "nonsense"})
    send(watched([made]), "GET", "/fails")
    first, second = memory.get_finished_spans()
    assert not [name for name in first.attributes if name.startswith("gen_ai")]
    assert first.status.is_unset
    assert second.status.status_code.name == "ERROR"


def test_without_an_endpoint_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    assert spans() is None


def test_with_an_endpoint_and_without_the_packages_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UserError, match=r"pip install.*\[otel\]"):
        spans()
