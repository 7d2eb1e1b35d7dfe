"""Which items are most like one, or like several together: a search over the catalogue by vectors.

Nothing is trained: vectors are worked out of who turned to what, and of attributes, which place items that nobody has
turned to yet. Judged by what people did next. Read next: modalities/items/vectors.py, nearest_items.py, alike.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    CompletesState,
    DecodesTarget,
    Embeds,
    HasRivals,
    LearnsNothing,
    PostProcesses,
    ShowsPanels,
    WarmStarts,
)
from noria.contract.settings import named_input
from noria.modalities.items.arrays import ITEMS
from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.modalities.items.vectors import item_vectors, summed_vectors
from noria.targets.neighbours.alike import alike
from noria.targets.neighbours.nearest_items import answers, nearest_items
from noria.targets.ranking.metrics import beyond_accuracy, ranking_metrics
from noria.targets.ranking.true_items import encoded_items, told_items
from noria.types import Arrays, Batch, Dataset, Encoded, Output, Panel, Prediction, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}
VECTORS = "vectors"  # of the state: float32[N, D], and of the output: float32[n, D]


@dataclass(frozen=True)
class Neighbours(
    Target, WarmStarts, CompletesState, PostProcesses, DecodesTarget, ShowsPanels, HasRivals, Embeds, LearnsNothing
):  # fmt: skip
    """Items, a list: what came next. Arrays: `items` Ragged int32. What is kept: `items` int64[n, kept], nearest first,
    -1 where there are no more; `scores` float32[n, kept], cosines; `asked` int64[n], the last item that was asked;
    `vectors` float32[n, D].
    """

    kind: ClassVar[str] = "neighbours"

    answers: int = field(default=10, metadata=NETWORK_ONLY)
    """Items that an answer lists."""
    history: str = named_input("history")  # the input whose neighbours are asked for

    def __post_init__(self) -> None:
        if self.answers < 1:
            raise ValueError("answers must be at least 1")

    def learns_nothing(self) -> bool:
        return True

    def fit(self, values: Values) -> State:
        return self.complete_state(fit_catalogue(values), values)

    def warm_start(self, state: State) -> State | None:
        return state

    def complete_state(self, state: State, values: Values) -> State:
        catalogue = Catalogue(state)
        return {**state, VECTORS: item_vectors(catalogue, encoded_items(values, catalogue).arrays["items"])}

    def encode(self, values: Values, state: State) -> Encoded:
        return encoded_items(values, Catalogue(state))

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import NoWeights

        return NoWeights()

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.model.heads import no_loss

        return no_loss(output)

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        arrays, table = inputs[self.history], np.asarray(state[VECTORS])
        items = arrays[ITEMS][:]
        vectors = summed_vectors(table, items)
        asked = np.array([int(items[i][-1]) if len(items[i]) else len(table) for i in range(len(items))], np.int64)
        return {**nearest_items(table, vectors, arrays), "asked": asked, VECTORS: vectors}

    def vectors(self, output: Arrays) -> np.ndarray:
        return np.asarray(output[VECTORS])

    def rivals(self, train: Dataset, state: State) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
        from noria.targets.ranking.linear import rivals

        yield from rivals(train.target["items"][:], self.history, Catalogue(state).size, True, False)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        catalogue = Catalogue(state)
        found = [answers(catalogue, output, index, self.answers) for index in range(len(output["items"]))]
        return [Prediction([one["item"] for one in items], None, {"items": items}) for items in found]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return told_items(truth, Catalogue(state))

    def metrics(self, state: State) -> Sequence[Metric]:
        return ranking_metrics()

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        catalogue = Catalogue(state)
        found = alike(catalogue, output["asked"], output["items"])
        return [beyond_accuracy(output, catalogue.popularity), *([] if found is None else [found])]
