"""Who somebody is by a history: a vector, segments that people can read, and how near to the mainstream it is.

Nothing is trained by steps: the vector is the sum of what the items say. Judged by whether what people did later stands
first by it, and by what it gives away of who they are. Read next: embedding.py, segments.py, privacy.py.
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
from noria.modalities.items.arrays import ITEMS, USER
from noria.modalities.items.catalogue import Catalogue, fit_catalogue
from noria.modalities.items.vectors import summed_vectors
from noria.targets.neighbours.nearest_items import nearest_items
from noria.targets.profile.embedding import fitted_embedding
from noria.targets.profile.privacy import given_away
from noria.targets.profile.segments import counted, mainstream, segments, usual_shares
from noria.targets.ranking.metrics import ranking_metrics
from noria.targets.ranking.true_items import encoded_items, told_items
from noria.types import Arrays, Batch, Dataset, Encoded, Output, Panel, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

VECTORS = "vectors"
DECIMALS = 5


@dataclass(frozen=True)
class Profile(
    Target, WarmStarts, CompletesState, PostProcesses, DecodesTarget, ShowsPanels, HasRivals, Embeds, LearnsNothing
):  # fmt: skip
    """Items, a list: what somebody did later. Arrays: `items` Ragged int32. What is kept: `vectors` float32[n, D];
    `attributes` float32[n, attributes], how many events of each; `events` int64[n], of items that are known;
    `mainstream` float32[n]; `users` Ragged int32; `items` int64[n, kept], the nearest that are not seen, and `scores`.
    """

    kind: ClassVar[str] = "profile"

    embedding: bool = field(default=True, metadata={"network_only": True})
    """Whether an answer has the vector, too. Off where people alone read it."""
    history: str = named_input("history")  # the input that is looked at

    def learns_nothing(self) -> bool:
        return True

    def fit(self, values: Values) -> State:
        return self.complete_state(fit_catalogue(values), values)

    def warm_start(self, state: State) -> State | None:
        return state

    def complete_state(self, state: State, values: Values) -> State:
        catalogue = Catalogue(state)
        says, against = fitted_embedding(encoded_items(values, catalogue).arrays[ITEMS], catalogue.size)
        return {**state, "says": says, "against": against, "usual": usual_shares(catalogue)}

    def encode(self, values: Values, state: State) -> Encoded:
        return encoded_items(values, Catalogue(state))

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import NoWeights

        return NoWeights()

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.model.heads import no_loss

        return no_loss(output)

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        arrays, catalogue = inputs[self.history], Catalogue(state)
        items, users = arrays[ITEMS][:], arrays[USER][:]
        items = Ragged(items.values, items.offsets - items.offsets[0])
        vectors = summed_vectors(np.asarray(state["says"]), items)
        rows = np.repeat(np.arange(len(items)), items.lengths)
        return {
            VECTORS: vectors,
            "attributes": counted(catalogue, items),
            "events": np.bincount(rows[items.values < catalogue.size], minlength=len(items)),
            "mainstream": mainstream(catalogue, items),
            "users": Ragged(users.values, users.offsets - users.offsets[0]),
            **nearest_items(np.asarray(state["against"]), vectors, arrays),
        }

    def vectors(self, output: Arrays) -> np.ndarray:
        return np.asarray(output[VECTORS])

    def rivals(self, train: Dataset, state: State) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
        from noria.targets.ranking.linear import rivals

        yield from rivals(train.target[ITEMS][:], self.history, Catalogue(state).size, True, False)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        if "events" not in output:  # of what is only popular: nobody stands out
            return [Prediction([]) for _ in output[ITEMS]]
        found = []
        for index in range(len(output["events"])):
            events = int(output["events"][index])
            own = segments(state, np.asarray(output["attributes"][index], np.float64), events)
            near = round(float(output["mainstream"][index]), 4)
            details: dict[str, Any] = {"segments": own, "mainstream": near if events else None, "events": events}
            if self.embedding:
                details["embedding"] = [round(float(one), DECIMALS) for one in output[VECTORS][index]]
            found.append(Prediction([one["segment"] for one in own], None, details))
        return found

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return told_items(truth, Catalogue(state))

    def metrics(self, state: State) -> Sequence[Metric]:
        return ranking_metrics()

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        found = [_mainstream_panel(output), given_away(Catalogue(state), output[VECTORS], output["users"])]
        return [one for one in found if one is not None]


def _mainstream_panel(output: Arrays) -> Panel | None:
    """Return how far from the mainstream people are: how many in each tenth."""
    near = np.asarray(output["mainstream"])[np.asarray(output["events"]) > 0]
    counts = np.histogram(near, np.linspace(0, 1, 11))[0]
    names = [f"{place / 10:.1f} to {(place + 1) / 10:.1f}" for place in range(10)]
    data = {"names": names, "values": counts.tolist(), "unit": "people"}
    note = "0.5: their items are as popular as those of everybody together; below, they turn to rarer ones."
    return Panel("bars", "How near to the mainstream", data, note) if len(near) else None
