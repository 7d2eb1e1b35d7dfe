"""What tuning may try: which settings, between which values, and the job that a choice of values makes.

Only settings that leave data, budget and seed alone can be tuned: every trial gets the same of those. Knows neither
task nor optuna's study. Read next: stages/tune.py.
"""

from __future__ import annotations

import json
import math
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from noria.contract import Task
from noria.contract.settings import settings_of, values_of
from noria.errors import UserError, did_you_mean, raise_all
from noria.job import BUDGETS, Job, Range
from noria.job.from_checkpoint import settings_of_origin
from noria.job.load import load_job, merge
from noria.job.renamed import new_name
from noria.pipeline.assembly import trunk_settings

RATES = (0.1, 10.0)  # learning rates are tried between these times the job's own,
TUNED_RATES = (0.2, 6.0)  # those of a checkpoint between these: 1e-5 to 3e-4, beyond which it learns little or forgets
# Of `train` and `model`, what all trials must share, or what changes no score.
SHARED = {
    *(*BUDGETS, "seed", "validations", "best_by", "patience"),
    *("checkpoint_minutes", "report_to", "compile", "precision"),
    *("from_", "pretrained"),  # the data is prepared with what they have learnt
}


@dataclass(frozen=True)
class Dimension:
    """One setting that tuning tries: its dotted key, its values, and whether they are whole numbers."""

    key: str
    range: Range
    is_whole: bool

    def suggest(self, trial: Any) -> Any:
        """Let a trial of optuna choose a value."""
        if self.range.choices is not None:
            return self.value(trial.suggest_categorical(self.key, [_name(value) for value in self.range.choices]))
        low, high = self._ends()
        if self.is_whole:
            return trial.suggest_int(self.key, int(low), int(high), log=self.range.log)
        return trial.suggest_float(self.key, low, high, log=self.range.log)

    def value(self, parameter: Any) -> Any:
        """Return the setting's value that optuna knows by a name."""
        if self.range.choices is None:
            return parameter
        return next(value for value in self.range.choices if _name(value) == parameter)

    def holds(self, value: Any) -> bool:
        """Return whether a setting's value is one of those that are tried."""
        if self.range.choices is not None:
            return value in self.range.choices
        low, high = self._ends()
        return isinstance(value, int | float) and low <= value <= high

    def parameter(self, value: Any) -> Any:
        """Return a setting's value as optuna names it."""
        return value if self.range.choices is None else _name(value)

    def _ends(self) -> tuple[float, float]:
        assert self.range.low is not None
        assert self.range.high is not None
        return self.range.low, self.range.high


def search_space(job: Job, task: Task, pinned: Collection[str] = ()) -> list[Dimension]:
    """Return what is tried for a job: its `tune.space` over the usual settings, less those `pinned` to one value.

    Raises all problems together: unknown keys, settings that cannot be tuned, values that the job would refuse.
    """
    usual = _usual(job) if job.tune.defaults else {}
    tunable = _tunable(job, task)
    asked = {
        key: range_ for key, range_ in (usual | job.tune.space).items() if range_ is not None and key not in pinned
    }
    problems = [_refusal(key, job, task, tunable) for key in job.tune.space if key not in tunable]
    dimensions = []
    for key, range_ in asked.items():
        if key in tunable:
            try:
                dimensions.append(Dimension(key, _checked(job, key, range_), tunable[key]))
            except UserError as error:
                problems.append(error)
    raise_all(problems)
    if not dimensions:
        raise UserError("there is nothing to tune", where="tune", fix="give tune.space, or tune.defaults=true")
    return dimensions


def with_settings(job: Job, settings: Mapping[str, Any]) -> tuple[Job, Task]:
    """Return the job, and its task, with some settings (dotted key -> value) replaced and nothing left to tune."""
    content = job.model_dump(mode="json", exclude={"tune"})
    for key, value in settings.items():
        nested = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        content = merge(content, nested)
    return load_job(content)


def setting(job: Job, task: Task, key: str) -> Any:
    """Return the value that a job has for a dotted key."""
    section, _, rest = key.partition(".")
    if section == "inputs":
        field, _, name = rest.partition(".")
        return values_of(task.inputs[field])[name]
    return values_of(task.target)[rest] if section == "target" else getattr(getattr(job, section), rest)


