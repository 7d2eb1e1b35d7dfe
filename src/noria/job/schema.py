"""The job file: one YAML that says task, data, model, training and evaluation; its schema, overrides, resolved copy.

A key that is not in the schema is an error, and all problems are reported at once, each with file and line and the
nearest right word. Knows no task: the settings of a task's inputs and target are the fields of their dataclasses.
Read next: stages/prepare.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, field_validator, model_validator

from noria.job.data import STRICT, Data
from noria.job.text import Section
from noria.modalities.image.checkpoint_files import is_of_pictures


class _Strict(BaseModel):
    model_config = STRICT


class Model(_Strict):
    """The trunk. `size` names a row of model/sizes.yaml; the others override it (settings: model/transformer.py).

    Where it starts: training/warm_start.py.
    """

    from_: str | None = Field(None, alias="from")  # an earlier run, whose weights are taken over where they fit
    pretrained: str | None = None  # a folder of a Hugging Face checkpoint, a name on the hub, or efficientnet-lite0
    lora: int | None = Field(None, gt=0)  # rank: train small matrices beside the frozen ones of a checkpoint
    size: Literal["tiny", "small", "base"] = "small"
    width: int | None = Field(None, gt=0)
    depth: int | None = Field(None, ge=0)
    heads: int | None = Field(None, gt=0)
    kv_heads: int | None = Field(None, gt=0)  # of keys and values, shared by several heads each; None: one each
    mlp: Literal["relu2", "swiglu"] | None = None  # squared ReLU unless said otherwise
    mlp_ratio: float | None = Field(None, gt=0)  # hidden width of the MLP / width; 4 unless said otherwise
    experts: int | None = Field(None, gt=0)  # MLPs of half the hidden width, of which each token visits two
    full_every: int | None = Field(None, ge=0)  # each n-th block sees everything, the others `window`, or are recurrent
    window: int | None = Field(None, gt=0)  # tokens to each side
    positions: Literal["rotary", "none"] | None = None
    rotary_base: float | None = Field(None, gt=1)  # in tokens
    dropout: float = Field(0.0, ge=0, lt=1)

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
    compare_to: str | None = None  # another run: the difference of each score, on the records held out in both


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
