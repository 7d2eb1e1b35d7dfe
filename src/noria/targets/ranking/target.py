"""Which items of a catalogue come next, best first: full softmax over the catalogue, what was seen left out.

Where order counts every event of a history predicts the next (Kang and McAuley 2018, "SASRec", with the full softmax of
Klenitskiy and Vasilev 2023, https://arxiv.org/abs/2309.07602); where it does not, events are hidden at random and
predicted from the rest (Liang et al. 2018, "Mult-VAE", without the noise). Read next: head.py, metrics.py, linear.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    DecodesTarget,
    FitsLinear,
    HasRivals,
    PaysOff,
    PredictStep,
    ShowsPanels,
    TrainingStep,
    WarmStarts,
)
from noria.contract.payoffs import RankingPayoffs
from noria.contract.settings import named_input
from noria.modalities.items.arrays import HAS_ONLY, ITEMS, ONLY, SEEN, WITHOUT
from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.targets.ranking.metrics import NOTHING, beyond_accuracy, ranking_metrics
from noria.targets.ranking.true_items import encoded_items, told_items
from noria.types import Arrays, Batch, Dataset, Encoded, Output, Panel, Prediction, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.contract.linear_fit import LinearFit

NETWORK_ONLY = {"network_only": True}
UNKNOWNS = (f"unknown_{ITEMS}", f"unknown_{ONLY}")  # items of a question that the catalogue does not have: how many
SCORES = "scores"
WANTED = "wanted"  # what a step learns to find
LEAST_HIDDEN, MOST_HIDDEN = 0.1, 0.9  # shares of a history without order that are predicted from the rest


@dataclass(frozen=True)
class Ranking(
    Target, WarmStarts, TrainingStep, PredictStep, DecodesTarget, ShowsPanels, FitsLinear, HasRivals, PaysOff
):  # fmt: skip
    """Items, a list. Arrays: `items` Ragged int32. Output: `items` int[n, ranked], best first, -1 where there are no
    more; `scores` float[n, ranked]; `because` int[n, answers], which item of the history speaks most for each answer;
    `unknown_items`, `unknown_only` int[n], how many items of the question the catalogue does not have.
    """

    kind: ClassVar[str] = "ranking"
    payoffs: ClassVar[type[RankingPayoffs]] = RankingPayoffs

    answers: int = field(default=10, metadata=NETWORK_ONLY)
    """Items that an answer lists."""
    repeats: bool = field(default=False, metadata=NETWORK_ONLY)
    """Whether items of the history may be answered again. For songs and groceries, not for films."""
    smoothing: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Label smoothing: probability the loss spreads over the whole catalogue, 0 to 1."""
    is_ordered: bool = field(default=True, metadata=NETWORK_ONLY)
    """Whether the order of the history is learnt from: each event predicts the next. The task knows."""
    history: str = named_input("history")  # the input that is gone on with

    def __post_init__(self) -> None:
        if self.answers < 1 or not 0 <= self.smoothing < 1:
            raise ValueError("answers must be at least 1, smoothing 0 to 1")

    def fit(self, values: Values) -> State:
        return fit_catalogue(values)

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        return encoded_items(values, Catalogue(state))

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.ranking.head import ScoresItems

        return ScoresItems(Catalogue(state), width, self.is_ordered)

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        from noria.targets.ranking.learning import hidden, next_items

        arrays, answer = batch.inputs[self.history], batch.target["items"].long()
        if self.is_ordered:
            given, labels = arrays, next_items(arrays[ITEMS].long(), answer)
        else:
            given, labels = hidden(arrays, answer, (LEAST_HIDDEN, MOST_HIDDEN))
        output = model({**batch.inputs, self.history: given})
        return self.loss(output, Batch({self.history: given}, {WANTED: labels}, batch.size))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of `labels`, int[B, T] by token where order counts, else int[B, K], a set.

        Of the output of evaluation, which has nothing but scores, the last label alone is looked at where order counts.
        """
        from noria.targets.ranking.learning import last_labels, logits_of, ordered_loss, set_loss

        items, labels = batch.inputs[self.history][ITEMS].long(), batch.target[WANTED]
        if not self.is_ordered:
            return set_loss(output[SCORES] if SCORES in output else logits_of(output), items, labels, self.smoothing)
        if SCORES in output:
            return set_loss(output[SCORES], items[:, :0], last_labels(items, labels), self.smoothing)
        return ordered_loss(output, labels, self.smoothing)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        from noria.targets.ranking.answering import because, ranked

        arrays = batch.inputs[self.history]
        output = ranked(model(batch.inputs)[SCORES], arrays, self.repeats)
        if not is_quick:
            output["because"] = because(model, batch.inputs, output["items"][:, : self.answers])
            size = Catalogue(state).size
            output |= {said: (arrays[name] == size).sum(1) for said, name in zip(UNKNOWNS, (ITEMS, ONLY), strict=True)}
        return output

    def linear_answers(self, state: State) -> tuple[str, int]:
        return SCORES, Catalogue(state).size

    def fit_linear(self, train: Dataset, state: State, features: int) -> LinearFit:
        from noria.targets.ranking.linear import events_of, fitted

        return fitted(events_of(train, self.history), Catalogue(state).size, features, self.is_ordered)

    def rivals(self, train: Dataset, state: State) -> Iterator[tuple[str, Any]]:
        from noria.targets.ranking.linear import events_of, rivals

        events = events_of(train, self.history)
        yield from rivals(events, self.history, Catalogue(state).size, self.is_ordered, self.repeats)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        catalogue = Catalogue(state)
        found = []
        for index, row in enumerate(output["items"][:, : self.answers].tolist()):
            items = [self._answer(catalogue, output, index, place, code) for place, code in enumerate(row)
                     if 0 <= code < catalogue.size]  # fmt: skip
            unknown = {name: int(output[name][index]) for name in UNKNOWNS if name in output and output[name][index]}
            found.append(Prediction([one["item"] for one in items], None, {"items": items, **unknown}))
        return found

    def _answer(self, catalogue: Catalogue, output: Arrays, index: int, place: int, code: int) -> dict[str, Any]:
        """Return an item with its title, its score and what in the history speaks for it."""
        answer = catalogue.named(code)
        if SCORES in output:
            answer["score"] = round(float(output[SCORES][index, place]), 5)
        reason = int(output["because"][index, place]) if "because" in output else NOTHING
        if 0 <= reason < catalogue.size:
            answer["because"] = catalogue.title(reason)
        return answer

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return told_items(truth, Catalogue(state))

    def metrics(self, state: State) -> Sequence[Metric]:
        return ranking_metrics()

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return [beyond_accuracy(output, Catalogue(state).popularity)]


def most_popular(dataset: Dataset, history: str, count: int = 100) -> Arrays:
    """Return the trivial answer, the most popular items that are not seen: items are numbered by popularity."""
    arrays = dataset.inputs[history]
    rows = []
    for index in range(len(dataset)):
        left_out = set(arrays[SEEN][index].tolist()) | set(arrays[WITHOUT][index].tolist())
        allowed = arrays[ONLY][index].tolist() if arrays[HAS_ONLY][index] else range(count + len(left_out))
        row = [code for code in sorted(allowed) if code not in left_out][:count]
        rows.append(row + [NOTHING] * (count - len(row)))
    return {"items": np.array(rows, np.int64).reshape(len(rows), count)}
