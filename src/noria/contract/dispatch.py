"""Ask a component for a capability, or do what holds where it declares none. Everything else calls these functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.contract import capabilities as can
from noria.contract.capabilities import declared
from noria.contract.core import Modality, Target, Task
from noria.contract.linear_fit import LinearFit
from noria.contract.payoffs import Payoffs
from noria.contract.source import Gathering, Source
from noria.errors import UserError
from noria.types import (
    Arrays,
    Batch,
    Cost,
    Dataset,
    Output,
    Panel,
    Prediction,
    Record,
    Span,
    State,
    Turn,
    Values,
    repeated,
)  # fmt: skip

if TYPE_CHECKING:
    from torch import Tensor, nn


def warm_start(component: Modality | Target, state: State) -> State | None:
    """Return a component's state where training starts from a model that had `state`; None: it is learnt anew."""
    own = declared(component, can.WarmStarts)
    return own.warm_start(state) if own else None


def reading(component: Modality | Target, state: State) -> Panel | None:
    """Return how a component's raw values are read; None where it does not tell."""
    own = declared(component, can.TellsReading)
    return own.reading(state) if own else None


def remarks(component: Modality | Target, state: State) -> list[str]:
    """Return what is to be said of how a component's raw values are read."""
    own = declared(component, can.TellsReading)
    return own.remarks(state) if own else []


def columns_read(modality: Modality, state: State, columns: Sequence[str]) -> list[str]:
    """Return those of the columns that a modality was given which it reads."""
    own = declared(modality, can.ChoosesColumns)
    return own.columns_read(state) if own else list(columns)


def drift_meter(modality: Modality, state: State) -> can.DriftMeter | None:
    """Return what compares new values with those of training; None where the modality does not know."""
    own = declared(modality, can.DetectsDrift)
    return own.drift_meter(state) if own else None


def value_facts(modality: Modality, state: State) -> dict[str, Any]:
    """Return what is known of a modality's training values; nothing where it declares none."""
    own = declared(modality, can.DescribesValues)
    return own.value_facts(state) if own else {}


def complete_state(component: Modality | Target, state: State, values: Values) -> State:
    """Return a state with what the component's own training values add to it; as it is where nothing is declared."""
    own = declared(component, can.CompletesState)
    return own.complete_state(state, values) if own else state


def augment(task: Task, batch: Batch) -> Batch:
    """Return a training batch, varied as the task or else each of its modalities does."""
    if own := declared(task, can.AugmentsBatch):
        return own.augment_batch(batch)
    inputs = dict(batch.inputs)
    for name, modality in task.inputs.items():
        if one := declared(modality, can.Augments):
            inputs[name] = {**inputs[name], **one.augment(inputs[name])}
    return Batch(inputs, batch.target, batch.size)


