"""Whether each event of a history went right: foretold from what was before it and from which exercise it is.

Knowledge tracing (Piech et al. 2015; the question and its answer are tokens of their own, as in SAKT, Pandey and
Karypis 2019). The input is read with `asks`, so that an answer is never seen before it is foretold: metrics are over
every event of a learner, and no answer leaks. Read next: metrics.py, logistic.py, modalities/items/embedder.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import DecodesTarget, HasRivals, PostProcesses, PredictStep, ShowsPanels, WarmStarts
from noria.contract.settings import named_input
from noria.errors import UserError
from noria.modalities.items.arrays import ITEMS
from noria.modalities.items.catalogue import Catalogue, fit_catalogue, history_or_empty
from noria.targets.correctness.metrics import UNKNOWN, by_events_before, correctness_metrics
from noria.types import PAD, Arrays, Batch, Dataset, Encoded, Output, Panel, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Correctness(Target, WarmStarts, PredictStep, PostProcesses, DecodesTarget, ShowsPanels, HasRivals):
    """A history, in which the rating of an event is 1 where it went right and 0 where it did not.

    Arrays: `correct` Ragged int8, UNKNOWN where there is no rating. Output of the head: `logits` float[B, T, 1];
    what is kept: `logits` and `asked`, Ragged float32 and int32, an event each; where the truth is not known also
    `profile` int32[n, K] and `profile_logits` float32[n, K], exercises and how they would go now.
    """

    kind: ClassVar[str] = "correctness"

    profile: int = field(default=20, metadata={"network_only": True})
    """Exercises in the profile of an answer: the learner's newest, then the most frequent of all. 0 for none."""
    history: str = named_input("history")  # the input whose events are foretold

    def __post_init__(self) -> None:
        if self.profile < 0:
            raise ValueError("profile must be 0 or more")

    def fit(self, values: Values) -> State:
        state = fit_catalogue(values)
        if state["levels"] != [0.0, 1.0]:
            raise UserError(
                "events must have gone right (rating 1) or wrong (rating 0), and training needs both",
                found=f"ratings {', '.join(f'{one:g}' for one in state['levels'][:8])}"
                if state["levels"]
                else "not two",
            )
        return state

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        found = [history_or_empty(value) for value in values]
        bad, rows = {}, []
        for index, (one, reason) in enumerate(found):
            ratings = np.where(np.isnan(one.ratings), UNKNOWN, one.ratings)
            strange = ratings[~np.isin(ratings, (0, 1, UNKNOWN)) | (one.ratings == UNKNOWN)]
            if len(strange):
                reason = reason or f"a rating of {strange[0]:g} is neither right (1) nor wrong (0)"
            if not len(strange) and not (ratings < UNKNOWN).any():
                reason = reason or "no event says whether it went right"
            if reason:
                bad[index] = reason
            rows.append(np.full(len(ratings), UNKNOWN, np.int8) if reason else ratings.astype(np.int8))
        return Encoded({"correct": Ragged.of(rows, np.int8)}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.correctness.head import JudgesQuestions

        return JudgesQuestions(width)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from torch.nn import functional

        correct = batch.target["correct"].long()
        is_known = (correct != PAD) & (correct != UNKNOWN)
        logits = output["logits"][:, : correct.shape[1], 0].float()
        nats = functional.binary_cross_entropy_with_logits(logits, (correct == 1).float(), reduction="none") * is_known
        count = is_known.sum(1)
        return {"loss": nats.sum() / count.sum().clamp_min(1), "each": nats.sum(1) / count.clamp_min(1)}

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        from noria.targets.correctness.profile import profiles

        output = {"logits": model(batch.inputs)["logits"][..., 0].float()}
        if not batch.target and self.profile:
            count = min(self.profile, Catalogue(state).size)
            output |= profiles(model, batch.inputs, self.history, count)
        return output

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        items = inputs[self.history][ITEMS][:]
        is_event = np.arange(output["logits"].shape[1]) < items.lengths[:, None]
        logits = Ragged(np.asarray(output["logits"], np.float32)[is_event], items.offsets - items.offsets[0])
        return {**output, "logits": logits, "asked": items}

    def rivals(self, train: Dataset, state: State) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
        from noria.targets.correctness.logistic import logistic_line

        yield "logistic line", logistic_line(train, self.history, Catalogue(state).size)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        catalogue = Catalogue(state)
        found = []
        for index in range(len(output["logits"])):
            chances = _chances(output["logits"][index])
            details: dict[str, Any] = {}
            if "profile" in output:
                rows = zip(output["profile"][index].tolist(), _chances(output["profile_logits"][index]), strict=True)
                known = [(chance, code) for code, chance in rows if 0 <= code < catalogue.size]
                details["profile"] = [catalogue.named(code) | {"right": chance} for chance, code in sorted(known)]
            found.append(Prediction(chances, None, details))
        return found

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        rows = [truth["correct"][i].tolist() for i in range(len(truth["correct"]))]
        return [[None if one == UNKNOWN else one for one in row] or None for row in rows]

    def metrics(self, state: State) -> Sequence[Metric]:
        return correctness_metrics()

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return [by_events_before(output, truth)]


def _chances(logits: np.ndarray) -> list[float]:
    return [round(float(one), 4) for one in 1 / (1 + np.exp(-np.asarray(logits, np.float64)))]


def of_other_length(answer: Arrays, history: Arrays) -> dict[int, str]:
    """Return which answers have other events than their history, and why, by index."""
    read, told = history[ITEMS].lengths, answer["correct"].lengths
    return {
        int(index): f"the answer has {told[index]} events, of which the history reads {read[index]}"
        for index in np.flatnonzero(read != told)
    }


def share_right(train: Arrays) -> Arrays:
    """Return the logit of how many events of training went right: the trivial answer to beat."""
    known = train["correct"][:].values
    known = known[known != UNKNOWN]
    share = (known.sum() + 0.5) / (len(known) + 1)
    return {"logit": np.array([np.log(share / (1 - share))], np.float32)}


def always(learnt: Arrays, items: Ragged) -> Arrays:
    """Return that answer for each event."""
    events = items[:]
    logits = np.full(len(events.values), float(learnt["logit"][0]), np.float32)
    return {"logits": Ragged(logits, events.offsets - events.offsets[0]), "asked": events}
