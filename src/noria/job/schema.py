"""The job file: one YAML that says task, data, model, training and evaluation; its schema, overrides, resolved copy.

A key that is not in the schema is an error, and all problems are reported at once, each with file and line and the
nearest right word. Knows no task: the settings of a task's inputs and target are the fields of their dataclasses.
Read next: stages/prepare.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, field_validator, model_validator

from noria.contract.checkpoints import recognized
from noria.job.data import MOST_FOLDS, STRICT, ColumnName, Data, Split
from noria.job.text import Section
from noria.job.value import Value
from noria.job.wheel import Wheel
from noria.model import blocks

MOST_RECORDS = 2**20  # of a batch: more is a slip of the pen, as all of it stands in memory
MOST_MINUTES = 525_600  # a year


class _Strict(BaseModel):
    model_config = STRICT


class Model(_Strict):
    """The trunk. `size` names a row of model/sizes.yaml; the others override it (settings: model/settings.py).

    Where it starts: pipeline/warm_start.py.
    """

    from_: str | None = Field(None, alias="from")
    """Run or bundle to start from; its weights are taken over where they fit."""
    pretrained: str | None = None
    """Checkpoint to start from: a folder, a name on the Hugging Face hub, efficientnet-lite0, or hibari."""
    ready: str | None = None
    """What does the task by itself, without training: whisper, hibari. Follows from `pretrained`; leave it out."""
    lora: int | None = Field(None, gt=0, le=4096)
    """Rank of small trained matrices beside the frozen checkpoint. 8 to 64, where memory or data is short."""
    size: Literal["tiny", "small", "base"] = "small"
    """Size of the trunk: 1, 11 or 85 million parameters; none at `depth` 0 (tables). Larger needs more data, time."""
    width: int | None = Field(None, gt=0, le=65_536)
    """Features per token, in place of those of `size`. A multiple of `heads`."""
    depth: int | None = Field(None, ge=0, le=1000)
    """Number of blocks, in place of those of `size`. 0 leaves the trunk out: fastest, no attention."""
    heads: int | None = Field(None, gt=0, le=65_536)
    """Attention heads per block, in place of those of `size`. 64 features a head are usual."""
    mlp_ratio: float | None = Field(None, gt=0, le=64)
    """Hidden width of the MLP as a multiple of `width`. Null means 4."""
    block: str | None = None
    """Variant of the blocks: attention (also for null), conformer, recurrent or swiglu. docs/variants.md says when."""
    block_settings: Section | None = None
    """Settings of the variant, as {attention_every: 3} of recurrent."""
    positions: Literal["rotary", "none"] | None = None
    """How order is seen: `rotary`, or `none` for sets and stems that add positions themselves."""
    rotary_base: float | None = Field(None, gt=1, le=10**12)
    """Base of rotary positions, in tokens; null means 10,000. Raise it for very long inputs."""
    linear: bool = False
    """Fit a linear model of the inputs' features first; the answer mixes both. For tables and texts of few records."""
    trees: bool = False
    """Grow boosted trees (of molecules a random forest) first; the answer mixes them in. For tables and molecules."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout in each block, 0 to 1. Raise it where validation stays far behind training."""

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
        if self.lora is not None and self.pretrained is not None:
            loader = recognized(self.pretrained)
            if loader is not None and loader.refuses_lora:
                raise ValueError(loader.refuses_lora)
        if self.ready is not None and self.pretrained is None:
            raise ValueError("pretrained, from which ready follows; leave ready out")
        return self


class Train(_Strict):
    """How long and how to train. One of minutes, epochs, steps and tokens is the budget.

    Without one, training takes 1,200 steps, but no fewer than 10 and no more than 40 epochs.
    """

    minutes: float | None = Field(None, gt=0, le=MOST_MINUTES)
    """Budget in minutes of training, validations included. The schedule follows it, also on a busy machine."""
    epochs: float | None = Field(None, gt=0, le=10**6)
    """Budget in passes over the training records."""
    steps: int | None = Field(None, ge=0, le=10**9)
    """Budget in optimizer steps; 0 takes a checkpoint as it is."""
    tokens: int | None = Field(None, gt=0, le=10**15)
    """Budget in tokens that are learnt from."""
    batch_size: int | None = Field(None, gt=0, le=MOST_RECORDS)
    """Records per step. Null takes 32 to 256 by their number; lower it where memory runs out."""
    hard_example_mining: int | None = Field(None, gt=0, le=MOST_RECORDS)
    """Hard example mining: records drawn per step, of which `hard_example_fraction` is learnt. Not for noisy labels."""
    hard_example_fraction: float = Field(0.2, gt=0, le=1)
    """Fraction of the `hard_example_mining` with the highest loss that is learnt from, 0 to 1."""
    accumulate: int = Field(1, gt=0, le=100_000)
    """Batches whose gradients are summed into one step. For larger batches than memory holds."""
    optimizer: Literal["muon", "adamw"] = "muon"
    """`muon` for hidden matrices and AdamW for the rest, or `adamw` for all, as checkpoints need it."""
    learning_rate: float = Field(0.003, gt=0)
    """Peak learning rate of AdamW. Lower it first where training is unstable."""
    muon_learning_rate: float = Field(0.03, gt=0)
    """Peak learning rate of Muon."""
    pretrained_rate: float = Field(1.0, gt=0)
    """Factor on `learning_rate` for weights of a checkpoint. Below 1 keeps more of what it knows."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay per unit of learning rate. About 0.01 to 0.1 against overfitting."""
    warmup: float = Field(0.2, ge=0, le=1)
    """Fraction of the steps in which the rate climbs to its peak, 0 to 1; then it falls to zero."""
    momentum: float = Field(0.95, ge=0, lt=1)
    """Momentum of Muon, 0 to 1."""
    clip: float | None = Field(None, gt=0)
    """Largest norm of the gradient; null does not clip. 1 where the loss jumps."""
    ema: float = Field(0.0, ge=0, lt=1)
    """Decay of a running mean of the weights (EMA), which is kept, over 3 % of the steps at most; 0 is off."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of training. `auto` takes bfloat16 where machine and width make it pay, by a rule."""
    compile: bool = False
    """Use torch.compile. Starts slower; pays off in long training of large models."""
    validations: int = Field(10, ge=0, le=100_000)
    """How often the model is validated over the whole training."""
    best_by: str | None = None
    """Metric on validation that picks the weights to keep. Null takes the target's first."""
    patience: int | None = Field(None, gt=0)
    """Validations without improvement after which training stops. Null never stops early."""
    checkpoint_minutes: float = Field(5.0, gt=0, le=MOST_MINUTES)
    """Minutes between checkpoints: what an interruption may cost."""
    keep_checkpoints: bool = False
    """Keep the newest checkpoints beside the bundle of a finished training. They are several times as large."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Seed of weights, order and augmentation. Change it to see the spread of results."""
    report_to: list[Literal["tensorboard", "mlflow"]] = []
    """Send the history to tensorboard or mlflow too."""