def training_step(target: Target, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
    """Return the loss and its parts for one batch."""
    own = declared(target, can.TrainingStep)
    return own.training_step(model, batch, state) if own else forward_loss(target, model, batch)


def forward_loss(target: Target, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Return the loss of one forward pass."""
    return target.loss(model(batch.inputs, batch.target), batch)


def predict_step(target: Target, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
    """Return the outputs of a batch; `batch.target` is empty where the answer is not known."""
    if own := declared(target, can.PredictStep):
        return own.predict_step(model, batch, state, is_quick)
    output: Output = model(batch.inputs)
    return output


def postprocess(target: Target, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
    """Return what is kept of a batch's outputs; `inputs` are its encoded inputs, which not every target looks at."""
    own = declared(target, can.PostProcesses)
    return own.postprocess(output, inputs, state) if own else output


def part_paths(target: Target) -> Mapping[str, str]:
    """Return the run or bundle that each part of the target is taken from; {} for one without parts."""
    own = declared(target, can.UsesParts)
    return own.part_paths() if own else {}


def learns_nothing(target: Target) -> bool:
    """Say whether there is nothing to learn: no network is built, and training takes no step."""
    own = declared(target, can.LearnsNothing)
    return own is not None and own.learns_nothing()


def decode_target(target: Target, truth: Arrays, state: State) -> list[Any]:
    """Return the true answers of encoded records as a person reads them; None where they cannot be told."""
    if own := declared(target, can.DecodesTarget):
        return own.decode_target(truth, state)
    return [None] * len(next(iter(truth.values())))


def render(target: Target, picture: np.ndarray, answer: Any, state: State) -> np.ndarray | None:
    """Return a picture with an answer drawn on it; None where an answer is nothing that lies in a picture."""
    own = declared(target, can.Renders)
    return own.render(picture, answer, state) if own else None


def export(target: Target, answer: Prediction, suffix: str) -> bytes | None:
    """Return an answer as a file of its field's own format; None where it has none of this ending."""
    own = declared(target, can.Exports)
    return own.export(answer, suffix) if own else None


def can_export(target: Target) -> bool:
    """Say whether answers have a file format of their own."""
    return declared(target, can.Exports) is not None


def media_type(target: Target) -> str | None:
    """Return which kind of file the answers are; None for answers that are no files."""
    own = declared(target, can.GivesMedia)
    return own.media_type() if own else None


def hear(target: Target, pieces: Iterable[np.ndarray], rate_hz: int, pause_s: float, state: State) -> Turn | None:
    """Return what is said in a sound that comes in, once a pause ends it; None where nobody speaks in it."""
    own = declared(target, can.Listens)
    if own is None:
        raise UserError("this model answers to whole sounds alone", found=f"a target {target.kind}")
    return own.hear(pieces, rate_hz, pause_s, state)


def times(target: Target, answer: Prediction) -> list[Span]:
    """Return when each part of an answer is; none where its parts do not lie in time."""
    own = declared(target, can.TellsTimes)
    return own.times(answer) if own else []


def panels(target: Target, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
    """Return what the report shows beside the scores."""
    own = declared(target, can.ShowsPanels)
    return own.panels(output, truth, state) if own else []


def vectors(target: Target, output: Arrays) -> np.ndarray | None:
    """Return what records can be searched by, float[n, D]; None where the answer is no vector."""
    own = declared(target, can.Embeds)
    return own.vectors(output) if own else None


def most_read(component: Modality | Target) -> tuple[str, int] | None:
    """Return the setting that says how many tokens of a value are read, and its value; None where all are."""
    own = declared(component, can.Truncates)
    return own.most_read() if own else None


def unread(target: Target, truth: Arrays, inputs: Mapping[str, Arrays]) -> np.ndarray | None:
    """Return int[n, 2], the true answers that the inputs are not read far enough for, and all; None: not places."""
    own = declared(target, can.AnswersInInput)
    return own.unread(truth, inputs) if own else None


def single_values(target: Target, truth: Arrays) -> np.ndarray | None:
    """Return the class numbers int[n] or the numbers float[n] of true answers; None where they are neither."""
    own = declared(target, can.SingleValued)
    return own.single_values(truth) if own else None


def class_names(target: Target, state: State) -> Sequence[str] | None:
    """Return the names of an answer's classes; None where it is not one of several classes."""
    own = declared(target, can.SingleValued)
    return own.class_names(state) if own else None


def label_values(target: Target, truth: Arrays) -> np.ndarray | None:
    """Return float[n, labels], 1 yes, 0 no, NaN unknown; None where answers are no yes/no answers."""
    own = declared(target, can.MultiLabel)
    return own.label_values(truth) if own else None


def label_names(target: Target, state: State) -> Sequence[str] | None:
    """Return what several yes/no answers are called; None for any other answer."""
    own = declared(target, can.MultiLabel)
    return own.label_names(state) if own else None


def number_values(target: Target, truth: Arrays) -> np.ndarray | None:
    """Return float[n, numbers], NaN where one is not known; None where answers are not several numbers."""
    own = declared(target, can.MultiNumber)
    return own.number_values(truth) if own else None


def labels_left_out(target: Target, truth: Arrays, state: State) -> Sequence[str]:
    """Return which yes/no answers the scores of ranks leave out; none of any other answer."""
    own = declared(target, can.MultiLabel)
    return own.labels_left_out(truth, state) if own else ()


def probability_names(target: Target, state: State) -> Sequence[str]:
    """Return what an answer gives a probability each: classes, or labels that may hold together; none for others."""
    return class_names(target, state) or label_names(target, state) or ()


def answer_output(target: Target) -> str | None:
    """Return which output holds an answer that is one class, one number or several yes/no; None for any other."""
    if several := declared(target, can.MultiLabel):
        return several.label_output()
    own = declared(target, can.SingleValued)
    return own.answer_output() if own else None


def cost(modality: Modality, value: Any) -> Cost:
    """Return what a raw value comes to when it is decoded; where the modality does not say, all texts in it."""
    own = declared(modality, can.TellsCost)
    return own.cost(value) if own else Cost.of_texts(value)


def linear_answers(target: Target, state: State) -> tuple[str, int] | None:
    """Return which output a linear model of an answer gives, and how many numbers that has; None: there is none."""
    own, output = declared(target, can.FitsLinear), answer_output(target)
    if own:
        return own.linear_answers(state)
    if numbers := declared(target, can.MultiNumber):
        return numbers.number_output(), len(numbers.number_names(state))
    return None if output is None else (output, len(probability_names(target, state) or [output]))


def fit_linear(target: Target, train: Dataset, state: State, features: int) -> LinearFit | None:
    """Return the linear model that an answer fits itself; None where logistic or ridge regression does it."""
    own = declared(target, can.FitsLinear)
    return own.fit_linear(train, state, features) if own else None


def fits_linear(target: Target) -> bool:
    """Say whether an answer fits a linear model of its own."""
    return declared(target, can.FitsLinear) is not None


def rivals(target: Target, train: Dataset, state: State) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]] | None:
    """Return the simple models that an answer brings itself; None where it has none."""
    own = declared(target, can.HasRivals)
    return own.rivals(train, state) if own else None


def vectorizer(modality: Modality, state: State) -> nn.Module | None:
    """Return the module that gives a simple model its features; None where the modality has none."""
    own = declared(modality, can.Vectorizes)
    return own.vectorizer(state) if own else None


def has_templates(modality: Modality) -> bool:
    """Say whether the nearest training record is an answer worth trying."""
    own = declared(modality, can.Vectorizes)
    return own is not None and own.has_templates


def tabulator(modality: Modality, state: State) -> nn.Module | None:
    """Return the module that gives trees their columns; None where the modality is no row of columns."""
    own = declared(modality, can.Tabulates)
    return own.tabulator(state) if own else None


def is_tabular(modality: Modality) -> bool:
    """Say whether a modality is a row of columns, as trees read it."""
    return declared(modality, can.Tabulates) is not None


def is_wide(modality: Modality) -> bool:
    """Say whether the columns that trees read are many and mostly zero."""
    own = declared(modality, can.Tabulates)
    return own is not None and own.is_wide


def ways_to_group(modality: Modality) -> Sequence[str]:
    """Return by what records can be kept together that the modality itself knows; none where it knows nothing."""
    own = declared(modality, can.KeepsTogether)
    return own.ways_to_group if own else ()


def group_keys(modality: Modality, values: Values, way: str) -> list[str | None]:
    """Return a text for each raw value, equal where values belong together by one of `ways_to_group`."""
    own = declared(modality, can.KeepsTogether)
    assert own is not None
    return own.group_keys(values, way)


def familiarity(modality: Modality, arrays: Arrays, state: State) -> tuple[str, np.ndarray] | None:
    """Return how near records are to those of training, float[n], and what that is called; None: it cannot tell."""
    own = declared(modality, can.MeasuresFamiliarity)
    return (own.familiarity_name, own.familiarity(arrays, state)) if own else None


def payoffs(target: Target) -> type[Payoffs] | None:
    """Return in which form a job says what the answers are worth; None where there is none."""
    own = declared(target, can.PaysOff)
    return own.payoffs if own else None


def restated(target: Target, arrays: Arrays, state: State, wanted: State) -> Arrays | None:
    """Return outputs or true answers of one state as they would stand under another one; None where they cannot."""
    own = declared(target, can.Restates)
    return own.restated(arrays, state, wanted) if own else None


def display(modality: Modality, arrays: Arrays, state: State) -> Any:
    """Return what a person would look at of one encoded value; None where there is nothing to see."""
    own = declared(modality, can.Displays)
    return own.display(arrays, state) if own else None


def spans(modality: Modality, value: Any, state: State) -> list[Span]:
    """Return the part of a raw value that each of its tokens stands for; none where the modality does not say."""
    own = declared(modality, can.Attributable)
    return own.spans(value, state) if own else []


def read(task: Task, path: Path, encoding: str | None, named: Mapping[str, Any]) -> Source | None:
    """Return the reader of a format that only this task has; None leaves the path to sources/."""
    own = declared(task, can.ReadsFormats)
    return own.read(path, encoding, named) if own else None


def gathered(task: Task, source: Source, by: Gathering) -> Source:
    """Return the records that the rows of a source make up; the source itself where each is one."""
    own = declared(task, can.GathersRows)
    return own.gathered(source, by) if own else source


def gathers_rows(task: Task) -> bool:
    """Say whether several rows may be one record, whose content can be divided."""
    return declared(task, can.GathersRows) is not None


def examples(task: Task, count: int, seed: int = 0) -> list[Record]:
    """Return records that the task itself makes; none where its example can be varied."""
    own = declared(task, can.MakesExamples)
    return own.examples(count, seed) if own else []


def predict_baseline(task: Task, dataset: Dataset, learnt: Arrays) -> Arrays:
    """Return the baseline's outputs for some records: where nothing else is declared, the same for each."""
    own = declared(task, can.PredictsBaseline)
    usual = {name: repeated(value, len(dataset)) for name, value in learnt.items()} if own is None else {}
    return own.predict_baseline(dataset, learnt) if own else usual


def validate_pair(task: Task, inputs: Mapping[str, Arrays], answer: Arrays) -> dict[int, str]:
    """Return which encoded records have an answer that cannot belong to their inputs, and why, by index."""
    own = declared(task, can.ValidatesPairs)
    return own.validate_pair(inputs, answer) if own else {}


def windows(task: Task, dataset: Dataset, is_learnt: bool = False) -> Dataset:
    """Return stored records as they are learnt from or scored."""
    own = declared(task, can.CutsWindows)
    return own.windows(dataset, is_learnt) if own else dataset


def pair_features(task: Task, width: int) -> nn.Module | None:
    """Return what tells the trunk what several inputs have in common; None where the task has nothing of it."""
    own = declared(task, can.PairFeatures)
    return own.pair_features(width) if own else None
