"""How somebody would rate items: those that the history asks for by {"only": [...]}, else popular ones not seen yet.

Two models answer. Bayesian matrix factors, whose prior is moved by attributes (factors.py), are the expert; a network
reads the history, and foretells on an ordinal scale what was hidden of it. Held-out ratings choose the share of each,
and how likely each level is then. Read next: factors.py, head.py, ordinal.py, sources/formats/asked_ratings.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    Calibrates,
    CompletesState,
    DecodesTarget,
    HasRivals,
    PostProcesses,
    PredictStep,
    ShowsPanels,
    TrainingStep,
    WarmStarts,
)
from noria.contract.settings import named_input
from noria.errors import UserError
from noria.modalities.items.arrays import HAS_ONLY, LEVELS, ONLY, SEEN
from noria.modalities.items.catalogue import Catalogue, fit_catalogue, history_or_empty
from noria.targets.ratings.expert import expert_of, foretold_by_expert
from noria.targets.ratings.known import asked_items
from noria.targets.ratings.metrics import TRUE, by_known_before, rating_metrics
from noria.targets.ratings.ordinal import chances, first_odds, fitted_odds
from noria.types import PAD, Arrays, Batch, Dataset, Encoded, Output, Panel, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}
LEAST_HIDDEN, MOST_HIDDEN = 0.1, 0.6  # shares of a history that are foretold from the rest, in training
SHARES = np.linspace(0, 1, 21)
EVEN = 0.5  # the network's share while nothing says otherwise
LEAST_HELD_OUT = 50  # ratings below which it stays so


@dataclass(frozen=True)
class Ratings(
    Target, WarmStarts, CompletesState, TrainingStep, PredictStep, PostProcesses, Calibrates, DecodesTarget,
    ShowsPanels, HasRivals,
):  # fmt: skip
    """A history whose events have ratings. Arrays, Ragged: `items` int32, `levels` uint8, 0 where there is no rating,
    `_ratings` float32.

    What is kept: `asked` Ragged int32, the items, the catalogue's size for one that it does not have; `rating`,
    `network` and `expert` Ragged float32: the answer, and what it is mixed from; `events` int64[n] of the history.
    """

    kind: ClassVar[str] = "ratings"

    answers: int = field(default=10, metadata=NETWORK_ONLY)
    """Items that are rated where none is asked for: the most popular that the history does not have."""
    factors: int = 12
    """Numbers that the matrix factors have of each item and user. More for millions of ratings."""
    draws: int = 40
    """Draws of the factors that an answer is the mean of. Time and size of the model grow with them."""
    history: str = named_input("history")  # the input whose items are rated

    def __post_init__(self) -> None:
        if min(self.answers, self.factors, self.draws) < 1:
            raise ValueError("answers, factors and draws must be at least 1")

    def fit(self, values: Values) -> State:
        return self.complete_state(fit_catalogue(values), values)

    def warm_start(self, state: State) -> State | None:
        return state

    def complete_state(self, state: State, values: Values) -> State:
        """Return the catalogue with the factors of the ratings; raise UserError where there are no two levels."""
        catalogue = Catalogue(state)
        if not catalogue.levels:
            raise UserError(
                "events need ratings, of which at least two differ",
                found="no rating, or always the same",
                fix="name the column: data.events={rating: COLUMN}",
            )
        found = [history_or_empty(value)[0] for value in values]
        factors = expert_of(catalogue, found, self.factors, self.draws)
        spread = float(1 / np.sqrt(factors["noise"].mean()))
        return {**state, "factors": factors, "share": EVEN, "odds": first_odds(np.array(catalogue.levels), spread)}

    def encode(self, values: Values, state: State) -> Encoded:
        catalogue = Catalogue(state)
        found = [history_or_empty(value) for value in values]
        bad = {
            i: reason or "no event has a rating"
            for i, (one, reason) in enumerate(found)
            if reason or np.isnan(one.ratings).all()
        }
        rows = [one for one, _ in found]
        codes = catalogue.codes([item for one in rows for item in one.items])
        ratings = Ragged.of([one.ratings for one in rows], np.float32)
        levels = catalogue.level(ratings.values)
        arrays = {"items": Ragged(codes, ratings.offsets), "levels": Ragged(levels, ratings.offsets), TRUE: ratings}
        return Encoded(arrays, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.ratings.head import RatesItems

        return RatesItems(Catalogue(state), width)

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        from noria.targets.ratings.learning import drawn, without

        arrays, items = batch.inputs[self.history], batch.target["items"].long()
        hidden = drawn(arrays, items, Catalogue(state).size, (LEAST_HIDDEN, MOST_HIDDEN))
        output = model({**batch.inputs, self.history: without(arrays, hidden)})
        is_label = hidden.gather(1, items.clamp_min(0)) & (items != PAD)
        return self.loss(output, Batch(batch.inputs, {**batch.target, "is_label": is_label}, batch.size))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.targets.ratings.learning import rating_loss

        items, levels = batch.target["items"].long(), batch.target["levels"].long()
        is_label = batch.target.get("is_label", items != PAD) & (levels > 0)
        return rating_loss(output, items, levels, is_label)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        import torch

        from noria.targets.ratings.learning import expected, is_asked, without

        arrays, catalogue = batch.inputs[self.history], Catalogue(state)
        asked = _asked(arrays, catalogue.size, self.answers)
        hidden = without(arrays, is_asked(asked, catalogue.size))
        output = model({**batch.inputs, self.history: hidden})
        levels = torch.tensor(catalogue.levels, dtype=torch.float32, device=asked.device)
        return {"asked": asked, "network": expected(output, asked.clamp_min(0), levels)}

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        is_one = output["asked"] != PAD
        offsets = np.concatenate([[0], np.cumsum(is_one.sum(1))]).astype(np.int64)
        asked = Ragged(np.asarray(output["asked"][is_one], np.int32), offsets)
        network = np.asarray(output["network"][is_one], np.float32)
        expert = foretold_by_expert(state, inputs[self.history], asked)
        levels = Catalogue(state).levels
        rating = np.clip(state["share"] * network + (1 - state["share"]) * expert, levels[0], levels[-1])
        found = {"rating": rating.astype(np.float32), "network": network, "expert": expert}
        events = (inputs[self.history][LEVELS].lengths).astype(np.int64)
        return {"asked": asked, "events": events, **{name: Ragged(one, offsets) for name, one in found.items()}}

    def calibrate(self, output: Arrays, truth: Arrays, state: State) -> State:
        """Choose the network's share of the answer, and how likely each level is given it."""
        true = np.asarray(truth[TRUE][:].values, np.float64)
        is_known = ~np.isnan(true)
        network, expert = (np.asarray(output[name][:].values, np.float64)[is_known] for name in ("network", "expert"))
        share = float(state["share"])
        if is_known.sum() >= LEAST_HELD_OUT:
            share = float(
                min(SHARES, key=lambda one: ((one * network + (1 - one) * expert - true[is_known]) ** 2).sum())
            )
        mixed = share * network + (1 - share) * expert
        places = truth["levels"][:].values[is_known].astype(np.int64) - 1
        return {**state, "share": share, "odds": fitted_odds(mixed, places, state["odds"])}

    def rivals(self, train: Dataset, state: State) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
        from noria.targets.ratings.simple import rivals

        catalogue = Catalogue(state)
        yield from rivals(train, self.history, np.array(catalogue.levels), catalogue.size)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        catalogue = Catalogue(state)
        found = []
        for index in range(len(output["asked"])):
            ratings = np.asarray(output["rating"][index], np.float64)
            likely = chances(ratings, state["odds"])
            answers = [
                _answer(catalogue, *one)
                for one in zip(output["asked"][index].tolist(), ratings.tolist(), likely.tolist(), strict=True)
            ]
            found.append(Prediction([one["rating"] for one in answers], None, {"items": answers}))
        return found

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        rows = [truth[TRUE][i].tolist() for i in range(len(truth[TRUE]))]
        return [[None if one != one else round(one, 4) for one in row] or None for row in rows]

    def metrics(self, state: State) -> Sequence[Metric]:
        return rating_metrics()

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return [by_known_before(output, truth, Catalogue(state).popularity)]