def _usual(job: Job) -> dict[str, Range | None]:
    """Return the settings that usually matter, around the values that the job has.

    What comes from an origin keeps its shape; a checkpoint also its dropout, and it learns at rates of its own.
    """
    train, trunk = job.train, trunk_settings(job)
    brought = settings_of_origin(job.model.model_dump(by_alias=True))
    is_tuned = "learning_rate" in brought.get("train", {})
    ranges: dict[str, Range | None] = {
        "train.learning_rate": _around(train.learning_rate, TUNED_RATES if is_tuned else RATES),
        "train.warmup": Range(low=0.0, high=max(0.5, train.warmup)),
        "train.weight_decay": _choices(train.weight_decay, 0.0, 0.01, 0.1),
        "train.ema": _choices(train.ema, 0.0, 0.9, 0.99),
    }
    if train.optimizer == "muon":
        ranges["train.muon_learning_rate"] = _around(train.muon_learning_rate, RATES)
    if (train.minutes, train.epochs, train.tokens) != (None, None, None):  # as many steps with more records cost more
        ranges["train.batch_size"] = _batch_sizes(train.batch_size, [16, 32] if is_tuned else [16, 64, 256])
    if job.model.lora is not None:
        ranges["model.lora"] = _choices(job.model.lora, max(1, job.model.lora // 2), job.model.lora * 4)
    if trunk.depth > 0 and not is_tuned:
        ranges["model.dropout"] = Range(low=0.0, high=max(0.3, job.model.dropout))
        if train.minutes is not None and job.model.from_ is None:  # only there does a deeper trunk pay for its depth
            others = {max(1, trunk.depth // 2), trunk.depth * 2} - {trunk.depth}
            ranges["model.depth"] = Range(choices=[job.model.depth, *sorted(others)])
    return ranges


def _around(rate: float, factors: tuple[float, float]) -> Range:
    return Range(low=rate * factors[0], high=rate * factors[1], log=True)


def _batch_sizes(own: int | None, usual: list[int]) -> Range:
    if own is None:
        return Range(choices=[None, *usual])
    return _choices(own, max(1, own // 4), max(1, own // 2), own * 2)


def _choices(*values: float) -> Range:
    return Range(choices=sorted(set(values)))


def _tunable(job: Job, task: Task) -> dict[str, bool]:
    """Return every key that can be tuned, and whether its values are whole numbers."""
    keys = {
        f"{section}.{name}": _is_whole(field.annotation)
        for section in ("train", "model")
        for name, field in type(getattr(job, section)).model_fields.items()
        if name not in SHARED
    }
    for path, component in _spokes(task):
        for one in settings_of(component):
            if one.network_only:  # any other setting changes the prepared data
                keys[f"{path}.{one.name}"] = _is_whole(one.type)
    return keys


def _refusal(key: str, job: Job, task: Task, tunable: Collection[str]) -> UserError:
    known = {f"{path}.{name}" for path, component in _spokes(task) for name in values_of(component)}
    known |= set(_leaves(type(job)))
    if key in known:
        return UserError(
            "this setting cannot be tuned", where=f"tune.space {key}", expected="one that leaves data and budget alone"
        )
    new = ".".join(new_name(key.split(".")))
    fix = f"it is now called {new}" if new in known else did_you_mean(key, tunable)
    return UserError("there is no such setting", where=f"tune.space {key}", fix=fix)


def _spokes(task: Task) -> list[tuple[str, Any]]:
    return [*((f"inputs.{name}", modality) for name, modality in task.inputs.items()), ("target", task.target)]


def _leaves(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, field in model.model_fields.items():
        kind, name = field.annotation, field.alias or name
        is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
        keys += _leaves(kind, f"{prefix}{name}.") if is_section else [prefix + name]  # type: ignore[arg-type]
    return keys


def _is_whole(annotation: Any) -> bool:
    kinds = {annotation, *typing.get_args(annotation)}
    return int in kinds and float not in kinds


def _checked(job: Job, key: str, range_: Range) -> Range:
    """Try the ends or the choices of a range on the job; return it with its choices as the job reads them."""
    values = [range_.low, range_.high] if range_.choices is None else range_.choices
    problems, read = [], []
    for value in values:
        try:
            read.append(setting(*with_settings(job, {key: value}), key))
        except UserError as error:
            expected = error.expected or str(error)
            problems.append(UserError("wrong value", where=f"tune.space {key}", expected=expected, found=repr(value)))
    raise_all(problems)
    return range_ if range_.choices is None else range_.model_copy(update={"choices": read})


def _name(value: Any) -> Any:
    """Return a choice as optuna can store it: as it is, or as JSON where it is a list."""
    is_plain = (
        value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
    )
    return value if is_plain else json.dumps(value)
