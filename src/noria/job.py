"""The job file: one YAML that says task, data, model, training and evaluation; its schema, overrides, resolved copy.

A key that is not in the schema is an error, and all problems are reported at once, each with file and line and the
nearest right word. Knows no task: the settings of a task's inputs and target are the fields of their dataclasses.
Read next: stages/prepare.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator, model_validator

from noria import find
from noria.contract import Task, answer_field
from noria.errors import UserError, did_you_mean, raise_all
from noria.job_data import STRICT, Data
from noria.job_origin import settings_of_origin
from noria.job_removed import removed_problems, without_removed
from noria.job_table import is_table, job_of_table
from noria.job_text import Section, Where, parse, parse_override, read_text, set_key
from noria.model import blocks
from noria.model.picture_files import is_of_pictures


class _Strict(BaseModel):
    model_config = STRICT


class Model(_Strict):
    """The trunk. `size` names a row of model/sizes.yaml; the others override it (settings: model/transformer.py).

    Where it starts: model/origin.py.
    """

    from_: str | None = Field(None, alias="from")  # an earlier run, whose weights are taken over where they fit
    pretrained: str | None = None  # a folder of a Hugging Face checkpoint, a name on the hub, or efficientnet-lite0
    lora: int | None = Field(None, gt=0)  # rank: train small matrices beside the frozen ones of a checkpoint
    size: Literal["tiny", "small", "base"] = "small"
    width: int | None = Field(None, gt=0)
    depth: int | None = Field(None, ge=0)
    heads: int | None = Field(None, gt=0)
    mlp_ratio: float | None = Field(None, gt=0)  # hidden width of the MLP / width; 4 unless said otherwise
    block: str | None = None  # attention, recurrent or swiglu, None being attention: docs/variants.md
    block_settings: Section | None = None  # the variant's own: attention_every of recurrent, 0 unless said otherwise
    positions: Literal["rotary", "none"] | None = None
    rotary_base: float | None = Field(None, gt=1)  # in tokens
    dropout: float = Field(0.0, ge=0, lt=1)

    @field_validator("block")
    @classmethod
    def _is_there(cls, given: str | None) -> str | None:
        if given is not None and given not in blocks.names():
            raise ValueError(f"one of {', '.join(blocks.names())}")
        return given

    @model_validator(mode="after")
    def _has_one_origin(self) -> Model:
        if self.from_ is not None and self.pretrained is not None:
            raise ValueError("from or pretrained: training starts from one model")
        if self.lora is not None and self.from_ is None and self.pretrained is None:
            raise ValueError("lora beside from or pretrained: without them there is nothing to keep")
        if self.lora is not None and self.pretrained is not None and is_of_pictures(self.pretrained):
            raise ValueError("lora stands beside a trunk; a checkpoint of pictures is a backbone before it")
        return self


class Train(_Strict):
    """How long and how to train. One of minutes, epochs, steps and tokens is the budget.

    Without one, training takes 1,200 steps, but no fewer than 10 and no more than 40 epochs.
    """

    minutes: float | None = Field(None, gt=0)
    epochs: float | None = Field(None, gt=0)
    steps: int | None = Field(None, ge=0)  # 0: a checkpoint as it is
    tokens: int | None = Field(None, gt=0)
    batch_size: int | None = Field(None, gt=0)  # None: by the number of training records, 32 to 256
    candidates: int | None = Field(None, gt=0)  # after the warm-up, draw so many and learn from the hardest of them
    keep: float = Field(0.2, gt=0, le=1)  # the share of the candidates that is learnt from
    accumulate: int = Field(1, gt=0)  # batches whose gradients are summed into one step
    optimizer: Literal["muon", "adamw"] = "muon"  # Muon for hidden matrices, AdamW for the rest
    learning_rate: float = Field(0.003, gt=0)  # peak, of AdamW
    muon_learning_rate: float = Field(0.03, gt=0)  # peak
    pretrained_rate: float = Field(1.0, gt=0)  # of a checkpoint's weights, by AdamW: times learning_rate
    weight_decay: float = Field(0.0, ge=0)
    warmup: float = Field(0.2, ge=0, le=1)  # share of the steps over which the rate climbs; then it falls to zero
    momentum: float = Field(0.95, ge=0, lt=1)  # of Muon
    clip: float | None = Field(None, gt=0)  # gradient norm
    average: float = Field(0.0, ge=0, lt=1)  # decay of a running mean of the weights; 0 is off
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: bool = False  # by torch.compile: slower to start, and slower altogether for small convolutions
    validations: int = Field(10, ge=0)  # how many times over the whole training
    best_by: str | None = None  # the metric that chooses among the validated weights; None: the target's first
    patience: int | None = Field(None, gt=0)  # validations without gain after which training stops early
    checkpoint_minutes: float = Field(5.0, gt=0)
    seed: int = 0
    report_to: list[Literal["tensorboard", "mlflow"]] = []


class Evaluate(_Strict):
    """What is scored beside the metrics of the target."""

    batch_size: int = Field(512, gt=0)
    slices: list[str] = []  # columns whose values are scored one by one
    resamples: int = Field(1000, ge=100)  # of the bootstrap
    precision: Literal["float32", "bfloat16"] = "float32"  # of the weights that answer, here and wherever it is used
    against: str | None = None  # another run on the same records: the report shows what this one gained


class Range(_Strict):
    """What tuning may try for one setting: one of some choices (a plain list will do), or all from low to high."""

    choices: list[Any] | None = Field(None, min_length=1)
    low: float | None = None
    high: float | None = None
    log: bool = False  # whether equal factors are equally likely, rather than equal distances

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, given: Any) -> Any:
        return {"choices": given} if isinstance(given, list) else given

    @model_validator(mode="after")
    def _is_one_kind(self) -> Range:
        if (self.low is None) != (self.high is None) or (self.low is None) == (self.choices is None):
            raise ValueError("a list of choices, or {low: ..., high: ...}")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError("low below high")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError("log with a low above 0")
        return self


class Tune(_Strict):
    """What `noria tune` tries, and for how long. Settings: stages/search_space.py."""

    space: dict[str, Range | None] = {}  # by dotted key; null leaves a setting as the job has it
    defaults: bool = True  # whether settings that usually matter are tried too
    trials: int | None = Field(None, gt=0)  # 20 where neither this nor minutes is given
    minutes: float | None = Field(None, gt=0)  # of all trials together

    @field_validator("space", mode="before")
    @classmethod
    def _dotted(cls, given: Any) -> Any:
        return _flat(given) if isinstance(given, Mapping) else given


class Job(_Strict):
    """A job file, checked. `inputs` and `target` hold settings of the task's own modalities and target."""

    task: str
    data: Data = Data()
    inputs: dict[str, Section] = {}
    target: Section = {}
    model: Model = Model()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    tune: Tune = Field(default_factory=Tune)

    def save(self, path: Path) -> None:
        """Write the resolved job: every setting, defaults included."""
        path.write_text(yaml.safe_dump(self.model_dump(mode="json"), allow_unicode=True, sort_keys=False), "utf-8")


