"""What tuning may try: which settings, between which values, and the job that a choice of values makes.

Only settings that leave records, budget and seed alone can be tuned: every trial gets the same of those. One that
changes how records are prepared has to be declared as tried by its component. Knows neither task nor optuna's study.
Read next: usual_space.py, stages/tune.py.
"""

from __future__ import annotations

import json
import math
import typing
from collections.abc import Collection, Iterator, Mapping
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
from noria.job.text import Section
from noria.tuning.usual_space import components, usual_space

# Of `train` and `model`, what all trials must share, or what changes no score.
SHARED = {
    *("minutes", "steps", "tokens", "seed", "validations", "best_by", "patience"),
    *("checkpoint_minutes", "keep_checkpoints", "report_to", "compile", "precision"),
    "from_",
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
    usual = usual_space(job, task) if job.tune.defaults else {}
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
    brought = _brought(job, settings)
    content = merge(content, brought)
    kept = set(_keys(brought))
    for key, value in settings.items():
        if key in kept:
            continue
        nested = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        content = merge(content, nested)
    made, task = load_job(content)
    return made.model_copy(update={"data": job.data}), task  # with the frame, where it is one in memory


def setting(job: Job, task: Task, key: str) -> Any:
    """Return the value that a job has for a dotted key."""
    section, _, rest = key.partition(".")
    if section == "inputs":
        field, _, name = rest.partition(".")
        return values_of(task.inputs[field])[name]
    return values_of(task.target)[rest] if section == "target" else getattr(getattr(job, section), rest)


def prepared_otherwise(job: Job, task: Task, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some settings that the prepared data depends on and that differ from the job's own."""
    return {
        key: value
        for key, value in settings.items()
        if is_of_preparation(key, task) and value != setting(job, task, key)
    }


def is_of_preparation(key: str, task: Task) -> bool:
    """Say whether the prepared data depends on a setting."""
    read_by_network = {
        f"{path}.{one.name}"
        for path, component in components(task)
        for one in settings_of(component)
        if one.network_only
    }
    is_of_component = key.startswith(("inputs.", "target."))
    return key == "model.pretrained" or (is_of_component and key not in read_by_network)


def _brought(job: Job, settings: Mapping[str, Any]) -> Section:
    """Return the sections that another checkpoint than the job's own brings with it: rates of its own."""
    given = settings.get("model.pretrained")
    if given is None or given == job.model.pretrained:
        return {}
    return settings_of_origin({"pretrained": given, "lora": job.model.lora})


def _keys(section: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _tunable(job: Job, task: Task) -> dict[str, bool]:
    """Return every key that can be tuned, and whether its values are whole numbers."""
    has_budget = any(getattr(job.train, budget) is not None for budget in BUDGETS)
    shared = SHARED | ({"epochs"} if has_budget else set())
    keys = {
        f"{section}.{name}": _is_whole(field.annotation)
        for section in ("train", "model")
        for name, field in type(getattr(job, section)).model_fields.items()
        if name not in shared
    }
    for path, component in components(task):
        for one in settings_of(component):
            if one.network_only or one.tried is not None:  # any other setting changes the prepared data
                keys[f"{path}.{one.name}"] = _is_whole(one.type)
    return keys


def _refusal(key: str, job: Job, task: Task, tunable: Collection[str]) -> UserError:
    known = {f"{path}.{name}" for path, component in components(task) for name in values_of(component)}
    known |= set(_leaves(type(job)))
    if key in known:
        return UserError(
            "this setting cannot be tuned",
            where=f"tune.space {key}",
            expected="one that leaves records and budget alone, or that its component lets tuning try",
        )
    new = ".".join(new_name(key.split(".")))
    fix = f"it is now called {new}" if new in known else did_you_mean(key, tunable)
    return UserError("there is no such setting", where=f"tune.space {key}", fix=fix)


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
