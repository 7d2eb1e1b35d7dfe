"""Metrics: what dashboards look for is there, right, and under labels that no client can choose."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from noria.ledger.till import Till
from noria.service.asking.operation import About
from noria.service.request.exchange import Request
from noria.service.watch import names
from noria.service.watch.access_log import AccessLog
from noria.service.watch.lookups import MetricsPage, TrafficPage
from noria.service.watch.metrics import Metrics
from noria.service.watch.model_state import ModelState
from noria.service.watch.traffic import Traffic
from noria.service.watch.watch import InFlight, Watch
from service.watch.conftest import send, watched

EXPECTED = """
http_requests_total http_request_duration_seconds_bucket http_request_size_bytes_sum http_response_size_bytes_sum
http_requests_inprogress process_resident_memory_bytes process_open_fds process_cpu_seconds_total noria_requests_total
noria_records_total noria_request_seconds_bucket noria_queue_seconds_bucket noria_model_seconds_bucket
noria_batch_size_bucket noria_written_answers_total noria_model_info noria_model_ready noria_requests_waiting
noria_requests_running noria_workers noria_workers_resident_bytes noria_worker_restarts_total
noria_access_log_lost_lines_total noria_ledger_waiting_entries noria_ledger_lost_entries_total
vllm:num_requests_running vllm:num_requests_waiting vllm:prompt_tokens_total
vllm:generation_tokens_total vllm:request_success_total vllm:request_prompt_tokens_bucket
vllm:request_generation_tokens_bucket vllm:time_to_first_token_seconds_bucket vllm:inter_token_latency_seconds_bucket
vllm:e2e_request_latency_seconds_bucket vllm:request_queue_time_seconds_bucket
vllm:request_prefill_time_seconds_bucket vllm:request_decode_time_seconds_bucket request_predict_seconds_bucket
nv_inference_request_success nv_inference_request_failure nv_inference_count nv_inference_request_duration_us
nv_inference_queue_duration_us nv_inference_compute_infer_duration_us
"""


class Seen:
    """A watched application and its metrics."""

    def __init__(self, *, is_writing: bool = True) -> None:
        self.metrics, self.traffic = Metrics(), Traffic()
        self.in_flight: InFlight = {}
        self.app: Watch = watched([self.metrics, self.traffic])
        told = {"task": "chat", "is_writing": is_writing}
        self.models = [About("churn", "v7", True, told)]
        self.states = [ModelState("churn", waiting=2, running=3, restarts=4, workers=1, pids=(os.getpid(),))]
        self.page = MetricsPage(self.metrics, self.in_flight, lambda: self.states, None, Till())

    def text(self) -> str:
        return self.page.answer(Request("metrics"), self.models).body.decode()

    def values(self) -> dict[tuple[str, ...], float]:
        """Return the value of each sample, by its name and its labels as key=value, in order."""
        found = [sample for family in parse(self.text()) for sample in family.samples]
        values = {
            (one.name, *sorted(f"{key}={value}" for key, value in one.labels.items())): one.value for one in found
        }
        assert len(values) == len(found)  # no sample stands twice
        return values


def test_the_names_that_dashboards_expect_are_there() -> None:
    seen = Seen()
    send(seen.app, "POST", "/ask/churn", content=b"12345")
    send(seen.app, "POST", "/ask/churn?status=500")
    there = {name for name, *_ in seen.values()}
    assert [name for name in EXPECTED.split() if name not in there] == []


def test_what_is_counted_is_right_under_every_name() -> None:
    seen = Seen()
    for ended in ("stop", "end", "length"):
        send(seen.app, "POST", f"/ask/churn?ended={ended}", content=b"12345")
    send(seen.app, "POST", "/ask/churn?status=503&ended=error")
    values = seen.values()
    assert values["http_requests_total", "handler=/ask/{model}", "method=POST", "status=200"] == 3
    assert values["http_requests_total", "handler=/ask/{model}", "method=POST", "status=503"] == 1
    assert values["http_request_size_bytes_sum", "handler=/ask/{model}"] == 15
    assert values["noria_requests_total", "model=churn", "operation=openai.chat", "outcome=answered"] == 3
    assert values["noria_batch_size_sum", "model=churn"] == 16
    assert values["noria_queue_seconds_sum", "model=churn"] == 2.0
    assert values["noria_writing_seconds_sum", "model=churn"] == 4.0
    assert values["noria_token_seconds_sum", "model=churn"] == 4 * 1.0 / 8
    assert values["noria_first_token_seconds_sum", "model=churn"] == 4 * 0.75
    assert values["vllm:time_to_first_token_seconds_sum", "model_name=churn"] == 4 * 0.75
    assert values["vllm:time_to_first_token_seconds_bucket", "le=1.0", "model_name=churn"] == 4
    assert values["vllm:prompt_tokens_total", "model_name=churn"] == 20
    assert values["vllm:generation_tokens_total", "model_name=churn"] == 36
    assert values["vllm:request_success_total", "finished_reason=stop", "model_name=churn"] == 2
    assert values["vllm:request_success_total", "finished_reason=length", "model_name=churn"] == 1
    assert values["vllm:num_requests_waiting", "model_name=churn"] == 2
    assert values["request_predict_seconds_sum", "model_name=churn"] == 5.0
    assert values["nv_inference_request_success", "model=churn"] == 3
    assert values["nv_inference_request_failure", "model=churn"] == 1
    assert values["nv_inference_queue_duration_us", "model=churn"] == 2e6


def test_what_is_looked_at_is_what_is_now() -> None:
    seen = Seen()
    values = seen.values()
    assert values["noria_model_info", "model=churn", "task=chat", "version=v7"] == 1
    assert values["noria_model_ready", "model=churn"] == 1
    assert values["noria_worker_restarts_total", "model=churn"] == 4
    assert values["noria_workers", "model=churn"] == 1
    assert values["noria_workers_resident_bytes", "model=churn"] > 1e6
    seen.models, seen.states = [], [ModelState("churn", pids=(2**22 + 1,))]  # a process that is no more
    values = seen.values()
    assert not [name for name in values if name[0] == "noria_model_info"]
    assert values["noria_workers_resident_bytes", "model=churn"] == 0


def test_names_of_vllm_stand_for_models_that_write_alone() -> None:
    seen = Seen(is_writing=False)
    send(seen.app, "POST", "/ask/churn")
    assert not [name for name, *_ in seen.values() if name.startswith("vllm:")]


def test_a_client_cannot_make_series() -> None:
    seen = Seen()
    send(seen.app, "GET", "/once")
    before = len(seen.values())
    for index in range(50):
        headers = {"x-request-id": f"id{index}", "user-agent": f"agent{index}", "authorization": f"Bearer {index}"}
        send(seen.app, f"GET{index}"[: 4 + index], f"/path{index}?{index}", headers=headers)
    after = seen.values()
    assert len(after) - before <= 40  # those of the method `other`
    assert not [part for name in after for part in name if "path" in part]


def test_lines_of_the_log_that_were_lost_are_counted(tmp_path: Path) -> None:
    seen = Seen()
    log = AccessLog(tmp_path / "access.log")
    log.num_lost = 3
    log.close()
    seen.page = MetricsPage(seen.metrics, seen.in_flight, lambda: seen.states, log, Till())
    assert seen.values()["noria_access_log_lost_lines_total",] == 3


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/openmetrics-text; version=1.0.0", "text/plain;version=0.0.4"]
)
def test_the_format_is_the_one_that_every_scraper_reads(accept: str) -> None:
    reply = Seen().page.answer(Request("metrics", headers={"accept": accept}), [])
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"noria_workers" in reply.body


@pytest.mark.parametrize("own", [*names.VLLM, *names.KSERVE, *(one.family for one in names.TRITON.values())])
def test_every_name_of_others_stands_for_a_family_of_ours(own: str) -> None:
    assert own in {family.name for family in parse(Seen().text())}


def test_the_traffic_says_what_waits() -> None:
    seen = Seen()
    send(seen.app, "POST", "/ask/churn")
    page = TrafficPage(seen.traffic, seen.in_flight, lambda: [*seen.states, ModelState("gone")])
    told = page.answer(Request("traffic"), seen.models).body.decode()
    assert '"waiting":2,"running":3,"restarts":4' in told
    assert '"in_flight":0' in told
    assert "gone" not in told