BUDGETS = ("minutes", "epochs", "steps", "tokens")


def load_job(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> tuple[Job, Task]:
    """Read a job, apply `key=value` overrides, check everything.

    `source` is a job file, the name of a shipped one, a data table, or a mapping. Returns the resolved job and its task
    with the job's settings filled in. Raises all problems together.
    """
    if isinstance(source, Mapping):
        name, text, content = "job", "", dict(source)
    elif is_table(Path(source)):
        name, text = Path(source).name, ""
        content, overrides = job_of_table(Path(source), overrides)
    else:
        path = _job_path(source)
        name, text = path.name, read_text(path)
        content = parse(text, name)
    given: Section = {}
    for override in overrides:
        set_key(given, *parse_override(override))
    asked = merge(content, given)
    where = Where(name, text, given)
    task_name = asked.get("task")
    if not isinstance(task_name, str):
        raise UserError("the job names no task", where=name, expected="task: <name>", mend="see: noria list tasks")
    task = _find_task(task_name, where)
    broken = _not_mappings(asked, task, where)
    raise_all(broken)
    task, problems = _fill_task(task, asked, where)
    job = None
    try:
        defaults = {key: value for key, value in task.defaults.items() if key not in ("inputs", "target")}
        defaults = _layer(defaults, settings_of_origin(asked.get("model")))
        whole = _layer(_layer(defaults, content), given)
        problems += removed_problems(whole, where)
        job = Job.model_validate(without_removed(whole))
    except ValidationError as error:
        problems += [_problem(found, where, Job) for found in error.errors()]
    if job is not None:
        problems += _budget_problems(job, where)
        problems += _field_problems(job, task, where)
    raise_all(problems)
    assert job is not None
    return job, task


def shipped_jobs() -> dict[str, Path]:
    """Return the job files that come with Noria, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "jobs").glob("*.yaml"))}


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> Section:
    """Merge two nested mappings; `over` wins."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _job_path(source: str | Path) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    shipped = shipped_jobs()
    if str(source) in shipped:
        return shipped[str(source)]
    raise UserError(f"there is no job file or shipped job {str(source)!r}", mend=did_you_mean(str(source), shipped))


def _find_task(name: str, where: Where) -> Task:
    try:
        return find.task(name)
    except UserError as error:
        raise UserError(error.what, where=where(["task"]), mend=error.mend) from error


def _not_mappings(asked: Section, task: Task, where: Where) -> list[UserError]:
    """Return a problem for each section that is no mapping: the rest can only be checked where they are."""
    sections = [["data"], ["data", "fields"], ["inputs"], ["target"], ["model"], ["train"], ["evaluate"]]
    problems = []
    for path in [*sections, *(["inputs", name] for name in task.inputs)]:
        branch: Any = asked
        for key in path:
            branch = branch.get(key) if isinstance(branch, Mapping) else None
        if branch is not None and not isinstance(branch, Mapping):
            problems.append(
                UserError("wrong value", where=where(path), expected="a section of keys", found=repr(branch)[:80])
            )
    return problems


def _fill_task(task: Task, asked: Section, where: Where) -> tuple[Task, list[UserError]]:
    """Put the job's settings into the task's modalities and target."""
    problems: list[UserError] = []
    defaults = task.defaults
    inputs = asked.get("inputs") or {}
    for name in inputs:
        if name not in task.inputs:
            problems.append(
                UserError("unknown input", where=where(["inputs", name]), mend=did_you_mean(name, task.inputs))
            )
    filled = {}
    for name, spoke in task.inputs.items():
        settings = merge(defaults.get("inputs", {}).get(name, {}), inputs.get(name) or {})
        filled[name], found = _fill_spoke(spoke, settings, where, ["inputs", name])
        problems += found
    target, found = _fill_spoke(
        task.target, merge(defaults.get("target", {}), asked.get("target") or {}), where, ["target"]
    )
    task.inputs, task.target = filled, target
    return task, problems + found


def _fill_spoke(spoke: Any, settings: Section, where: Where, path: list[str]) -> tuple[Any, list[UserError]]:
    known = {field.name for field in dataclasses.fields(spoke)}
    problems = [
        UserError("unknown key", where=where([*path, key]), mend=did_you_mean(key, known))
        for key in settings
        if key not in known
    ]
    given = {key: value for key, value in settings.items() if key in known}
    try:
        whole = {field.name: getattr(spoke, field.name) for field in dataclasses.fields(spoke)} | given
        return TypeAdapter(type(spoke)).validate_python(whole), problems
    except ValidationError as error:
        return spoke, problems + [_problem(found, where, type(spoke), path) for found in error.errors()]


def _problem(found: Any, where: Where, schema: type, path: Sequence[object] = ()) -> UserError:
    place = where([*path, *found["loc"]])
    if found["type"] == "extra_forbidden":
        section = _section(schema, found["loc"][:-1])
        return UserError("unknown key", where=place, mend=did_you_mean(str(found["loc"][-1]), section.model_fields))
    return UserError("wrong value", where=place, expected=found["msg"], found=repr(found["input"]))


def _section(schema: Any, path: Sequence[object]) -> Any:
    """Return the model of the section at a path, looking through `| None` and mappings of sections."""
    for key in path:
        fields = getattr(schema, "model_fields", None)
        schema = get_args(schema)[-1] if fields is None else fields[str(key)].annotation
        if type(None) in get_args(schema):
            schema = next(part for part in get_args(schema) if part is not type(None))
    return schema


def _flat(space: Mapping[str, Any], prefix: str = "") -> Section:
    """Write nested sections of a search space as dotted keys: overrides come nested, files as either."""
    flat: Section = {}
    for key, value in space.items():
        is_section = isinstance(value, Mapping) and "choices" not in value
        if is_section and all(part is None or isinstance(part, Mapping | list) for part in value.values()):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _layer(under: Mapping[str, Any], over: Mapping[str, Any]) -> Section:
    """Merge two layers of a job; a budget named in the upper one replaces the budget of the lower."""
    train = dict(under.get("train") or {})
    if any((over.get("train") or {}).get(budget) is not None for budget in BUDGETS):
        train = {key: value for key, value in train.items() if key not in BUDGETS}
    return merge({**under, "train": train}, over)


def _budget_problems(job: Job, where: Where) -> list[UserError]:
    named = [budget for budget in BUDGETS if getattr(job.train, budget) is not None]
    if len(named) <= 1:
        return []
    return [
        UserError(
            "a training has one budget",
            where=where(["train"]),
            expected="one of minutes, epochs, steps, tokens",
            found=", ".join(named),
        )
    ]


def _field_problems(job: Job, task: Task, where: Where) -> list[UserError]:
    known = [*task.inputs, answer_field(task)]
    return [
        UserError(
            f"task {job.task} has no such field", where=where(["data", "fields", name]), mend=did_you_mean(name, known)
        )
        for name in job.data.fields
        if name not in known
    ]
