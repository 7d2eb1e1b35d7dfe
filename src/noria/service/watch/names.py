"""The names under which dashboards of other servers look for the same figures: one measure, several names.

vLLM's stand for models that write text. KServe's and Triton's stand for every model. They are made of Noria's own at
each scrape; nothing is counted twice. vllm:inter_token_latency_seconds holds the mean of each answer, not each token.
Not there is what is not measured: vllm:kv_cache_usage_perc, request_preprocess_seconds and its like.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.samples import Sample

VLLM = {
    "noria_requests_running": "vllm:num_requests_running",
    "noria_requests_waiting": "vllm:num_requests_waiting",
    "noria_prompt_tokens": "vllm:prompt_tokens",
    "noria_generated_tokens": "vllm:generation_tokens",
    "noria_written_answers": "vllm:request_success",
    "noria_request_prompt_tokens": "vllm:request_prompt_tokens",
    "noria_request_generated_tokens": "vllm:request_generation_tokens",
    "noria_first_token_seconds": "vllm:time_to_first_token_seconds",
    "noria_token_seconds": "vllm:inter_token_latency_seconds",
    "noria_request_seconds": "vllm:e2e_request_latency_seconds",
    "noria_queue_seconds": "vllm:request_queue_time_seconds",
    "noria_prompt_seconds": "vllm:request_prefill_time_seconds",
    "noria_writing_seconds": "vllm:request_decode_time_seconds",
}
KSERVE = {"noria_model_seconds": "request_predict_seconds"}
LABELS = {"model": "model_name", "ended": "finished_reason"}
REASONS = {"end": "stop", "stop": "stop", "length": "length", "error": "error", "left": "abort"}
MICROSECONDS = 1e6


@dataclass(frozen=True)
class Total:
    """A counter of Triton: the sum of samples of Noria's whose labels fit, times a factor."""

    family: str
    sample: str
    told: str
    factor: float = 1.0
    outcomes: Collection[str] = ()


TRITON = {
    "nv_inference_request_success": Total(
        "noria_requests", "noria_requests_total", "Requests answered", outcomes=["answered"]
    ),
    "nv_inference_request_failure": Total(
        "noria_requests", "noria_requests_total", "Requests not answered", outcomes=["refused", "overloaded", "failed"]
    ),
    "nv_inference_count": Total("noria_records", "noria_records_total", "Records answered"),
    "nv_inference_request_duration_us": Total(
        "noria_request_seconds", "noria_request_seconds_sum", "Whole requests", MICROSECONDS
    ),
    "nv_inference_queue_duration_us": Total("noria_queue_seconds", "noria_queue_seconds_sum", "Waiting", MICROSECONDS),
    "nv_inference_compute_infer_duration_us": Total(
        "noria_model_seconds", "noria_model_seconds_sum", "In the model", MICROSECONDS
    ),
}


def renamed(families: Mapping[str, Metric], writing: Collection[str]) -> Iterator[Metric]:
    """Yield the families again under the names of others; `writing` are the models that write text."""
    for own, name in VLLM.items():
        samples = [one for one in families[own].samples if one.labels["model"] in writing]
        yield _copied(families[own], name, samples)
    for own, name in KSERVE.items():
        yield _copied(families[own], name, families[own].samples)
    for name, total in TRITON.items():
        yield _summed(families[total.family], name, total)


def _copied(family: Metric, name: str, samples: Sequence[Sample]) -> Metric:
    copy = Metric(name, family.documentation, family.type)
    for one in _merged(samples):
        copy.add_sample(one.name.replace(family.name, name, 1), one.labels, one.value)
    return copy


def _merged(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Yield samples with the labels of others; two reasons that are one to them are added up."""
    values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for one in samples:
        labels = {
            LABELS.get(key, key): REASONS[value] if key == "ended" else value for key, value in one.labels.items()
        }
        place = (one.name, tuple(labels.items()))
        values[place] = values.get(place, 0.0) + one.value
    for (name, pairs), value in values.items():
        yield Sample(name, dict(pairs), value)


def _summed(family: Metric, name: str, total: Total) -> Metric:
    values: dict[str, float] = {}
    for one in family.samples:
        if one.name == total.sample and (not total.outcomes or one.labels["outcome"] in total.outcomes):
            model = one.labels["model"]
            values[model] = values.get(model, 0.0) + one.value * total.factor
    found = Metric(name, total.told, "unknown")  # a counter's name would have to end with _total
    for model, value in values.items():
        found.add_sample(name, {"model": model}, value)
    return found