def _asked(arrays: dict[str, Tensor], size: int, answers: int) -> Tensor:
    """Return int[B, A], PAD where a row has ended: what is asked for, or else the most popular that nobody has seen."""
    import torch

    only, has_only = arrays[ONLY].long(), arrays[HAS_ONLY].bool()
    rows = []
    for row, is_said, seen in zip(only, has_only.tolist(), arrays[SEEN].tolist(), strict=True):
        left_out = set(seen)
        popular = islice((code for code in range(size) if code not in left_out), answers)
        rows.append(row[row != PAD].tolist() if is_said else list(popular))
    longest = max(map(len, rows))
    filled = [row + [PAD] * (longest - len(row)) for row in rows]
    return torch.tensor(filled, dtype=torch.long, device=only.device).reshape(len(rows), longest)


def _answer(catalogue: Catalogue, code: int, rating: float, likely: list[float]) -> dict[str, Any]:
    """Return an item with its title, the rating that is foretold, and how likely each level is."""
    named = catalogue.named(code) if code < catalogue.size else {"item": None, "unknown": True}
    levels = [f"{level:g}" for level in catalogue.levels]
    each = {level: round(chance, 4) for level, chance in zip(levels, likely, strict=True)}
    return {**named, "rating": round(rating, 4), "chances": each}


def of_other_items(answer: Arrays, history: Arrays) -> dict[int, str]:
    """Return which answers rate other items than their history asks for, and why, by index."""
    asked, told = history[ONLY], answer["items"]
    return {
        index: 'the answer rates other items than the history asks for: {"only": [..]} names them, in the same order'
        for index in range(len(told))
        if not np.array_equal(asked[index], told[index])
    }


def always(learnt: Arrays, history: Arrays) -> Arrays:
    """Return the trivial answer for each item that is asked."""
    asked = asked_items(history)
    rating = np.full(len(asked.values), float(learnt["rating"][0]), np.float32)
    return {"rating": Ragged(rating, asked.offsets), "asked": asked}


def mean_rating(train: Arrays) -> Arrays:
    """Return the mean rating of training: the trivial answer to beat."""
    return {"rating": np.array([np.nanmean(train[TRUE][:].values)], np.float32)}
