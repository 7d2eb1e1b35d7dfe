"""The real step, up to the gradients: draw records, choose among them, forward, backward.

Training takes it and the plan's probe times it, so the forecast is of what will run. Everything here is a pure function
of (job, data, step): the records by `Order`, dropout and variation by a seed of each step. Knows no task.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import torch
from torch import nn

from noria.contract import Task, dispatch
from noria.errors import UserError
from noria.job import Job
from noria.pipeline.out_of_memory import told_out_of_memory
from noria.training.distributed import Processes
from noria.training.sampler import Order, step_seed
from noria.types import Batch, Dataset, State


def batch_size(job: Job, records: int) -> int:
    """Return the job's batch size, or a power of two that gives at least 64 steps an epoch, from 32 to 256."""
    return job.train.batch_size or min(256, max(32, 2 ** int(math.log2(max(1, records / 64)))))


@dataclass(frozen=True)
class Learner:
    """What is trained: a model on its device, for a task whose target's state is known."""

    job: Job
    task: Task
    state: State
    model: nn.Module
    device: torch.device


class Step:
    """Gradients of one step after another; `steps` is how many the training has in all."""

    def __init__(self, learner: Learner, data: Dataset, steps: int, precision: str, world: Processes) -> None:
        job = learner.job
        self.settings, self.task, self.state, self.model = job.train, learner.task, learner.state, learner.model
        self.data, self.precision, self.device, self.world = data, precision, learner.device, world
        self.batch_size = batch_size(job, len(data))
        self.order = Order(len(data), job.train.seed, data.lengths, self.batch_size)
        self.window = data.window
        if self.batch_size < world.size:
            raise UserError(
                f"train.batch_size of {self.batch_size} cannot be divided among {world.size} processes",
                fix=f"give train.batch_size={world.size} or more",
            )
        # The first step that learns from the hardest of its records; none does, however many there are, without mining.
        self.first_choosy = round(job.train.warmup * steps) if job.train.hard_example_mining else sys.maxsize

    def gradients(self, step: int) -> float:
        """Leave the mean gradient of this process's records in the weights; return their loss."""
        with told_out_of_memory(f"a step of {self.batch_size} records at once", self._smaller()):
            return self._gradients(step)

    def _smaller(self) -> str:
        """Return the settings with which a step learns from as many records in less memory."""
        half = max(1, self.batch_size // 2)
        said = f"start a new run with train.batch_size={half} train.accumulate={2 * self.settings.accumulate}"
        return f"{said} (as many records a step, half of them at once), or with a smaller model"

    def _gradients(self, step: int) -> float:
        torch.manual_seed(step_seed(self.settings.seed, step, self.world.rank))
        self.model.train()
        total = 0.0
        for part in range(self.settings.accumulate):
            batch = self.batch(step, part)
            share = batch.size * self.world.size / self._drawn(step)  # 1 unless the processes have unequal batches
            loss = self._loss(batch, step) * (share / self.settings.accumulate)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
        return total

    def batch(self, step: int, part: int = 0) -> Batch:
        """Gather and vary the records that this process draws for one part of a step."""
        plain, drawn = self.batch_size, self.settings.hard_example_mining or 0
        accumulate = self.settings.accumulate
        choosy = max(0, step - self.first_choosy)
        start = accumulate * ((step - choosy) * plain + choosy * drawn)
        size = self._drawn(step)
        indices = self.order.indices(start + part * size, size)[self.world.rank :: self.world.size]
        data = self.data
        if self.window is not None:  # so that a stream is not cut at the same places in every epoch
            data = data.moved(int(torch.randint(self.window, ())))
        return dispatch.augment(self.task, data.batch(indices, self.device))

    def _drawn(self, step: int) -> int:
        return self.batch_size if step < self.first_choosy else self.settings.hard_example_mining or 0

    def records_before(self, step: int) -> int:
        """Return how many records were drawn before a step."""
        choosy = max(0, step - self.first_choosy)
        drawn = (step - choosy) * self.batch_size + choosy * (self.settings.hard_example_mining or 0)
        return self.settings.accumulate * drawn

    def _loss(self, batch: Batch, step: int) -> torch.Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            if step >= self.first_choosy:
                batch = self._hardest(batch)
            return self._losses(batch)["loss"]

    def _losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        return dispatch.training_step(self.task.target, self.model, batch, self.state)

    @torch.no_grad()
    def _hardest(self, batch: Batch) -> Batch:
        """Return the records of highest loss: a forward pass is far cheaper than a backward pass on what is known.

        Jiang et al. 2019, "Accelerating Deep Learning by Focusing on the Biggest Losers". Not for noisy labels.
        """
        losses = self._losses(batch).get("each")
        if losses is None:
            fix = "leave out train.hard_example_mining"
            raise UserError("this task has no loss for each record to choose by", fix=fix)
        keep = max(1, round(self.settings.hard_example_fraction * batch.size))
        chosen = losses.topk(min(keep, batch.size)).indices

        def select(arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {name: values[chosen] for name, values in arrays.items()}

        return Batch({name: select(arrays) for name, arrays in batch.inputs.items()}, select(batch.target), len(chosen))


def schedule(step: float, steps: int, warmup: float) -> float:
    """Return the share of the peak learning rate: a climb over `warmup` of the steps, then a straight fall to zero."""
    climb = max(1.0, warmup * steps)
    return min((step + 1) / climb, (steps - step) / max(1.0, steps - climb))
