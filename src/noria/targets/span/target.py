"""A stretch of the context that answers a question, or the statement that it holds no answer.

Two classifications over the context's tokens, where the answer starts and where it ends; the first token of all stands
for "no answer" (Devlin et al. 2019, section 4.3). Read next: targets/span/context_windows.py, for long contexts;
targets/span/metrics.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    IDS,
    AnswersInInput,
    DecodesTarget,
    PostProcesses,
    PredictStep,
    ShowsPanels,
    TrainingStep,
)
from noria.contract.settings import named_input
from noria.errors import raise_unmet
from noria.modalities.text.arrays import ENDS, RAW, STARTS
from noria.targets.span.metrics import answer_metrics
from noria.text.entity_spans import listed, trimmed
from noria.text.scripts import Language, language_of
from noria.types import PAD, Arrays, Batch, Encoded, Output, Panel, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
NOWHERE = -1  # the place of no answer
NEVER = -1e4  # the logit of what cannot be: finite also in half precision
MOST_NATS = 80.0  # a difference whose exponential is still a number
SAMPLES_SHOWN = 8
LANGUAGES: Mapping[Language, Literal["en", "zh"]] = {"zh": "zh", "ja": "zh"}  # by characters; others by words


@dataclass(frozen=True)
class Span(Target, TrainingStep, PredictStep, PostProcesses, AnswersInInput, DecodesTarget, ShowsPanels):
    """A stretch of a text. An answer is a list of accepted ones, {"text": ..., "start": character}, the first of which
    with a place is learnt; an empty list is "no answer". Without `start` a text counts in scoring only.

    Arrays: `start`, `end` int32[n], characters of the context, -1 for no answer; `_answers` the accepted texts as JSON.
    Output: `logits` float[B, T, (start, end)]; settled: `_text`, `start`, `end`, and `chance` that the answer is it,
    `none` that there is none, float[n].
    """

    kind: ClassVar[str] = "span"

    language: Literal["en", "zh"] | None = field(default=None, metadata=NETWORK_ONLY)
    """How answers are compared: `zh` takes each character for a word. Null tells it from the training answers."""
    longest: int = field(default=48, metadata=NETWORK_ONLY)
    """Longest answer in tokens. Raise it where answers are whole sentences."""
    window: int = field(default=384, metadata=NETWORK_ONLY)
    """Tokens of the context that are read at once; longer ones are read in several windows."""
    overlap: float = field(default=0.33, metadata=NETWORK_ONLY)
    """Minimum fraction of a window shared with the next one, 0 to 1. Longer answers may be cut in two."""
    no_answer_threshold: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Nats by which the best answer must beat "no answer". Raise it where a wrong answer is worse than none."""
    # The input that answers stand in, and the last one; it keeps `starts`, `ends` and `_text`.
    context: str = named_input("context")

    def __post_init__(self) -> None:
        rules = {
            "longest": (self.longest >= 1, "at least 1", self.longest),
            "window": (self.window >= 2, "at least 2, a token and the end", self.window),
            "overlap": (0 <= self.overlap < 1, "at least 0 and less than 1", self.overlap),
        }
        raise_unmet("the answer", rules, "target.")

    def fit(self, values: Values) -> State:
        """Learn whether any question has no answer: a model that was never shown one always gives its best.

        And how answers are compared, by their script.
        """
        language = language_of(text for value in values for text in _texts(value))
        return {"can_refuse": any(listed(value) == [] for value in values), "language": LANGUAGES.get(language, "en")}

    def encode(self, values: Values, state: State) -> Encoded:
        places = np.full((len(values), 2), NOWHERE, np.int32)
        accepted, bad = [], {}
        for index, value in enumerate(values):
            texts: list[str] = []
            try:
                found = [_answer(one) for one in _listed(value)]
                placed = [(start, start + len(text)) for text, start in found if start is not None]
                if found and not placed:
                    raise ValueError(f"the answer {found[0][0]!r} has no place in the context")
                places[index], texts = placed[0] if placed else NOWHERE, [text for text, _ in found]
            except ValueError as error:
                bad[index] = str(error)
            accepted.append(json.dumps(texts))
        arrays = {"start": places[:, 0].copy(), "end": places[:, 1].copy(), "_answers": Ragged.of_texts(accepted)}
        return Encoded(arrays, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import EachTokenLinear

        return EachTokenLinear(width, 2)

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        """Return the loss of a batch whose long contexts are read in windows; one without the answer has none."""
        windows, record = self._windows(batch)
        parts = self.loss(model(windows.inputs), windows)
        if record is None:
            return parts
        each = parts["each"]
        total, count = each.new_zeros(batch.size), each.new_zeros(batch.size)
        each = total.index_add(0, record, each) / count.index_add(0, record, each.new_ones(len(record)))
        return {"loss": each.mean(), "each": each}

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from torch.nn import functional

        context = batch.inputs[self.context]
        start, end = _logits(output, context)
        first, last = _labels(batch.target, context)
        nats = [functional.cross_entropy(one, label, reduction="none") for one, label in ((start, first), (end, last))]
        each = (nats[0] + nats[1]) / 2
        return {"loss": each.mean(), "each": each}

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Find the best stretch of each record: `start`, `end` int[B], characters; `odds`, `share` float[B].

        odds: logarithm of how much likelier it is than no answer. share: that of its part among all stretches. Of
        several windows that one answers whose odds are best.
        """
        windows, record = self._windows(batch)
        context = windows.inputs[self.context]
        found = _best(*_logits(model(windows.inputs), context), context, self.longest)
        if record is None:
            return found
        chosen = _best_of_each(found["odds"], record, batch.size)
        return {name: values[chosen] for name, values in found.items()}

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn characters into texts, and refuse an answer where none is likelier."""
        texts = inputs[self.context][RAW].texts()
        odds, share = (np.clip(output[name], -MOST_NATS, MOST_NATS).astype(np.float64) for name in ("odds", "share"))
        none = np.exp(-odds) if state["can_refuse"] else np.zeros(len(odds))
        total = np.exp(-share) + none
        is_refused = (output["start"] < 0) | (state["can_refuse"] & (odds <= self.no_answer_threshold))
        places = [
            (NOWHERE, NOWHERE) if refused else trimmed(text, int(start), int(end))
            for text, start, end, refused in zip(texts, output["start"], output["end"], is_refused, strict=True)
        ]
        return {**answers_at(texts, places), "chance": 1 / total, "none": none / total}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        predictions = []
        for text, start, end, chance, none in zip(
            output["_text"].texts(), *(output[name] for name in ("start", "end", "chance", "none")), strict=True
        ):
            is_none = start < 0
            details: dict[str, Any] = (
                {"start": None, "end": None} if is_none else {"start": int(start), "end": int(end)}
            )
            if state["can_refuse"]:
                details["no_answer"] = round(float(none), 6)
            predictions.append(Prediction(text, round(float(none if is_none else chance), 6), details))
        return predictions

    def unread(self, truth: Arrays, inputs: Mapping[str, Arrays]) -> np.ndarray:
        ends = inputs[self.context][ENDS]
        read = np.array([ends[i].max(initial=0) for i in range(len(ends))], np.int64)
        return np.stack([truth["end"] > read, truth["start"] >= 0], 1).astype(np.int64)

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return [list(dict.fromkeys(json.loads(accepted))) for accepted in truth["_answers"].texts()]

    def metrics(self, state: State) -> Sequence[Metric]:
        return answer_metrics(self.language or state.get("language", "en"))

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        count = len(output["start"])
        chosen = np.linspace(0, count - 1, min(count, SAMPLES_SHOWN)).astype(int)
        true = self.decode_target({"_answers": truth["_answers"][chosen]}, state)
        rows = [[" / ".join(one), given] for one, given in zip(true, output["_text"][chosen].texts(), strict=True)]
        return [Panel("table", "Answers", {"columns": ["accepted", "answer"], "rows": rows}, "Evenly drawn.")]

    def _windows(self, batch: Batch) -> tuple[Batch, Tensor | None]:
        """Return a batch with a record for each window and which record it is of; None where all contexts fit."""
        from noria.targets.span.context_windows import sliding

        context = batch.inputs[self.context]
        if context[IDS].shape[1] <= self.window:
            return batch, None
        stride = max(1, self.window - math.ceil(self.overlap * self.window))
        context, record = sliding(context, self.window, stride)
        inputs = {name: {key: one[record] for key, one in arrays.items()} for name, arrays in batch.inputs.items()}
        target = {name: values[record] for name, values in batch.target.items()}
        return Batch({**inputs, self.context: context}, target, len(record)), record


def unanswerable(train: Arrays) -> Arrays:
    """Return what the trivial answer knows: the share of training questions without an answer, `none` [1]."""
    return {"none": np.array([np.mean(np.asarray(train["start"]) < 0)], np.float32)}


def is_mostly_unanswerable(learnt: Arrays) -> bool:
    """Say whether more than half of the training questions had no answer."""
    return float(learnt["none"][0]) > 0.5


def trivial_answers(context: Arrays, places: Sequence[tuple[int, int]], learnt: Arrays) -> Arrays:
    """Return the settled outputs of answers at these places of the encoded contexts."""
    count, none = len(places), float(learnt["none"][0])
    answers = answers_at(context[RAW][:].texts(), places)
    return {**answers, "chance": np.zeros(count), "none": np.full(count, none)}


def answers_at(texts: Sequence[str], places: Sequence[tuple[int, int]]) -> Arrays:
    """Return `_text`, `start` and `end` of the stretches of texts, NOWHERE for no answer."""
    found = Ragged.of_texts([text[max(0, a) : max(0, b)] for text, (a, b) in zip(texts, places, strict=True)])
    ends = np.array(places, np.int64).reshape(-1, 2)
    return {"_text": found, "start": ends[:, 0], "end": ends[:, 1]}


def _listed(value: Any) -> Sequence[Any]:
    value = listed(value)
    if value is None or isinstance(value, float):
        raise ValueError("the answer is missing")
    if isinstance(value, str | bytes):
        raise ValueError("the answer has no place: it was read from no table of the columns question, context and span")
    if not isinstance(value, list):
        raise ValueError(f"not a list of answers but {type(value).__name__}")
    return value


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of an answer's accepted ones."""
    try:
        yield from (_answer(one)[0] for one in _listed(value))
    except ValueError:  # it is rejected when it is encoded
        return


def _answer(value: Any) -> tuple[str, int | None]:
    """Return the text of an answer, without space around it, and where it starts; ValueError where there is none."""
    text, start = (value.get("text"), value.get("start")) if isinstance(value, Mapping) else (None, None)
    is_place = start is None or (isinstance(start, int) and not isinstance(start, bool) and start >= 0)
    if not isinstance(text, str) or not text.strip() or not is_place:
        raise ValueError(f"not an answer: expected a text and its start, found {value!r}"[:200])
    return text.strip(), None if start is None else start + len(text) - len(text.lstrip())


def _logits(output: Output, context: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return float[B, 1 + T] of the start and of the end: no answer, then the tokens of the context."""
    import torch

    places = context[STARTS]
    logits = output["logits"].float()
    inside = logits[:, logits.shape[1] - places.shape[1] :].masked_fill((places == PAD)[:, :, None], NEVER)
    both = torch.cat([logits[:, :1], inside], 1)
    return both[:, :, 0], both[:, :, 1]


def _labels(truth: dict[str, Tensor], context: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return int[B] each: the first and the last token of the answer, counted from 1; 0 where not all of it is here."""
    import torch

    starts, ends = context[STARTS], context[ENDS]
    start, end = truth["start"][:, None], truth["end"][:, None]
    is_inside = (starts < end) & (ends > start) & (starts != PAD)
    count = is_inside.sum(1)
    first = is_inside.int().argmax(1)
    last = (first + count - 1).clamp_min(0)
    is_whole = (starts.gather(1, first[:, None]) <= start) & (ends.gather(1, last[:, None]) >= end) & (start >= 0)
    is_here = is_whole[:, 0] & (count > 0)
    zero = torch.zeros_like(first)
    return torch.where(is_here, first + 1, zero), torch.where(is_here, last + 1, zero)


def _best(start: Tensor, end: Tensor, context: dict[str, Tensor], longest: int) -> Output:
    """Return the best stretch of at most `longest` tokens of each row, as `ask` does."""
    from torch.nn import functional

    none, start, end = start[:, 0] + end[:, 0], start[:, 1:], end[:, 1:]
    longest = min(longest, start.shape[1])
    ends = functional.pad(end, (0, longest - 1), value=NEVER).unfold(1, longest, 1)
    scores = (start[:, :, None] + ends).flatten(1)  # [B, T * longest]
    best, place = scores.max(1)
    first, last = place // longest, place // longest + place % longest
    return {
        "start": context[STARTS].gather(1, first[:, None])[:, 0],
        "end": context[ENDS].gather(1, last[:, None])[:, 0],
        "odds": best - none,
        "share": best - scores.logsumexp(1),
    }


def _best_of_each(scores: Tensor, record: Tensor, count: int) -> Tensor:
    """Return int[count]: the row of the highest score of each record, the first of equal ones."""
    import torch

    best = scores.new_full((count,), -torch.inf).scatter_reduce(0, record, scores, "amax")
    rows = torch.arange(len(scores), device=scores.device)
    rows = torch.where(scores == best[record], rows, len(scores))
    return rows.new_full((count,), len(scores)).scatter_reduce(0, record, rows, "amin")
