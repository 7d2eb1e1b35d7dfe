"""Several numbers at once: mean squared error over those that are known, each standardised by its own training answers.

Read next: answers.py, metrics.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.columns import NumberForm, form_of, number_form
from noria.contract import Metric, Target
from noria.contract.capabilities import DecodesTarget, MultiNumber, Restates, ShowsPanels, TellsReading
from noria.errors import UserError
from noria.targets.measurements.answers import columns_of, read_numbers
from noria.targets.measurements.metrics import measurements_metrics, measurements_panels
from noria.targets.number import MOST_SPREADS, TOO_FAR
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Measurements(Target, DecodesTarget, ShowsPanels, MultiNumber, Restates, TellsReading):
    """Several numbers, each of which may be missing: a column each, or one cell with all by name, {"logP": 1.9}.

    Arrays: `measurements` float32[n, columns], NaN where not known. Output: `measurements` float[n, columns]. Each
    column is standardised by the mean and spread of its own training answers.
    """

    kind: ClassVar[str] = "measurements"
    raw_type: ClassVar[Literal["columns"]] = "columns"

    is_voting: bool = field(default=False, metadata={"network_only": True})
    """Each token answers by itself, and the answers are averaged. For ensembles, as those of tables."""

    def fit(self, values: Values) -> State:
        columns, _ = columns_of(values)
        forms = {name: number_form(cells) for name, cells in columns.items()}
        numbers = read_numbers(columns, {name: form for name, (form, _) in forms.items()}, {})
        learnt, flat = {}, {}
        for name, column in zip(columns, numbers.T, strict=True):
            known = column[~np.isnan(column)]
            with np.errstate(over="ignore", invalid="ignore"):
                spread = float(known.std()) if len(known) else 0.0
            if not (0 < spread < np.inf):
                flat[name] = f"{len(known)} numbers" + (f", all {known[0]:g}" if len(known) and not spread else "")
                continue
            form, remark = forms[name]
            own = {"mean": float(known.mean()), "spread": spread}
            own |= {"known": len(known), "missing": len(column) - len(known)}
            learnt[name] = {**own, "form": form.content, "remark": remark}
        if flat or not learnt:
            raise UserError(
                "not every column has different numbers in the training records (of a fold, where there are folds)"
                if flat
                else "no training record has numbers",
                expected="a column of numbers each: data.fields.measurements=[logP, logS]",
                found="; ".join(f"{name}: {shown}" for name, shown in flat.items()),
                fix="leave such a column out, or name columns of numbers that differ",
            )
        return {"columns": learnt}

    def encode(self, values: Values, state: State) -> Encoded:
        columns, bad = columns_of(values)
        raw = read_numbers(columns, _forms(state), bad)
        mean, spread = _scale(state)
        numbers, names = (raw - mean) / spread, list(state["columns"])
        for row, column in np.argwhere(np.abs(numbers) > MOST_SPREADS):
            bad.setdefault(int(row), f"{names[column]} {raw[row, column]:g} {TOO_FAR}")
        numbers[list(bad)] = 0
        return Encoded({"measurements": numbers.astype(np.float32)}, bad)

    def remarks(self, state: State) -> list[str]:
        return [f"{name}: {one['remark']}" for name, one in state["columns"].items() if one["remark"]]

    def reading(self, state: State) -> Panel:
        rows = [
            [name, one["known"], one["missing"], float(f"{one['mean']:.4g}"), float(f"{one['spread']:.4g}")]
            for name, one in state["columns"].items()
        ]
        head = ["number", "records", "missing", "mean", "spread"]
        return Panel("table", "Numbers in training", {"columns": head, "rows": rows})

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import PooledLinear, VotingLinear

        return (VotingLinear if self.is_voting else PooledLinear)(width, len(state["columns"]), "measurements")

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        given = output.get("votes", output["measurements"][:, None]).float()  # [B, votes, columns]
        known = ~batch.target["measurements"].isnan()
        squares = (given - batch.target["measurements"].nan_to_num()[:, None]) ** 2
        squares = (squares * output["weights"]).sum(1) if "votes" in output else squares.mean(1)
        each = (squares * known).sum(1)
        # A record counts by what is known of it, and so does it within the mean.
        return {"loss": each.sum() / known.sum().clamp_min(1), "each": each / known.sum(1).clamp_min(1)}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        return [
            Prediction(row, None, {f"number_{name}": value for name, value in row.items()})
            for row in self._named(output, state)
        ]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return self._named(truth, state)

    def _named(self, arrays: Arrays, state: State) -> list[dict[str, float]]:
        """Return the numbers of each record by name, in their own units; without those that are not known."""
        mean, spread = _scale(state)
        plain = np.asarray(arrays["measurements"], np.float64) * spread + mean
        return [
            {name: float(f"{value:.7g}") for name, value in zip(state["columns"], row, strict=True) if value == value}
            for row in plain
        ]

    def restated(self, arrays: Arrays, state: State, wanted: State) -> Arrays | None:
        names = list(state["columns"])
        if sorted(names) != sorted(wanted["columns"]):
            return None
        mean, spread = _scale(state)
        plain = np.asarray(arrays["measurements"], np.float64) * spread + mean
        mean, spread = _scale(wanted)
        order = [names.index(name) for name in wanted["columns"]]
        return {**arrays, "measurements": (plain[:, order] - mean) / spread}

    def number_names(self, state: State) -> Sequence[str]:
        return list(state["columns"])

    def number_values(self, truth: Arrays) -> np.ndarray:
        return np.asarray(truth["measurements"], np.float64)

    def number_output(self) -> str:
        return "measurements"

    def metrics(self, state: State) -> Sequence[Metric]:
        return measurements_metrics()

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return measurements_panels(output, truth, list(state["columns"]), _scale(state)[1])


def means(train: Arrays) -> Arrays:
    """Return the output that always answers the mean of each column: the trivial answer to beat."""
    known = ~np.isnan(train["measurements"])
    total = np.nansum(np.asarray(train["measurements"], np.float64), 0)
    return {"measurements": (total / np.maximum(known.sum(0), 1)).astype(np.float32)[None]}


def _forms(state: State) -> dict[str, NumberForm]:
    columns: Mapping[str, Any] = state["columns"]
    found = {name: form_of(one["form"]) for name, one in columns.items()}
    return {name: form for name, form in found.items() if isinstance(form, NumberForm)}


def _scale(state: State) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and spread of each column, float64[columns]."""
    mean, spread = np.array([[one["mean"], one["spread"]] for one in state["columns"].values()]).T
    return mean, spread
