"""The settings that tuning tries where the job names none: those of the job, and what its components declare.

The job's own value is always among what is tried. Knows no component: a setting says in its metadata what is tried of
it (contract/settings.py). Read next: search_space.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from noria.contract import Task
from noria.contract.checkpoints import suggested
from noria.contract.settings import Setting, settings_of
from noria.job import BUDGETS, Job, Range
from noria.job.from_checkpoint import settings_of_origin
from noria.pipeline.assembly import trunk_settings

RATES = (0.1, 10.0)  # learning rates are tried between these times the job's own,
TUNED_RATES = (0.2, 6.0)  # those of a checkpoint between these: 1e-5 to 3e-4, beyond which it learns little or forgets
STEPS_BETWEEN = 4  # of a range, where the job leaves the setting to the data: choices then, null among them


def usual_space(job: Job, task: Task) -> dict[str, Range]:
    """Return the settings that usually matter, around the values that the job has."""
    return {**_of_training(job), **_of_trunk(job, task), **dict(_of_components(job, task))}


def components(task: Task) -> list[tuple[str, Any]]:
    """Return the inputs and the target of a task, each with the dotted key that its settings stand below."""
    return [*((f"inputs.{name}", modality) for name, modality in task.inputs.items()), ("target", task.target)]


def _of_training(job: Job) -> dict[str, Range]:
    train, is_tuned = job.train, _is_checkpoint(job)
    ranges = {
        "train.learning_rate": _around(train.learning_rate, TUNED_RATES if is_tuned else RATES),
        "train.warmup": _with_own(Range(low=0.0, high=0.5), train.warmup),
        "train.weight_decay": _choices(train.weight_decay, 0.0, 0.01, 0.1, 0.3),
        "train.ema": _choices(train.ema, 0.0, 0.9, 0.99),
    }
    if train.optimizer == "muon":
        ranges["train.muon_learning_rate"] = _around(train.muon_learning_rate, RATES)
    if train.steps is None:  # as many steps with more records cost more
        ranges["train.batch_size"] = _batch_sizes(train.batch_size, [16, 32] if is_tuned else [16, 64, 256])
    if all(getattr(train, budget) is None for budget in BUDGETS) and not is_tuned:
        ranges["train.epochs"] = Range(choices=[None, 4, 8, 20])  # null: 10 to 40, by the number of records
    return ranges


def _of_trunk(job: Job, task: Task) -> dict[str, Range]:
    """What comes from an origin keeps its shape; a checkpoint also its dropout."""
    trunk, model = trunk_settings(job), job.model
    ranges: dict[str, Range] = {}
    if model.lora is not None:
        ranges["model.lora"] = _choices(model.lora, max(1, model.lora // 2), model.lora * 4)
    if trunk.depth > 0 and not _is_checkpoint(job):
        ranges["model.dropout"] = _with_own(Range(low=0.0, high=0.3), model.dropout)
    if model.from_ is not None or model.pretrained is not None:
        return ranges
    if trunk.depth > 0:
        least = 0 if task.attention == "full" and len(task.inputs) == 1 else 1  # nothing else joins several inputs
        ranges["model.depth"] = _choices(model.depth, *sorted({least, max(1, trunk.depth // 2), trunk.depth * 2}))
    ranges["model.width"] = _choices(model.width, trunk.width // 4, trunk.width // 2, trunk.width * 2)
    if known := suggested({one.state_kind or one.kind for one in task.inputs.values()}):
        ranges["model.pretrained"] = Range(choices=[None, *known])
    return ranges


def _of_components(job: Job, task: Task) -> Iterator[tuple[str, Range]]:
    """Yield what the components declare, less what would build other weights than those taken over or shared."""
    has_origin = job.model.from_ is not None or job.model.pretrained is not None
    for path, component in components(task):
        is_shared = path.rpartition(".")[2] in task.shared_vocabulary
        for one in settings_of(component):
            range_ = _declared(one)
            if range_ is not None and not (one.is_shape and (has_origin or is_shared)):
                yield f"{path}.{one.name}", range_


def _declared(one: Setting) -> Range | None:
    """Return what a setting declares, with its own value; None where there is nothing else to try."""
    if isinstance(one.tried, Mapping):
        return _with_own(Range(**one.tried), one.default)
    return _only_if_several(one.default, one.tried or ())


def _only_if_several(own: Any, others: Sequence[Any]) -> Range | None:
    own = list(own) if isinstance(own, tuple) else own
    range_ = _choices(own, *others)
    return range_ if len(range_.choices or ()) > 1 else None


def _is_checkpoint(job: Job) -> bool:
    """Say whether the job's rates are those of a checkpoint that it starts from."""
    return "learning_rate" in settings_of_origin(job.model.model_dump(by_alias=True)).get("train", {})


def _around(rate: float, factors: tuple[float, float]) -> Range:
    return Range(low=rate * factors[0], high=rate * factors[1], log=True)


def _batch_sizes(own: int | None, usual: list[int]) -> Range:
    if own is None:
        return Range(choices=[None, *usual])
    return _choices(own, max(1, own // 4), max(1, own // 2), own * 2)


def _with_own(range_: Range, own: Any) -> Range:
    """Return a range that holds the job's own value; choices where that is null, which says: by the data."""
    assert range_.low is not None
    assert range_.high is not None
    if own is None:
        between = (range_.high - range_.low) / STEPS_BETWEEN
        return Range(choices=[None, *(range_.low + step * between for step in range(STEPS_BETWEEN + 1))])
    return range_.model_copy(update={"low": min(range_.low, own), "high": max(range_.high, own)})


def _choices(own: Any, *others: Any) -> Range:
    """Return choices with the job's own, each once; numbers in their order."""
    values = [own, *(value for value in others if value != own)]
    kept = [value for place, value in enumerate(values) if value not in values[:place]]
    is_sortable = all(isinstance(value, int | float) for value in kept)
    return Range(choices=sorted(kept) if is_sortable else kept)
