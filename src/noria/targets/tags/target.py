"""Labelled stretches of a text, such as names: each token is said to begin a stretch, to go on with one, or neither.

Read next: text/entity_spans.py; targets/tags/metrics.py.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    AnswersInInput,
    DecodesTarget,
    HasRivals,
    PostProcesses,
    PredictStep,
    ShowsPanels,
)
from noria.contract.settings import named_input
from noria.errors import UserError, did_you_mean, shown_values
from noria.modalities.text.arrays import ENDS, RAW, STARTS
from noria.targets.tags.metrics import span_counts, span_metrics
from noria.text.entity_spans import decode_bio, required_list, trimmed
from noria.types import PAD, Arrays, Batch, Dataset, Encoded, Output, Panel, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

UNSCORED = -100  # the label of special tokens and padding
READ_AT_ONCE = 256  # records whose true tags are worked out


@dataclass(frozen=True)
class Tags(Target, PredictStep, PostProcesses, AnswersInInput, DecodesTarget, ShowsPanels, HasRivals):
    """Labelled stretches. An answer is a list of {"start": character, "end": ..., "label": ...}; it may be empty.

    Arrays: `spans` Ragged int32[n, 3]: start, end, label. Output: `logits` float[B, T, 1 + 2 labels]: outside, then
    begin and inside of each; settled: `spans`, `chances` Ragged float, `_text` the whole text, and, where the truth is
    known, `right` and `tokens` float[n]. A token that any character of a stretch is in belongs to it. What stands
    beyond the input's `max_tokens` is never found, and counts as missed.
    """

    kind: ClassVar[str] = "tags"
    has_closed_vocabulary: ClassVar[bool] = True

    text: str = named_input("text")  # the input that is labelled; it keeps `starts`, `ends` and `_text`

    def fit(self, values: Values) -> State:
        labels = {span[2] for value in values for span in _readable(value)}
        if not labels:
            raise UserError("no training record has a label", found=shown_values(values))
        return {"labels": sorted(labels)}

    def encode(self, values: Values, state: State) -> Encoded:
        labels = {name: code for code, name in enumerate(state["labels"])}
        rows, bad = [], {}
        for index, value in enumerate(values):
            row: list[tuple[int, int, int]] = []
            try:
                spans = list(_spans(value))
                if unknown := [label for _, _, label in spans if label not in labels]:
                    near = did_you_mean(unknown[0], labels)
                    raise ValueError(f"the label {unknown[0]!r} does not stand in the training records: {near}")
                row = [(start, end, labels[label]) for start, end, label in spans]
            except ValueError as error:
                bad[index] = str(error)
            rows.append(row)
        return Encoded({"spans": Ragged.of(rows, np.int32, (3,))}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import EachTokenLinear

        return EachTokenLinear(width, 1 + 2 * len(state["labels"]))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from torch.nn import functional

        tags = _tags(batch.target, batch.inputs[self.text])
        nats = functional.cross_entropy(
            output["logits"].float().transpose(1, 2), tags, ignore_index=UNSCORED, reduction="none"
        )
        count = (tags != UNSCORED).sum(1)
        return {"loss": nats.sum() / count.sum().clamp_min(1), "each": nats.sum(1) / count.clamp_min(1)}

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Return each token's likeliest tag, int[B, T], and its chance; beside the truth also what of them is right."""
        sure, tags = model(batch.inputs)["logits"].float().softmax(-1).max(-1)
        if not batch.target:
            return {"tags": tags, "sure": sure}
        true = _tags(batch.target, batch.inputs[self.text])
        is_scored = true != UNSCORED
        right = ((tags == true) & is_scored).sum(1).float()
        return {"tags": tags, "sure": sure, "right": right, "tokens": is_scored.sum(1).float()}

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn the tags of tokens into stretches of characters; the chance of one is that of all its tags."""
        given = inputs[self.text]
        texts = given[RAW].texts()
        names = ["O", *(f"{prefix}-{code}" for code in range(len(state["labels"])) for prefix in "BI")]
        spans, chances = [], []
        for i, text in enumerate(texts):
            starts, ends = given[STARTS][i], given[ENDS][i]
            own = np.flatnonzero(starts != PAD)
            tags, sure = output["tags"][i][own], output["sure"][i][own].astype(np.float64)
            found = list(decode_bio([names[tag] for tag in tags])) if tags.any() else []
            row = []
            for first, end, label in found:
                start, stop = trimmed(text, int(starts[own[first]]), int(ends[own[end - 1]]))
                row.append((start, stop, int(label)))
            spans.append(row)
            chances.append([sure[first:end].prod() for first, end, _ in found])
        settled = {
            "spans": Ragged.of(spans, np.int32, (3,)),
            "chances": Ragged.of(chances, np.float32),
            "_text": given[RAW],
        }
        return settled | {name: output[name] for name in ("right", "tokens") if name in output}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        predictions = []
        for i, text in enumerate(output["_text"].texts()):
            found = [
                {**one, "text": text[one["start"] : one["end"]], "confidence": round(float(chance), 6)}
                for one, chance in zip(self._named(output["spans"][i], state), output["chances"][i], strict=True)
            ]
            predictions.append(Prediction(found, min((one["confidence"] for one in found), default=None)))
        return predictions

    def unread(self, truth: Arrays, inputs: Mapping[str, Arrays]) -> np.ndarray:
        spans, ends = truth["spans"], inputs[self.text][ENDS]
        beyond = [int((spans[i][:, 1] > ends[i].max(initial=0)).sum()) for i in range(len(spans))]
        return np.stack([np.array(beyond, np.int64), spans.lengths], 1)

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return [self._named(truth["spans"][i], state) for i in range(len(truth["spans"]))]

    def metrics(self, state: State) -> Sequence[Metric]:
        return span_metrics(len(state["labels"]))

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        rows = []
        for name, *counts in zip(
            state["labels"], *(one.sum(0) for one in span_counts(output, truth, len(state["labels"]))), strict=True
        ):
            hits, given, true = map(int, counts)
            shares = (hits / given if given else None, hits / true if true else None)
            f1 = 2 * hits / (given + true) if given + true else None
            rows.append([name, true, *(None if one is None else round(one, 4) for one in (*shares, f1))])
        columns = ["label", "stretches", "precision", "recall", "f1"]
        order = sorted(rows, key=lambda row: row[4] if row[4] is not None else -1)
        return [Panel("table", "Each label, worst first", {"columns": columns, "rows": order})]

    def rivals(self, train: Dataset, state: State) -> Iterator[tuple[str, Callable[[Dataset], Arrays]]]:
        from noria.targets.tags.linear import linear_tagger

        tagger = linear_tagger(train, self.text, list(self._true_tags(train)), 1 + 2 * len(state["labels"]))

        def answered(dataset: Dataset) -> Arrays:
            output = tagger(dataset)
            starts = dataset.inputs[self.text][STARTS]
            own = (output["tags"][i][starts[i] != PAD] for i in range(len(dataset)))
            pairs = list(zip(own, self._true_tags(dataset), strict=True))
            output["right"] = np.array([(given == true).sum() for given, true in pairs], np.float32)
            output["tokens"] = np.array([len(true) for _, true in pairs], np.float32)
            return self.postprocess(output, dataset.raw_inputs(slice(None)), state)

        yield "logistic regression of each token", answered

    def _true_tags(self, dataset: Dataset) -> Iterator[np.ndarray]:
        """Yield the tags of each record's tokens, int[tokens], without the special ones."""
        for start in range(0, len(dataset), READ_AT_ONCE):
            batch = dataset.batch(slice(start, start + READ_AT_ONCE))
            for row in _tags(batch.target, batch.inputs[self.text]).numpy():
                yield row[row != UNSCORED]

    def _named(self, spans: np.ndarray, state: State) -> list[dict[str, Any]]:
        return [{"start": start, "end": end, "label": state["labels"][code]} for start, end, code in spans.tolist()]


