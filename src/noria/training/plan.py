"""From a budget to a plan: measure the real step, count the steps, forecast the cost.

What a step is, precision and threads, follows rules (precision.py): what is timed only forecasts, and counts the steps
of a budget in minutes. The plan is stored with the run, so that a resumed run follows the same one to the last bit.
Knows no task. Read next: forecast.py, pace.py, stages/train.py.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from noria.contract import Task, dispatch
from noria.errors import UserError
from noria.job import Job
from noria.model.weights import weights_of
from noria.pipeline.assembly import NAMES
from noria.pipeline.inference import outputs
from noria.pipeline.prepared import Prepared
from noria.pipeline.warm_start import begin
from noria.training.distributed import Processes
from noria.training.memory import most_bytes
from noria.training.optimizers import Optimizer
from noria.training.peak import measured_peak
from noria.training.precision import Operations, usual_precision, usual_threads
from noria.training.step import Learner, Step, batch_size
from noria.types import Batch, Dataset

PROBE_SECONDS = 0.03  # of timed steps for each way of running them; at least LEAST_STEPS
LONG_TRAINING_SECONDS = (
    30.0  # from here on the chosen way is timed for longer: a processor starts faster than it goes on
)
LONG_PROBE_SHARE, LONG_PROBE_SECONDS = 0.03, 10.0  # of the training, and at most
LEAST_STEPS, MOST_STEPS = 3, 100
BUSY = 2.0  # so many times as fast is one thread where other work keeps the cores busy
SLOW_SECONDS = 1.0  # what takes longer is not measured again
USUAL_STEPS, LEAST_EPOCHS, MOST_EPOCHS = 1200, 10, 40  # where the job names no budget
LENGTHS_TRIED = 32  # records of unequal length, spread over the training records, that evaluation is timed with
REPORT_BYTES = 150_000  # report, history and the rest of a run folder
REPORTS = 200  # lines of history over a whole training
NO_STEP = {"steps": 0, "minutes": None, "epochs": None, "tokens": None, "validations": 0}


@dataclass(frozen=True)
class Plan:
    """What was decided before the first step. Seconds are measured on this machine, bytes are forecasts."""

    steps: int
    records_per_step: int
    precision: str
    threads: int
    is_compiled: bool
    device: str
    validate_at: list[int]  # after how many steps
    report_every: int
    seconds_per_step: float
    data_seconds_per_step: float
    seconds: float  # of training, validation and the final evaluation
    memory_bytes: int  # peak
    disk_bytes: int  # of the run folder
    weights: int
    reason: str = ""  # for the precision
    operations_per_step: float = 0.0  # forward and backward; products, convolutions and attention
    peak_operations_per_second: float = 0.0  # of a matrix product in this precision; 0 where it was not measured
    beside: list[str] = field(default_factory=list)  # the simple models to be fitted, whose time no forecast holds

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def cut_to(self, steps: int, validations: int) -> Plan:
        """Return the plan of a training of other steps that is else the same."""
        places = _validations(steps, validations if self.validate_at else 0)
        seconds = self.seconds * steps / self.steps
        return replace(self, steps=steps, validate_at=places, report_every=max(1, steps // REPORTS), seconds=seconds)

    @classmethod
    def of(cls, content: Mapping[str, Any], run: Path) -> Plan:
        """Return a stored plan; raise UserError where it is none."""
        try:
            return TypeAdapter(cls).validate_python(dict(content))
        except ValidationError as error:
            first = error.errors()[0]
            found = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            where, fix = str(run / "plan.json"), "bring it back from a copy, or train again in another folder: --run"
            raise UserError("this is no plan of a training", where=where, found=found, fix=fix) from error


@dataclass(frozen=True)
class _Probe:
    """What a step takes, and of it what gathering its records takes."""

    seconds: float
    data_seconds: float


def make_plan(
    job: Job, task: Task, prepared: Prepared, device: torch.device, tell: Callable[[str], None] = lambda _: None
) -> Plan:
    """Decide and measure; `tell` is given what is being timed, as that may take a minute."""
    if dispatch.learns_nothing(task.target):
        tell("there is nothing to learn: no step is taken")
        job = job.model_copy(update={"train": job.train.model_copy(update=NO_STEP)})
    train = prepared.splits["train"]
    model = begin(job, task, prepared.states, device)
    learner = Learner(job, task, prepared.states["target"], model, device)
    precision, reason = _precision(learner)
    threads, probe = most_threads(), _Probe(0.0, 0.0)
    operations = peak = 0.0
    if job.train.steps != 0:
        tell(f"planning: timing a few steps of {batch_size(job, len(train))} records on {device}")
        first = _counted(learner, train, precision)
        learnt = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        threads = usual_threads(device, first, learnt, most_threads())
        operations = _operations_per_step(learner, train, precision, first)
        torch.set_num_threads(threads)
        peak = measured_peak(device, precision)
        probe = _probe(learner, train, precision)
        if threads > 1 and device.type == "cpu":
            _tell_of_other_work(learner, train, precision, threads, probe, tell)
    budget = (job.train.minutes or 0) * 60
    if budget > LONG_TRAINING_SECONDS:
        least = min(LONG_PROBE_SHARE * budget, LONG_PROBE_SECONDS)
        probe = _probe(learner, train, precision, least)
    if train.lengths is not None and job.train.steps != 0:
        _longest_step(learner, train, precision)  # so that the memory it takes is counted
    validations = job.train.validations if "validation" in prepared.splits else 0
    asked = {"validation": validations, "test": 1}
    tell("planning: timing how long an answer takes")
    validation, test = (
        len(prepared.splits[split]) * _evaluation_seconds(learner, train, split != "test")
        if split in prepared.splits and times
        else 0.0
        for split, times in asked.items()
    )
    per_step = batch_size(job, len(train)) * job.train.accumulate
    if job.train.minutes is not None:
        left = job.train.minutes * 60 - validations * validation
        steps = max(1, int(left / probe.seconds))
    elif job.train.steps is not None:
        steps = job.train.steps
    elif job.train.tokens is not None:
        steps = max(1, round(job.train.tokens / (per_step * _tokens_per_record(model, train, device))))
    else:
        epochs = job.train.epochs or min(MOST_EPOCHS, max(LEAST_EPOCHS, USUAL_STEPS * per_step / len(train)))
        steps = max(1, round(epochs * len(train) / per_step))
    seconds = steps * probe.seconds + validations * validation + test
    data_bytes = sum(values.nbytes for arrays in (*train.inputs.values(), train.target) for values in arrays.values())
    return Plan(
        steps=steps,
        records_per_step=per_step,
        precision=precision,
        threads=threads,
        is_compiled=job.train.compile,
        device=str(device),
        validate_at=_validations(steps, validations),
        report_every=max(1, steps // REPORTS),
        seconds_per_step=probe.seconds,
        data_seconds_per_step=probe.data_seconds,
        seconds=seconds,
        memory_bytes=most_bytes() + data_bytes,
        disk_bytes=_disk_bytes(job, model, seconds, validations > 0),
        weights=sum(weight.numel() for weight in model.parameters()),
        reason=reason,
        operations_per_step=operations,
        peak_operations_per_second=peak,
        beside=[NAMES[name] for name in (() if model.mixture is None or job.train.steps == 0 else model.mixture.parts)],
    )


def _validations(steps: int, count: int) -> list[int]:
    """Return after how many steps a training is validated, so many times."""
    return sorted({round(steps * (i + 1) / count) for i in range(count)} - {0})


@functools.cache
def most_threads() -> int:
    """Return the threads that torch starts with, whatever an earlier plan in this process has set."""
    return torch.get_num_threads()


def _precision(learner: Learner) -> tuple[str, str]:
    """Return the precision that the job asks for, or else the usual one of this machine, and why."""
    asked = learner.job.train.precision
    if learner.job.train.steps == 0:
        return "float32", "nothing is trained"
    if asked != "auto":
        return asked, "train.precision"
    width = max(int(embedder.width) for embedder in learner.model.embedders.values())  # type: ignore[operator]
    return usual_precision(learner.device, width)


def _counted(learner: Learner, train: Dataset, precision: str, is_choosy: bool = False) -> float:
    """Return the operations of the first step, or of one that learns from the hardest of its records."""
    torch.set_num_threads(most_threads())
    step = Step(learner, train, MOST_STEPS, precision, Processes())
    step.first_choosy = 0 if is_choosy else MOST_STEPS + 1
    with Operations() as counted:
        step.gradients(0)
    learner.model.zero_grad()
    return float(counted.total)


def _operations_per_step(learner: Learner, train: Dataset, precision: str, first: float) -> float:
    """Return the operations of a usual step, from those of the first one."""
    step, lengths = Step(learner, train, MOST_STEPS, precision, Processes()), train.lengths
    plain = first if lengths is None else first * _how_much_longer(step, lengths, range(1))
    if not learner.job.train.hard_example_mining:
        return plain
    share = learner.job.train.warmup
    return share * plain + (1 - share) * _counted(learner, train, precision, is_choosy=True)


def _tell_of_other_work(
    learner: Learner, train: Dataset, precision: str, threads: int, probe: _Probe, tell: Callable[[str], None]
) -> None:
    """Say so where one thread is far faster, as on cores that are busy with other work; it is not taken unasked.

    Another number of threads adds in another order: it would be another model.
    """
    torch.set_num_threads(1)
    single = _probe(learner, train, precision)
    torch.set_num_threads(threads)
    if single.seconds * BUSY < probe.seconds:
        took, alone = (f"{1000 * one.seconds:.1f} ms" for one in (probe, single))
        tell(
            f"look: other work keeps these cores busy: a step takes {took} with {threads} threads and {alone} with "
            "one; set OMP_NUM_THREADS=1 to train with one"
        )


def _probe(learner: Learner, train: Dataset, precision: str, least_seconds: float = PROBE_SECONDS) -> _Probe:
    """Time real steps, batches gathered and weights updated, on a model that is thrown away."""
    plain = _timed(learner, train, precision, least_seconds, is_choosy=False)
    if not learner.job.train.hard_example_mining:
        return plain
    choosy = _timed(learner, train, precision, least_seconds, is_choosy=True)
    share = learner.job.train.warmup
    return _Probe(
        share * plain.seconds + (1 - share) * choosy.seconds,
        share * plain.data_seconds + (1 - share) * choosy.data_seconds,
    )


def _timed(learner: Learner, train: Dataset, precision: str, least_seconds: float, is_choosy: bool) -> _Probe:
    step = Step(learner, train, 0 if is_choosy else MOST_STEPS + 1, precision, Processes())
    step.first_choosy = 0 if is_choosy else MOST_STEPS + 1
    optimizer = Optimizer(learner.model, learner.job.train)
    whole: list[float] = []
    data: list[float] = []
    while not _is_enough(whole, least_seconds):
        start = time.perf_counter()
        step.batch(len(whole))
        gathered = time.perf_counter()
        step.gradients(len(whole))
        optimizer.step(0.0)
        optimizer.clear()
        whole.append(time.perf_counter() - gathered)
        data.append((gathered - start) * learner.job.train.accumulate)
    # in a long probe, and where records differ in length, the rare slow step counts, too
    middle = statistics.median if least_seconds == PROBE_SECONDS and train.lengths is None else statistics.fmean
    longer = 1.0 if train.lengths is None else _how_much_longer(step, train.lengths, range(1, len(whole)))
    return _Probe(*(longer * middle(seconds[1:]) for seconds in (whole, data)))


def _how_much_longer(step: Step, lengths: np.ndarray, seen: range) -> float:
    """Return how long the records of a usual batch are, padded, in those of the steps that were seen."""
    count = step.settings.accumulate
    size = min(step.batch_size, len(lengths))
    batches = step.order.indices(0, len(lengths) // size * size).reshape(-1, size)
    padded = lengths[batches].max(1)
    drawn = np.arange(count * seen.start, count * seen.stop) % len(padded)
    return float(padded.mean() / max(1, padded[drawn].mean()))


def _is_enough(seconds: list[float], least: float) -> bool:
    """Say whether so many steps, the first of which warms up, tell how long one takes; slow ones tell it sooner."""
    counted = seconds[1:]
    if sum(counted) > max(SLOW_SECONDS, least):
        return True
    return len(counted) >= LEAST_STEPS and (sum(counted) >= least or len(counted) >= MOST_STEPS)


def _longest_step(learner: Learner, train: Dataset, precision: str) -> None:
    """Take one step with the longest training records."""
    size = batch_size(learner.job, len(train))
    assert train.lengths is not None
    longest = train.select(np.sort(np.argsort(train.lengths, kind="stable")[-size:]))
    step = Step(learner, longest, MOST_STEPS, precision, Processes())
    step.batch_size = min(size, len(longest))
    step.gradients(0)
    learner.model.zero_grad()


def _disk_bytes(job: Job, model: nn.Module, seconds: float, has_best: bool) -> int:
    """Return what the run folder will hold: checkpoints (one, or two of a long training), bundle, report, history."""

    def size_of(tensors: dict[str, torch.Tensor]) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())

    weights, state = size_of(weights_of(model)), size_of(Optimizer(model, job.train).state)
    checkpoint = weights * (1 + has_best + (job.train.ema > 0)) + state
    count = 2 if seconds > 60 * job.train.checkpoint_minutes else 1
    return count * checkpoint + weights + REPORT_BYTES


def _evaluation_seconds(learner: Learner, train: Dataset, is_quick: bool) -> float:
    """Return the seconds that one record takes in evaluation."""
    batch_size = learner.job.evaluate.batch_size
    count = min(batch_size if train.lengths is None else LENGTHS_TRIED, len(train))
    few = train.select(np.linspace(0, len(train) - 1, count).astype(int))

    def run() -> float:
        start = time.perf_counter()
        outputs(learner.model, learner.task.target, learner.state, few, batch_size, learner.device, is_quick)
        return (time.perf_counter() - start) / count

    first = run()
    return first if first * count > SLOW_SECONDS else min(first, run())


def _tokens_per_record(model: Any, train: Dataset, device: torch.device) -> float:
    if train.window is not None:
        return train.window
    if train.lengths is not None:
        return float(train.lengths.mean())
    batch: Batch = train.batch(slice(0, min(64, len(train))), device)
    with torch.inference_mode():
        tokens = model.tokens(batch.inputs)
    count = tokens.features.shape[0] * tokens.features.shape[1] if tokens.is_real is None else int(tokens.is_real.sum())
    return count / batch.size
