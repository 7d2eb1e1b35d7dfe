"""The checks of a whole task: the model that is put together for it, its loss, and its answers.

Knows no task. Read next: task.py, which calls this, and scores.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.checks.failure import TOLERANCE, WIDTH, as_arrays, check, is_same, json_round_trip, require, seeded
from noria.checks.modality import require_seeded
from noria.contract import Task, dispatch, streaming
from noria.contract.capabilities import GivesVector, declared
from noria.errors import UserError
from noria.job import Job
from noria.types import Arrays, Batch, Chunk, Dataset, Prediction, Ragged

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Whole:
    """A task with what it learnt, {"inputs": {field: state}, "target": state}, and with encoded records."""

    task: Task
    dataset: Dataset
    states: dict[str, Any]

    @property
    def name(self) -> str:
        return type(self.task).__name__

    def model(self) -> nn.Module:
        """Build the model of the task, each time the same, with no weight that is zero."""
        import torch

        from noria.pipeline.assembly import build

        job = Job.model_validate({"task": "checked", "model": {"width": WIDTH, "heads": 2, "depth": 1}})
        model: nn.Module = seeded(lambda: build(job, self.task, self.states))
        with torch.no_grad():  # what starts at zero passes no gradient on
            for weight in model.parameters():
                if not weight.any():
                    weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)) / 10)
        return model

    def batch(self) -> Batch:
        return self.dataset.batch(slice(None))

    def answers(self, model: Any, dataset: Dataset, is_quick: bool = False) -> Arrays:
        """Return what is kept of the outputs of records, as pipeline/inference.py does it for one batch."""
        import torch

        everything = np.arange(len(dataset))
        with torch.inference_mode():
            output = dispatch.predict_step(
                self.task.target, model, dataset.batch(everything), self.states["target"], is_quick
            )
        raw = dataset.raw_inputs(everything)
        return dispatch.postprocess(self.task.target, as_arrays(output), raw, self.states["target"])


def check_whole(whole: Whole) -> None:
    """Check how the parts of a task go together."""
    check_augmented_batch(whole)
    check_loss(whole)
    check_loss_of_one(whole)
    check_gradient(whole)
    model = whole.model().eval()
    check_output(whole, model)
    check_alone(whole, model)
    check_decode(whole, model)
    check_stream(whole, model)
    check_writer(whole, model)
    check_panels(whole, model)


@check
def check_augmented_batch(whole: Whole) -> None:
    """A batch is augmented as torch's seed says, inputs and answers, and keeps its records."""
    one, other = (seeded(lambda: dispatch.augment(whole.task, whole.batch())) for _ in range(2))
    require(one.size == len(whole.dataset), f"augmenting makes {one.size} records of {len(whole.dataset)}")
    for name in whole.task.inputs:
        require_seeded(one.inputs[name], other.inputs[name])
    require_seeded(one.target, other.target)


@check
def check_loss(whole: Whole) -> None:
    """The loss is one finite number, the mean of one finite number a record."""
    parts = _step(whole, whole.model().train())
    require("loss" in parts and "each" in parts, 'the loss must have the parts "loss" and "each"')
    for name, value in parts.items():
        require(bool(value.isfinite().all()), f"the part {name!r} of the loss is not finite")
    require(parts["loss"].ndim == 0, '"loss" must be one number')
    count = len(whole.dataset)
    require(tuple(parts["each"].shape) == (count,), f'"each" must be one number a record, [{count}]')
    low, high, loss = parts["each"].min().item(), parts["each"].max().item(), parts["loss"].item()
    slack = TOLERANCE * (1 + abs(low) + abs(high))
    is_mean = low - slack <= loss <= high + slack  # of records, or of their tokens
    require(is_mean, f'"loss", {loss:g}, is no mean of "each", from {low:g} to {high:g}')


@check
def check_loss_of_one(whole: Whole) -> None:
    """The mean loss of one record is its own."""
    parts = _step(replace(whole, dataset=whole.dataset.select(np.array([0]))), whole.model().train())
    loss, each = parts["loss"].item(), parts["each"][0].item()
    require(bool(np.isclose(loss, each, TOLERANCE, TOLERANCE)), f'"loss" of one record is {loss:g}, "each" {each:g}')


@check
def check_gradient(whole: Whole) -> None:
    """Every weight learns from the loss; where there is nothing to learn, there is no weight."""
    if dispatch.learns_nothing(whole.task.target):
        weights = [name for name, _ in whole.model().named_parameters()]
        require(not weights, f"there is nothing to learn, but weights that no step will change: {weights}")
        return
    model = whole.model().train()
    _step(whole, model)["loss"].backward()  # type: ignore[no-untyped-call]
    for name, weight in model.named_parameters():
        require(not weight.requires_grad or weight.grad is not None, f"no gradient reaches {name}")
        require(weight.grad is None or bool(weight.grad.isfinite().all()), f"the gradient of {name} is not finite")