class Evaluate(_Strict):
    """What is scored beside the metrics of the target."""

    batch_size: int = Field(512, gt=0, le=MOST_RECORDS)
    """Records per batch in scoring, fewer where they are large. Lower it where memory runs out."""
    slices: list[ColumnName] = []
    """Columns whose values are scored one by one, as gender or site, to find groups that do worse."""
    resamples: int = Field(1000, ge=100)
    """Bootstrap resamples behind each 95 % interval, at least 100."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the weights that answer, here and in use. `bfloat16` halves memory."""
    rivals: bool = True
    """Also score simple models that learn from the same records in seconds. False saves those seconds."""
    engine: Literal["torch", "openvino"] = "torch"
    """What runs the network, here and in use. `openvino`: on a CPU, held against torch when a model is loaded."""
    compare_to: str | None = None
    """Another run: the difference of each score on records held out in both, with its interval."""
    folds: int | None = Field(None, ge=2, le=MOST_FOLDS)
    """Cross-validation: so many more trainings, each holding out other records. 5 where test would be small."""
    protocols: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")], Split] = {}
    """Other divisions by name, each said as `data.split`: trained and scored under each, shown in one table."""


class Range(_Strict):
    """What tuning may try for one setting: one of some choices (a plain list will do), or all from low to high."""

    choices: list[Any] | None = Field(None, min_length=1)
    """Values to try; a plain list will do."""
    low: float | None = None
    """Lowest value to try."""
    high: float | None = None
    """Highest value to try."""
    log: bool = False
    """Try equal factors equally often rather than equal distances. For rates over several powers of ten."""

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
    """What `noria tune` tries, and for how long. Settings: tuning/usual_space.py."""

    space: dict[str, Range | None] = {}
    """Range or choices for each dotted key; null leaves a setting as the job has it."""
    defaults: bool = True
    """Also try the settings that usually matter, as the job, its inputs and its answer declare them."""
    trials: int | None = Field(None, gt=0)
    """Number of trials, most of them short. Null: until `minutes` are over, or 20."""
    minutes: float | None = Field(None, gt=0)
    """Budget in minutes of all trials together. About ten times what one training takes is well spent."""

    @field_validator("space", mode="before")
    @classmethod
    def _dotted(cls, given: Any) -> Any:
        return _flat(given) if isinstance(given, Mapping) else given


class Job(_Strict):
    """A job file, checked. `inputs` and `target` hold settings of the task's own modalities and target."""

    task: str
    """What is learnt from what; `noria list tasks` names them."""
    data: Data = Data()
    """Where the records are, and how they are divided."""
    inputs: dict[str, Section] = {}
    """Settings of each input, by field; `noria list task NAME` shows them."""
    target: Section = {}
    """Settings of the answer; `noria list task NAME` shows them."""
    model: Model = Model()
    """The trunk, and what it starts from."""
    train: Train = Train()
    """How long and how to train."""
    evaluate: Evaluate = Evaluate()
    """What is scored."""
    value: Value | None = None
    """What right and wrong answers are worth; the answer that is worth most is then given."""
    tune: Tune = Field(default_factory=Tune)
    """What `noria tune` may try."""
    wheel: Wheel | None = None
    """When the model is trained again. Without it, `noria wheel` watches no run."""

    @property
    def split(self) -> Split:
        """Return how records are divided: where folds hold out every one of them, this model has no test of its own."""
        split = self.data.split
        return split if self.evaluate.folds is None else split.model_copy(update={"test": 0.0})

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
