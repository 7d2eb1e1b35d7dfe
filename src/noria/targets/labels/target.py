"""Several yes/no answers at once: cross-entropy over those that are known, calibrated one by one.

Read next: answers.py, calibration.py, metrics.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from scipy.special import expit

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    Calibrates,
    DecodesTarget,
    MultiLabel,
    PostProcesses,
    Restates,
    ShowsPanels,
    TellsReading,
)
from noria.errors import UserError
from noria.targets.labels.answers import column_counts, names_in, read_cells, read_columns, separator_of
from noria.targets.labels.calibration import EVEN, platt, thresholds
from noria.targets.labels.metrics import are_ranked, labels_metrics
from noria.targets.labels.panels import labels_panels
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

RARE = 0.05  # a label is rare of which fewer records have one of the answers, as a class is (targets/label.py)
SHOWN, FEW_SHOWN = 20, 5  # labels that an error names, and a remark


@dataclass(frozen=True)
class Labels(
    Target, Calibrates, PostProcesses, DecodesTarget, ShowsPanels, MultiLabel, Restates, TellsReading
):  # fmt: skip
    """Several yes/no answers, each of which may be missing: a column each, or one cell with the names that hold.

    Arrays: `labels` float32[n, labels], 1, 0, or NaN where not known. Output: `labels` float[n, labels], logits.
    """

    kind: ClassVar[str] = "labels"
    raw_type: ClassVar[Literal["columns"]] = "columns"
    has_closed_vocabulary: ClassVar[bool] = True

    is_voting: bool = field(default=False, metadata={"network_only": True})
    """Each token answers by itself, and the answers are averaged. For ensembles, as those of tables."""
    positive_weight: float = field(default=1.0, metadata={"network_only": True})
    """Weight of a yes in the loss; calibration takes it back. Above 1 where labels that hold are rare."""
    yes: list[str] = field(default_factory=list)
    """Words of label columns that mean yes, as [active], where they are not 1, true or yes; all others are no."""
    separator: str | None = None
    """What stands between names in one cell. Null takes the first of ; | and , that occurs."""
    threshold: float | None = None
    """Probability from which a label is said to hold, 0 to 1. Null takes the best F1 on validation, label by label."""

    def __post_init__(self) -> None:
        if self.positive_weight <= 0 or (self.threshold is not None and not 0 <= self.threshold <= 1):
            raise ValueError("positive_weight must be above 0, threshold 0 to 1")

    def fit(self, values: Values) -> State:
        if isinstance(values, Mapping):
            return _learnt(column_counts(values, self.yes))
        separator = self.separator or separator_of(values)
        found, records = Counter[str](), 0
        for value in values:
            try:
                found.update(set(names_in(value, separator)))
            except ValueError:
                continue
            records += 1
        if not found:
            raise UserError("no training record has a label", expected="a list of names, or a column for each label")
        counts = {name: [found[name], records - found[name]] for name in sorted(found)}
        return {**_learnt(counts), "between": separator}

    def encode(self, values: Values, state: State) -> Encoded:
        names = list(state["counts"])
        if isinstance(values, Mapping):
            labels, bad = read_columns(values, names, self.yes)
        else:
            labels, bad = read_cells(values, names, state.get("between", ";"))
        labels[list(bad)] = 0
        return Encoded({"labels": labels}, bad)

    def remarks(self, state: State) -> list[str]:
        counts: dict[str, list[int]] = state["counts"]
        only = [name for name, (yes, no) in counts.items() if not (yes and no)]
        said = [f"one answer only in training, which teaches nothing: {', '.join(only)}"] if only else []
        said += _rare(counts)
        if "between" in state:
            said.append(f"names of labels that hold are taken to stand between {state['between']!r} (target.separator)")
        return said

    def reading(self, state: State) -> Panel:
        rows = [[name, yes, no, round(yes / max(1, yes + no), 4)] for name, (yes, no) in state["counts"].items()]
        return Panel("table", "Labels in training", {"columns": ["label", "yes", "no", "share of yes"], "rows": rows})

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import PooledLinear, VotingLinear

        return (VotingLinear if self.is_voting else PooledLinear)(width, len(state["counts"]), "labels")

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from torch.nn import functional

        given = output.get("votes", output["labels"][:, None]).float()  # [B, votes, labels]
        known = ~batch.target["labels"].isnan()
        truth = batch.target["labels"].nan_to_num()[:, None].expand_as(given)
        weight = given.new_tensor(self.positive_weight)
        nats = functional.binary_cross_entropy_with_logits(given, truth, pos_weight=weight, reduction="none")
        nats = (nats * output["weights"]).sum(1) if "votes" in output else nats.mean(1)
        each = (nats * known).sum(1)
        # A record counts by what is known of it, and so does it within the mean.
        return {"loss": each.sum() / known.sum().clamp_min(1), "each": each / known.sum(1).clamp_min(1)}

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        slope, height = np.asarray(state["platt"], np.float32).T
        return {**output, "labels": np.asarray(output["labels"]) * slope + height}

    def calibrate(self, output: Arrays, truth: Arrays, state: State) -> State:
        logits, true = np.asarray(output["labels"]), np.asarray(truth["labels"])
        state = {**state, "platt": platt(logits, true)}
        return {**state, "thresholds": thresholds(expit(self.postprocess(output, {}, state)["labels"]), true)}

    def _thresholds(self, state: State) -> list[float]:
        """Return from which probability on each label is said to hold."""
        chosen: list[float] = state["thresholds"]
        return chosen if self.threshold is None else [self.threshold] * len(chosen)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        names, chances = list(state["counts"]), expit(output["labels"].astype(np.float64))
        holds = chances >= self._thresholds(state)
        return [
            Prediction(
                [name for name, is_one in zip(names, own, strict=True) if is_one],
                None,
                {"probabilities": {name: round(float(one), 6) for name, one in zip(names, row, strict=True)}},
            )
            for own, row in zip(holds, chances, strict=True)
        ]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        names = list(state["counts"])
        return [[name for name, one in zip(names, row, strict=True) if one == 1] for row in np.asarray(truth["labels"])]

    def label_names(self, state: State) -> Sequence[str]:
        return list(state["counts"])

    def label_values(self, truth: Arrays) -> np.ndarray:
        return np.asarray(truth["labels"])

    def labels_left_out(self, truth: Arrays, state: State) -> Sequence[str]:
        return [name for name, is_ranked in zip(state["counts"], are_ranked(truth), strict=True) if not is_ranked]

    def label_output(self) -> str:
        return "labels"

    def restated(self, arrays: Arrays, state: State, wanted: State) -> Arrays | None:
        names = list(state["counts"])
        if sorted(names) != sorted(wanted["counts"]):
            return None
        order = [names.index(name) for name in wanted["counts"]]
        return {**arrays, "labels": np.asarray(arrays["labels"])[:, order]}

    def metrics(self, state: State) -> Sequence[Metric]:
        return labels_metrics(self._thresholds(state))

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return labels_panels(output, truth, list(state["counts"]), self._thresholds(state))


def _learnt(counts: dict[str, list[int]]) -> State:
    """Return the state before anything is calibrated; raise UserError where no label has both answers."""
    if not any(yes and no for yes, no in counts.values()):
        said = [f"{name}: {yes} yes, {no} no" for name, (yes, no) in counts.items()]
        raise UserError(
            "every label has one answer only in training, which teaches nothing",
            expected="a label that holds of some training records and not of others",
            found="; ".join(said[:SHOWN]) + ("; ..." if len(said) > SHOWN else ""),
            fix="give records of the other kind, or name other columns",
        )
    return {"counts": counts, "platt": [[1.0, 0.0]] * len(counts), "thresholds": [EVEN] * len(counts)}


def _rare(counts: Mapping[str, list[int]]) -> list[str]:
    """Return a sentence where labels are rare, the rarest first."""
    few = sorted((min(both), name) for name, both in counts.items() if 0 < min(both) < RARE * sum(both))
    if not few:
        return []
    shown = ", ".join(f"{name} {count:,} of {sum(counts[name]):,}" for count, name in few[:FEW_SHOWN])
    more = f" and of {len(few) - FEW_SHOWN} more labels" if len(few) > FEW_SHOWN else ""
    return [f"the rarer answer has few training records: {shown}{more}; the table of labels says how each is found"]


def base_rates(train: Arrays) -> Arrays:
    """Return the output that always gives each label its share in training: the trivial answer to beat."""
    labels = np.asarray(train["labels"], np.float64)
    known = ~np.isnan(labels)
    share = (np.nansum(labels, 0) + 0.5) / (known.sum(0) + 1)
    return {"labels": np.log(share / (1 - share)).astype(np.float32)[None]}
