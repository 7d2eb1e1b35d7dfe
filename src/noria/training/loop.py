"""The one training loop. Each step is a pure function of (job, data, plan, step): killed and resumed, it ends the same.

Knows no task: the loss comes from the target's training_step, the choice of the best weights from its first metric.
Read next: training/step.py (up to the gradients), training/plan.py (what is fixed before the first step),
store/run_folder.py.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from noria.contract import Task
from noria.contract.capabilities import Calibrates, declared
from noria.errors import EXIT_DIVERGED, UserError
from noria.job import Job
from noria.job.value import payoffs_of
from noria.model.weights import load_weights, weights_of
from noria.pipeline.assembly import NAMES, asked_beside, build, place
from noria.pipeline.inference import outputs
from noria.pipeline.prepared import Prepared
from noria.pipeline.warm_start import begin
from noria.pipeline.worth import WORTH, Worth
from noria.reporter import Reporter
from noria.store.checkpoints import Checkpoint, History, load_checkpoint, save_checkpoint
from noria.store.progress import in_words
from noria.training.distributed import Processes
from noria.training.loggers import open_loggers
from noria.training.memory import Heap
from noria.training.optimizers import Optimizer
from noria.training.pace import Pace
from noria.training.plan import Plan
from noria.training.rivals.parts import chosen_mix, fit_part
from noria.training.signals import StopSignals
from noria.training.step import Learner, Step, schedule
from noria.training.validation import chosen_metric, score
from noria.types import Arrays, State
from noria.units import duration

LOWER = 10  # times as low a rate is advised where a training diverges
TOLD = 0.3  # of the steps: a smaller change of their number is not told
TOLD_AGAIN = 0.2  # of the budget: another change is told no sooner
MOST_AVERAGED = 0.03  # of the steps: a running mean over more of them lags behind a short training
WHOSE = {"": "the network's", "linear": "the linear model's", "trees": "the trees'"}
BAD_STEPS = 5  # so many steps in a row without a finite loss end the training


class Training:
    """One training: model, optimiser, where it stands, and the steps to the end."""

    def __init__(
        self, run: Path, job: Job, task: Task, prepared: Prepared, plan: Plan, world: Processes, reporter: Reporter,
        interruption: StopSignals,
    ) -> None:  # fmt: skip
        self.run, self.job, self.task, self.plan = run, job, task, plan
        self.world, self.reporter, self.interruption = world, reporter, interruption
        self.data, self.held_out = prepared.splits["train"], prepared.splits.get("validation")
        self.device = torch.device(plan.device)
        torch.set_num_threads(plan.threads)
        torch.manual_seed(job.train.seed)
        checkpoint, warnings = load_checkpoint(run)
        for warning in warnings:
            reporter.say(f"warning: {warning}")
        if checkpoint is None or job.model.lora is not None:  # which matrices LoRA stands beside, the origin says
            self.model = begin(job, task, prepared.states, self.device)
        else:
            self.model = place(build(job, task, prepared.states), self.device)
        if self.model.begins:
            reporter.say(self.model.begins)
        if plan.is_compiled:
            self.model.trunk.compile()
        self.target_state: State = prepared.states["target"]
        self.part_seconds: dict[str, float] = {}
        if checkpoint is None:
            self._fit_parts()
        learner = Learner(job, task, prepared.states["target"], self.model, self.device)
        self.step = Step(learner, self.data, plan.steps, plan.precision, world)
        self.optimizer = Optimizer(self.model, job.train)
        self.metric = chosen_metric(job, task, prepared)
        self.ema = min(job.train.ema, 1 - 1 / max(1.0, MOST_AVERAGED * plan.steps))
        self.average = {k: v.clone() for k, v in self._floats() if not k.startswith("mixture.")} if self.ema else {}
        self.best: dict[str, Tensor] = {}
        budget_s = None if job.train.minutes is None else 60 * job.train.minutes
        validations = plan.validate_at if self.held_out is not None else []
        self.pace = Pace(plan.steps, budget_s, plan.seconds_per_step, validations)
        self.state: dict[str, Any] = {"step": 0, "losses": [], "best": None, "stale": 0, "bad": 0, "done": False}
        if checkpoint is not None:
            self._resume(checkpoint)
        self.told_steps, self.told_s = self.pace.steps, 0.0

    def _fit_parts(self) -> None:
        """Fit the simple models beside the network; what was taken over fits where nothing is to be learnt."""
        mixture = self.model.mixture
        parts = {} if mixture is None else dict(mixture.parts.items())
        for name in asked_beside(self.job):
            if name not in parts:
                why = "it would be too large" if name == "linear" else "there are no columns, or too many answers"
                self.reporter.say(f"no {NAMES[name]} beside the network: {why}")
        if mixture is None or (mixture.is_fitted and self.job.train.steps == 0):
            return
        for name, part in parts.items():
            self.reporter.say(f"fitting a simple model of the same records: {NAMES[name]}")
            fit = fit_part(part, self.task, self.target_state, self.data)
            self.part_seconds[name] = fit.seconds
            drawn = f" of {len(self.data):,}, drawn at random" if fit.records < len(self.data) else ""
            self.reporter.say(f"{NAMES[name]}: {fit.size}, learnt from {fit.records:,} records{drawn}")

    def run_all(self) -> None:
        """Take every step that is left."""
        self.history = History(self.run / "history.jsonl", self.state["step"], self.world.is_writer)
        times = History(self.run / "times.jsonl", self.state["step"], self.world.is_writer)
        saved_at = time.monotonic()
        heap = Heap(self.plan.memory_bytes)
        with (
            open_loggers(self.job, self.run, self.world.is_writer) as sinks,
            self.reporter.progress("training", self.plan.steps) as progress,
            self.interruption.deferred(),
        ):
            while self.state["step"] < self.pace.steps and not self.state["done"]:
                loss = self._update(self.state["step"])
                self.state["step"] += 1
                line = self._report(loss)
                if self.data.lengths is not None:  # batches of one size leave no holes
                    heap.tidy()
                if line:
                    line |= self._keep_budget()
                    self.history.append(line)
                    times.append({"step": line["step"], "seconds": time.monotonic() - progress.started})
                    sinks.write(line)
                score = line.get("validation", {}).get(self.metric.name)
                progress.advance(self.state["step"], loss, score, self.pace.steps)
                must_stop = self.world.agree(bool(self.interruption))
                is_due = time.monotonic() - saved_at > 60 * self.job.train.checkpoint_minutes
                if self.world.agree(is_due) or must_stop:
                    self._save()
                    saved_at = time.monotonic()
                if must_stop:
                    raise SystemExit(self.interruption.exit_code or 1)
            if self.state["done"] and self.state["step"] < self.pace.steps:
                self._say_why_early()
            self._save()

    def _say_why_early(self) -> None:
        step, steps, patience = self.state["step"], self.pace.steps, self.job.train.patience
        why = f"no better {self.metric.name} in {patience} validations (train.patience)"
        self.reporter.say(f"stopped early at step {step} of {steps}: {why}")

    def best_weights(self) -> dict[str, Tensor]:
        """Return the weights that did best on validation, or the last ones where nothing was held out.

        What was trained beside frozen weights is merged into them.
        """
        weights = self.best or self._current()
        if self.model.mixture is not None and self.held_out is not None:
            weights = {**weights, **self._mix(weights)}
        if self.job.model.lora is None:
            return weights
        load_weights(self.model, weights)
        from noria.model.lora import merge

        merge(self.model.trunk)
        return weights_of(self.model)

    def _mix(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return how these weights' answers are mixed with those of the simple models, by the held-out records."""
        mixture = self.model.mixture
        assert self.held_out is not None
        assert mixture is not None
        load_weights(self.model, weights)
        size = self.job.evaluate.batch_size
        mix = chosen_mix(self.model, self.task, self.target_state, self.held_out, size, self.device)
        shares = [f"{one:.0%} {WHOSE[name]}" for one, name in zip(mix.share, ("", *mixture.parts), strict=True)]
        self.reporter.say(f"the answer is {' and '.join(shares)}")
        mix.put(mixture)
        return {f"mixture.{name}": getattr(mixture, name).clone() for name in ("share", "sharpness")}

    def chosen_worth(self, weights: dict[str, Tensor], state: State) -> State:
        """Return what is answered for the answers to be worth most, by the held-out ones; {} where a job has no value.

        state: the target's, calibrated.
        """
        payoffs = payoffs_of(self.job.value, self.task.target)
        if payoffs is None or self.job.value is None:
            return {}
        worth = Worth.before(self.task, state, payoffs)
        if self.held_out is not None:
            worth = worth.chosen_on(*self._held_out_answers(weights, state))
        self.reporter.say(worth.in_words())
        return {WORTH: worth.as_state(self.job.value.amounts())}

    def _held_out_answers(self, weights: dict[str, Tensor], state: State) -> tuple[Arrays, Arrays]:
        """Return these weights' answers to the held-out records, and the truth."""
        assert self.held_out is not None
        load_weights(self.model, weights)
        size = self.job.evaluate.batch_size
        given = outputs(self.model, self.task.target, state, self.held_out, size, self.device)
        return given, {name: values[:] for name, values in self.held_out.target.items()}

    def calibrated_state(self, weights: dict[str, Tensor]) -> State:
        """Return the target's state with what it calibrates on the held-out answers of these weights."""
        target = self.task.target
        calibrates = declared(target, Calibrates)
        if self.held_out is None or calibrates is None:
            return self.target_state
        return calibrates.calibrate(*self._held_out_answers(weights, self.target_state), self.target_state)

    def _update(self, step: int) -> float:
        """Take one step; return its loss. One whose loss or gradient is not finite leaves the weights as they are."""
        settings = self.job.train
        total = self.world.mean(self.step.gradients(step))
        gradients = [weight.grad for weight in self.optimizer.weights if weight.grad is not None]
        self.world.average(gradients)
        norm = torch.nn.utils.get_total_norm(gradients)
        if settings.clip:
            torch.nn.utils.clip_grads_with_norm_(self.optimizer.weights, settings.clip, norm)
        if not norm.isfinite():
            total = math.nan
        if math.isfinite(total):
            self.optimizer.step(schedule(self.pace.position(step), self.plan.steps, settings.warmup))
            if self.average:
                for name, value in self._floats():
                    if name in self.average:
                        self.average[name].lerp_(value, 1 - self.ema)
        self.optimizer.clear()
        self._count_bad(total, step)
        return total

    def _count_bad(self, loss: float, step: int) -> None:
        self.state["bad"] = 0 if math.isfinite(loss) else self.state["bad"] + 1
        if self.state["bad"] == BAD_STEPS:
            raise self._diverged(f"the loss was not a finite number for {BAD_STEPS} steps in a row, up to step {step}")

    def _diverged(self, what: str) -> UserError:
        return UserError(
            what,
            where=str(self.run),
            fix=f"start a new run with {self._gentler()}; the last checkpoint is whole",
            exit_code=EXIT_DIVERGED,
        )

    def _gentler(self) -> str:
        settings = self.job.train
        rates = [f"train.learning_rate={settings.learning_rate / LOWER:g}"]
        if settings.optimizer == "muon":
            rates.append(f"train.muon_learning_rate={settings.muon_learning_rate / LOWER:g}")
        return " ".join([*rates, "train.clip=1"])

    def _report(self, loss: float) -> dict[str, Any]:
        """Return the line of history that is due after this step, or nothing."""
        step, plan = self.state["step"], self.plan
        self.state["losses"].append(loss if math.isfinite(loss) else None)
        is_validation = self.held_out is not None and self.pace.passes(step, plan.validate_at)
        if not (is_validation or self.pace.is_report_due(step, plan.report_every)):
            return {}
        finite = [value for value in self.state["losses"] if value is not None]
        line: dict[str, Any] = {
            "step": step,
            "epoch": round(self.step.records_before(step) / len(self.data), 4),
            "loss": sum(finite) / len(finite) if finite else None,
            "rate": schedule(self.pace.position(step - 1), plan.steps, self.job.train.warmup),
        }
        if skipped := len(self.state["losses"]) - len(finite):
            line["skipped"] = skipped
        self.state["losses"] = []
        return line | ({"validation": self._validate()} if is_validation else {})

    def _keep_budget(self) -> dict[str, int]:
        """Plan the rest anew where the budget is a time and would not be kept; return what history says of it.

        What was decided before a kill is decided again.
        """
        if self.pace.budget_s is None:
            return {}
        step, before = self.state["step"], self.pace.steps
        measured = self.pace.measured(step)
        decided = self.world.from_writer(self.history.later.get(step, {}).get("steps", measured))
        self.pace.change(step, decided)
        self._place_mining()
        is_due = self.pace.seconds - self.told_s >= TOLD_AGAIN * self.pace.budget_s
        if abs(decided - self.told_steps) > TOLD * self.told_steps and decided != before and is_due:
            self.told_steps, self.told_s = decided, self.pace.seconds
            self.reporter.say(f"{decided:,} steps in all now, so that {duration(self.pace.budget_s)} are kept")
        return {"steps": decided}

    def _place_mining(self) -> None:
        """Let hard example mining begin where the warm-up ends, unless it has begun."""
        if self.job.train.hard_example_mining and self.state["step"] < self.step.first_choosy:
            warm = round(self.job.train.warmup * self.plan.steps)
            self.step.first_choosy = self.pace.step_at(warm, self.state["step"])

    def _validate(self) -> dict[str, float | None]:
        """Score the held-out split; keep the weights if they are the best so far."""
        assert self.held_out is not None
        here, weights, started = self._current(), None, self.pace.seconds
        if self.average:
            weights = {name: value.clone() for name, value in weights_of(self.model).items()}
            load_weights(self.model, here)
        given = outputs(
            self.model, self.task.target, self.target_state, self.held_out, self.job.evaluate.batch_size, self.device,
            is_quick=True,
        )  # fmt: skip
        if weights is not None:
            load_weights(self.model, weights)
        scores = score(self.task, given, self.held_out, self.target_state)
        self.pace.add_validation(self.pace.seconds - started)
        value, best = scores[self.metric.name], self.state["best"]
        sign = 1 if self.metric.direction == "higher" else -1
        if value is not None and (best is None or sign * value > sign * best):
            self.best = {name: tensor.clone() for name, tensor in here.items()}
            self.state["best"], self.state["stale"] = value, 0
        else:
            self.state["stale"] += 1
            self.state["done"] = self.job.train.patience is not None and self.state["stale"] >= self.job.train.patience
        return scores

    def _floats(self) -> list[tuple[str, Tensor]]:
        return [(name, value) for name, value in weights_of(self.model).items() if value.is_floating_point()]

    def _current(self) -> dict[str, Tensor]:
        return {**weights_of(self.model), **self.average}

    def _save(self) -> None:
        """Save everything that the next step depends on; never a weight that is not a finite number."""
        if not all(bool(value.isfinite().all()) for _, value in self._floats()):
            raise self._diverged(f"a weight is not a finite number after step {self.state['step']}")
        if self.world.is_writer:
            self.history.sync()
            tensors = {"model": weights_of(self.model), "optimizer": self.optimizer.state}
            tensors |= {"best": self.best} if self.best else {}
            tensors |= {"average": self.average} if self.average else {}
            state = {**self.state, "pace": self.pace.saved(), "first_choosy": self.step.first_choosy}
            save_checkpoint(self.run, self.state["step"], Checkpoint(tensors, state))
        self.world.barrier()

    def _resume(self, checkpoint: Checkpoint) -> None:
        """Go on from the newest whole checkpoint."""
        self.state = dict(checkpoint.state)
        if "pace" in self.state:  # a training of an earlier version keeps its plan
            self.pace.resume(self.state.pop("pace"))
            first_choosy = self.state.pop("first_choosy")
            if self.job.train.hard_example_mining:
                self.step.first_choosy = first_choosy
        load_weights(self.model, checkpoint.tensors["model"])
        self.optimizer.load(checkpoint.tensors["optimizer"])
        self.best = checkpoint.tensors.get("best", {})
        for name, value in self.average.items():  # in place: it keeps the device and the memory format
            value.copy_(checkpoint.tensors["average"][name])
        self.reporter.say(in_words(self.state["step"], self.pace.steps, self.state["done"]))