def nothing_found(truth: Arrays, text: Arrays) -> Arrays:
    """Return the outputs of an answer that labels nothing, as `settle` gives them; `text` is the encoded input."""
    count = len(truth["spans"])
    starts, ends = text[STARTS][:], text[ENDS][:]
    tokens, inside = np.zeros(count), np.zeros(count)
    for i in range(count):
        own = starts[i] != PAD
        a, b = starts[i][own, None], ends[i][own, None]
        spans = truth["spans"][i]
        tokens[i], inside[i] = own.sum(), ((a < spans[:, 1]) & (b > spans[:, 0])).any(1).sum()
    return {
        "spans": Ragged.of([[]] * count, np.int32, (3,)),
        "chances": Ragged.of([[]] * count, np.float32),
        "_text": text[RAW][:],
        "right": tokens - inside,
        "tokens": tokens,
    }


def _spans(value: Any) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and label of an answer's stretches; raise ValueError where it is none."""
    for one in required_list(value, "tags", "start, end and label"):
        start, end, label = map(one.get, ("start", "end", "label")) if isinstance(one, Mapping) else (None, None, None)
        if type(start) is not int or type(end) is not int or not 0 <= start < end or not isinstance(label, str):
            raise ValueError(f"a stretch needs start, end and label, found {one!r}"[:200])
        yield start, end, unicodedata.normalize("NFC", label)


def _readable(value: Any) -> list[tuple[int, int, str]]:
    try:
        return list(_spans(value))
    except ValueError:
        return []


def _tags(truth: dict[str, Tensor], text: dict[str, Tensor]) -> Tensor:
    """Return int[B, T]: 0 outside, 1 + 2 label for the first token of a stretch, 2 + 2 label for the others."""
    starts, ends, spans = text[STARTS], text[ENDS], truth["spans"].long()
    tags = starts.new_zeros(starts.shape).long()
    is_free = starts != PAD
    for place in range(spans.shape[1]):  # where two stretches meet in one token it is the first one's
        start, end, label = spans[:, place].T[:, :, None]
        is_inside = (starts < end) & (ends > start) & is_free & (start >= 0)
        is_first = is_inside & (is_inside.cumsum(1) == 1)
        tags = tags.where(~is_inside, 2 + 2 * label - is_first.long())
        is_free = is_free & ~is_inside
    return tags.masked_fill(starts == PAD, UNSCORED)
