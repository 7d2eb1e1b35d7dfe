"""A number: mean squared error on the standardised value, scores in the user's own unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.columns import NumberForm, form_of, number_form
from noria.contract import Metric, Target, mean_metric
from noria.contract.capabilities import DecodesTarget, PaysOff, Restates, ShowsPanels, SingleValued, TellsReading
from noria.contract.payoffs import NumberPayoffs
from noria.errors import UserError
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

POINTS_SHOWN = 500
MOST_SPREADS = 1e6  # of an answer from the mean of training: squares of more would be all that a score shows
TOO_FAR = f"is more than {MOST_SPREADS:,.0f} times the spread of training away from its mean"


@dataclass(frozen=True)
class Number(Target, DecodesTarget, ShowsPanels, SingleValued, Restates, TellsReading, PaysOff):
    """A real number. Arrays: `number` float32[n, 1]. Output: `number` float[n, 1].

    Both are standardised by the mean and spread of the training answers.
    """

    kind: ClassVar[str] = "number"
    payoffs: ClassVar[type[NumberPayoffs]] = NumberPayoffs

    is_voting: bool = field(default=False, metadata={"network_only": True})
    """Each token answers by itself, and the answers are averaged. For ensembles, as those of tables."""
    form: str | None = None
    """How the numbers are written, by an example with its decimal mark: "1.234,5". Null finds out."""

    def fit(self, values: Values) -> State:
        if isinstance(values, Mapping):
            raise TypeError("an answer is one column")
        form, remark = number_form(values, self.form)
        numbers = np.array([number for value in values if (number := _number(value, form)) is not None])
        if len(numbers) == 0:
            raise UserError("no training record has a number as its answer")
        with np.errstate(over="ignore", invalid="ignore"):
            spread = float(numbers.std())
        if spread == 0:
            raise UserError("every training record has the same answer", found=str(numbers[0]))
        if not math.isfinite(spread):
            raise UserError("the answers are too large to be learnt", found=f"up to {np.abs(numbers).max():.4g}")
        return {"mean": float(numbers.mean()), "spread": spread, "form": form.content, "remark": remark}

    def remarks(self, state: State) -> list[str]:
        return [state["remark"]] if state.get("remark") else []

    def reading(self, state: State) -> None:
        return None

    def encode(self, values: Values, state: State) -> Encoded:
        form = form_of(state["form"]) if "form" in state else NumberForm()
        assert isinstance(form, NumberForm)
        raw = np.zeros(len(values), np.float64)
        bad = {}
        for i, value in enumerate(values):
            number = _number(value, form)
            if number is not None:
                raw[i] = number
            elif form.is_absent(value):
                bad[i] = "the answer is missing"
            else:
                bad[i] = f"the answer {value!r} is not a finite number"
        scaled = (raw - state["mean"]) / state["spread"]
        bad |= {i: f"the answer {raw[i]:g} {TOO_FAR}" for i in np.flatnonzero(np.abs(scaled) > MOST_SPREADS).tolist()}
        scaled[list(bad)] = 0
        return Encoded({"number": scaled.astype(np.float32)[:, None]}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import PooledLinear, VotingLinear

        return (VotingLinear if self.is_voting else PooledLinear)(width, 1, "number")

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from torch.nn import functional

        given = output.get("votes", output["number"][:, None]).float()  # [B, votes, 1]
        truth = batch.target["number"][:, None].expand_as(given)
        squares = functional.mse_loss(given, truth, reduction="none")
        each = (squares * output["weights"]).sum((1, 2)) if "votes" in output else squares.mean((1, 2))
        return {"loss": each.mean(), "each": each}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        values = output["number"][:, 0].astype(np.float64) * state["spread"] + state["mean"]
        return [Prediction(float(f"{value:.7g}")) for value in values]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return [prediction.value for prediction in self.decode(truth, state)]

    def single_values(self, truth: Arrays) -> np.ndarray:
        return np.asarray(truth["number"])[:, 0]

    def class_names(self, state: State) -> None:
        return None

    def answer_output(self) -> str:
        return "number"

    def restated(self, arrays: Arrays, state: State, wanted: State) -> Arrays:
        plain = np.asarray(arrays["number"], np.float64) * state["spread"] + state["mean"]
        return {**arrays, "number": ((plain - wanted["mean"]) / wanted["spread"]).astype(np.float32)}

    def metrics(self, state: State) -> Sequence[Metric]:
        spread = state["spread"]

        def rmse(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
            return np.asarray(spread * np.sqrt(weights @ _squares(output, truth) / weights.sum(1)))

        return (
            Metric("rmse", "unit of the answer", "lower", rmse),
            mean_metric("mae", "unit of the answer", "lower", lambda o, t: spread * np.sqrt(_squares(o, t))),
            Metric("r2", "fraction", "higher", _r2),
        )

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        chosen = np.linspace(0, len(truth["number"]) - 1, min(len(truth["number"]), POINTS_SHOWN)).astype(int)
        pairs = np.concatenate([truth["number"], output["number"]], 1)[chosen] * state["spread"] + state["mean"]
        points = [[float(f"{x:.5g}"), float(f"{y:.5g}")] for x, y in pairs]
        data = {"x": "truth", "y": "answer", "points": {"records": points}, "diagonal": True}
        return [Panel("curve", "Truth and answer", data, "A perfect model puts every record on the diagonal.")]


def mean(train: Arrays) -> Arrays:
    """Return the output that always answers the mean of the training answers: the trivial answer to beat."""
    return {"number": np.full((1, 1), train["number"].mean(), np.float32)}


def _squares(output: Arrays, truth: Arrays) -> np.ndarray:
    return np.asarray((output["number"][:, 0].astype(np.float64) - truth["number"][:, 0]) ** 2)


def _r2(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    given = truth["number"][:, 0].astype(np.float64)
    total = weights.sum(1)
    spread = weights @ given**2 - (weights @ given) ** 2 / total
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(spread > 0, 1 - weights @ _squares(output, truth) / spread, np.nan))


def _number(value: object, form: NumberForm) -> float | None:
    number = None if form.is_absent(value) else form.read(value)
    return number if number is not None and math.isfinite(number) else None