def _step(whole: Whole, model: nn.Module) -> Mapping[str, Tensor]:
    task, state = whole.task, whole.states["target"]
    return seeded(lambda: dispatch.training_step(task.target, model, dispatch.augment(task, whole.batch()), state))


@check
def check_output(whole: Whole, model: nn.Module) -> None:
    """Outputs are finite, and their first axis is the record."""
    for name, value in whole.answers(model, whole.dataset).items():
        require(len(value) == len(whole.dataset), f"the first axis of the output {name!r} is not the records")
        values = value.values if isinstance(value, Ragged) else value
        require(bool(np.isfinite(values).all()), f"the output {name!r} must be finite")


@check
def check_alone(whole: Whole, model: nn.Module) -> None:
    """A record's output does not depend on the batch it comes in, padding included."""
    output = whole.answers(model, whole.dataset)
    for index in (0, len(whole.dataset) - 1):
        alone = whole.answers(model, whole.dataset.select(np.array([index])))
        for name, value in alone.items():
            same = is_same(value, output[name][index : index + 1], TOLERANCE)
            require(same, f"the output {name!r} of a record depends on the batch it comes in")


@check
def check_decode(whole: Whole, model: nn.Module) -> None:
    """Every output becomes a prediction that is JSON, the same alone and beside others; no true answer is needed."""
    target, state = whole.task.target, whole.states["target"]
    output = whole.answers(model, replace(whole.dataset, target={}))
    predictions, count = target.decode(output, state), len(whole.dataset)
    told = dispatch.media_type(target)
    require(len(predictions) == count, f"decode gives {len(predictions)} predictions for {count} records")
    for index, prediction in enumerate(predictions):
        require(isinstance(prediction, Prediction), "decode must give Predictions")
        mime = prediction.media.mime if prediction.media else None
        require(mime == told or told is None, f"an answer is said to be {told}, and is {mime or 'no file'}")
        json_round_trip(prediction.as_json())
        if declared(target, GivesVector):
            is_vector = isinstance(prediction.value, list) and {type(one) for one in prediction.value} == {float}
            require(is_vector, "a target that gives a vector answers with a list of floats")
        sure = prediction.confidence
        require(sure is None or 0 <= sure <= 1, f"a confidence lies in 0 to 1, not at {sure}")
        alone = target.decode({name: value[index : index + 1] for name, value in output.items()}, state)
        require(alone == [prediction], "decode answers otherwise when a record stands alone")


@check
def check_stream(whole: Whole, model: nn.Module) -> None:
    """An answer in pieces is refused for a setting that there is not before its first piece is asked for."""
    target, state, first = whole.task.target, whole.states["target"], whole.dataset.batch(slice(0, 1))
    if not streaming.can_stream(target):
        return
    unknown = {"no such setting": 1}
    begun: list[Callable[[], object]] = [lambda: streaming.stream(target, model, first, state, unknown)]
    if (writer := streaming.writer(target, model, state)) is not None:
        begun.append(lambda: writer.begin(0, first, unknown))
    for begin in begun:
        try:
            begin()
        except UserError:
            continue
        require(False, "a setting that there is not is not refused where the pieces are asked for")


@check
def check_writer(whole: Whole, model: nn.Module) -> None:
    """Two answers that are written side by side, one begun when the other is under way, are those of each alone."""
    target, state = whole.task.target, whole.states["target"]
    if (writer := streaming.writer(target, model, state)) is None:
        return
    batches = [whole.dataset.batch(slice(index, index + 1)) for index in (0, 1)]
    writer.begin(0, batches[0], {})
    said = writer.step()
    writer.begin(1, batches[1], {})
    while pieces := writer.step():
        said += pieces
    for number, batch in enumerate(batches):
        expected = "".join(str(piece.content) for piece in streaming.stream(target, model, batch, state, {}))
        found = "".join(str(piece.content) for other, piece in said if other == number and isinstance(piece, Chunk))
        require(found == expected, f"beside another, an answer is {found!r:.60}, and alone {expected!r:.60}")


@check
def check_panels(whole: Whole, model: nn.Module) -> None:
    """What the report shows beside the scores is JSON."""
    output = whole.answers(model, whole.dataset)
    for panel in dispatch.panels(whole.task.target, output, whole.dataset.target, whole.states["target"]):
        json_round_trip(panel.data)
