"""Metrics for Prometheus: what is counted, under Noria's own names; names.py makes those of other servers of them.

Labels are names of models that are served, templates of routes, operations and a few words: never what a client writes,
so that nobody can make the number of series grow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psutil
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, Summary
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from noria.ledger.till import Till
from noria.service.asking.operation import About
from noria.service.watch.model_state import ModelState
from noria.service.watch.visit import Visit

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
TOKENS = (1, 8, 32, 128, 512, 2048, 8192, 32768)
RECORDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Counts visits."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count_http()
        self._count_models()
        self._count_tokens()
        ProcessCollector(registry=self.registry)

    def note(self, visit: Visit) -> None:
        """Count a visit."""
        self._requests.labels(visit.path, visit.method, str(visit.status)).inc()
        self._durations.labels(visit.path, visit.method).observe(visit.seconds)
        self._received.labels(visit.path).observe(visit.received_bytes)
        self._sent.labels(visit.path).observe(visit.sent_bytes)
        if visit.model:
            self._note_model(visit)

    def _note_model(self, visit: Visit) -> None:
        model, measured = visit.model, visit.measured
        self._outcomes.labels(model, visit.operation, visit.outcome).inc()
        self._seconds.labels(model).observe(visit.seconds)
        if measured.batch:
            self._records.labels(model).inc(measured.records)
            self._queued.labels(model).observe(measured.queue_seconds)
            self._computed.labels(model).observe(measured.model_seconds)
            self._batches.labels(model).observe(measured.batch)
        if measured.ended:
            self._note_tokens(visit)

    def _note_tokens(self, visit: Visit) -> None:
        model, measured, (num_read, num_written) = visit.model, visit.measured, visit.tokens
        self._ended.labels(model, measured.ended).inc()
        self._tokens_read.labels(model).inc(num_read)
        self._tokens_written.labels(model).inc(num_written)
        self._prompts.labels(model).observe(num_read)
        self._answers.labels(model).observe(num_written)
        self._prompt_seconds.labels(model).observe(measured.prompt_seconds)
        self._first_tokens.labels(model).observe(measured.queue_seconds + measured.prompt_seconds)
        writing_seconds = max(measured.model_seconds - measured.prompt_seconds, 0.0)
        self._writing_seconds.labels(model).observe(writing_seconds)
        if num_written > 1:
            self._token_seconds.labels(model).observe(writing_seconds / (num_written - 1))

    def _count_http(self) -> None:
        paths = ["handler", "method"]
        self._requests = Counter("http_requests", "Requests", [*paths, "status"], registry=self.registry)
        self._durations = self._histogram(
            "http_request_duration_seconds", "From a request's head to the last byte of its answer", SECONDS, paths
        )
        self._received = Summary("http_request_size_bytes", "Bodies received", ["handler"], registry=self.registry)
        self._sent = Summary("http_response_size_bytes", "Bodies sent", ["handler"], registry=self.registry)

    def _count_models(self) -> None:
        model = ["model"]
        self._outcomes = self._counter(
            "noria_requests",
            "Requests to a model: answered, refused, overloaded, failed, or left by the client",
            [*model, "operation", "outcome"],
        )
        self._records = self._counter("noria_records", "Records answered", model)
        self._seconds = self._histogram("noria_request_seconds", "Whole request, as a client sees it", SECONDS, model)
        self._queued = self._histogram("noria_queue_seconds", "Wait until the model begins on it", SECONDS, model)
        self._computed = self._histogram("noria_model_seconds", "Time in the model", SECONDS, model)
        self._batches = self._histogram("noria_batch_size", "Records computed together", RECORDS, model)

    def _count_tokens(self) -> None:
        model = ["model"]
        self._ended = self._counter("noria_written_answers", "Answers written", [*model, "ended"])
        self._tokens_read = self._counter("noria_prompt_tokens", "Tokens read", model)
        self._tokens_written = self._counter("noria_generated_tokens", "Tokens written", model)
        self._prompts = self._histogram("noria_request_prompt_tokens", "Tokens of a request", TOKENS, model)
        self._answers = self._histogram("noria_request_generated_tokens", "Tokens of an answer", TOKENS, model)
        self._first_tokens = self._histogram("noria_first_token_seconds", "Until the first token", SECONDS, model)
        self._token_seconds = self._histogram("noria_token_seconds", "Of a token, mean of an answer", SECONDS, model)
        self._prompt_seconds = self._histogram("noria_prompt_seconds", "Reading the prompt", SECONDS, model)
        self._writing_seconds = self._histogram("noria_writing_seconds", "Writing the other tokens", SECONDS, model)

    def _counter(self, name: str, told: str, labels: Sequence[str]) -> Counter:
        return Counter(name, told, labels, registry=self.registry)

    def _histogram(self, name: str, told: str, limits: Sequence[float], labels: Sequence[str]) -> Histogram:
        return Histogram(name, told, labels, buckets=limits, registry=self.registry)


def gauges(models: Sequence[About], states: Sequence[ModelState], in_flight: int, num_lost: int) -> Iterator[Metric]:
    """Yield what is not counted but looked at: what is served now, and how much it has to do."""
    yield GaugeMetricFamily("http_requests_inprogress", "Requests that are not answered yet", in_flight)
    lost = CounterMetricFamily("noria_access_log_lost_lines", "Lines of the access log that could not be written")
    lost.add_metric([], num_lost)
    yield lost
    about = GaugeMetricFamily("noria_model_info", "What is served", labels=["model", "version", "task"])
    ready = GaugeMetricFamily("noria_model_ready", "Whether a model answers", labels=["model"])
    for one in models:
        about.add_metric([one.name, one.version, str(one.told.get("task", ""))], 1)
        ready.add_metric([one.name], one.is_ready)
    yield from (about, ready)
    yield from _of_states(states)


def of_ledger(till: Till) -> Iterator[Metric]:
    """Yield how many entries are made for the ledger, by the name of the process in their keys, and not written."""
    made = CounterMetricFamily("noria_ledger_entries", "Entries made for the ledger", labels=["process"])
    made.add_metric([till.process], till.num_entries)
    yield made
    waiting = "Entries of the ledger that wait for a disk that can be written"
    yield GaugeMetricFamily("noria_ledger_waiting_entries", waiting, till.spool.num_waiting)
    lost = CounterMetricFamily("noria_ledger_lost_entries", "Entries of the ledger that waited in vain")
    lost.add_metric([], till.spool.num_lost)
    yield lost


def _of_states(states: Sequence[ModelState]) -> Iterator[Metric]:
    values = {
        "noria_requests_waiting": ("Requests that no process has begun", [one.waiting for one in states]),
        "noria_requests_running": ("Requests in a process", [one.running for one in states]),
        "noria_workers": ("Processes that run the model", [one.workers for one in states]),
        "noria_workers_resident_bytes": (
            "Memory of these processes, as far as they run on this machine",
            [_resident(one.pids) for one in states],
        ),
    }
    for name, (told, found) in values.items():
        family = GaugeMetricFamily(name, told, labels=["model"])
        for one, value in zip(states, found, strict=True):
            family.add_metric([one.model], value)
        yield family
    restarts = CounterMetricFamily("noria_worker_restarts", "Processes started for one that died", labels=["model"])
    for one in states:
        restarts.add_metric([one.model], one.restarts)
    yield restarts


def _resident(pids: Sequence[int]) -> int:
    total = 0
    for pid in pids:
        try:
            total += psutil.Process(pid).memory_info().rss
        except psutil.Error:
            continue  # it has just died
    return total
