"""A text of which some tokens are hidden: cross-entropy on the hidden ones, perplexity, and the filled text.

In training other tokens are hidden at every step; where a text is scored, those that a hash of the text picks, so that
they are the same everywhere. Devlin et al. 2018, "BERT". Read next: tasks/masked_language_modelling.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import DecodesTarget, PostProcesses, PredictStep, ShowsPanels, TrainingStep, WarmStarts
from noria.contract.settings import named_input
from noria.errors import UserError
from noria.metrics.likelihood import likelihood
from noria.targets.text import unigram
from noria.text.learning import learn_text, usable_texts
from noria.text.tokenizer import Tokenizer
from noria.types import PAD, Arrays, Batch, Dataset, Encoded, Output, Panel, Prediction, Ragged, State, Values, Windows

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
CANDIDATES = 5
REPLACED, LEFT = 0.8, 0.1  # shares of the hidden tokens: by the mask, not at all; the rest by a token at random (BERT)
SAMPLES_SHOWN, CONTEXT_SHOWN = 8, 12  # records, and tokens to each side of a hidden one
BLOCK = 1024  # records that are scored at once under the trivial answer
LARGEST = 2**62 - 1
NOTHING = Prediction(None, None, {"error": "there is no mask to fill in"})


@dataclass(frozen=True)
class MaskedText(Target, WarmStarts, TrainingStep, PredictStep, PostProcesses, DecodesTarget, ShowsPanels):
    """A text. Arrays: `ids` Ragged int, begin ... end; `_bytes` Ragged uint8, bytes of each token, special: 0."""

    kind: ClassVar[str] = "masked_text"
    state_kind: ClassVar[str] = "text"

    is_stream: bool = False
    """Records continue one another, as pieces of one file do: no boundary token between them."""
    window: int = field(default=128, metadata=NETWORK_ONLY)
    """Tokens that are read at once; texts stand one after another. Raise it where far context matters."""
    hidden: float = field(default=0.15, metadata=NETWORK_ONLY)  # BERT's
    """Fraction of the tokens that is hidden and learnt from, 0 to 1. More learns faster from less context."""
    masked: str = named_input("masked")  # the input whose masks are filled in

    def __post_init__(self) -> None:
        if self.window < 1 or not 0 < self.hidden < 1:
            raise ValueError("window must be at least 1, hidden more than 0 and less than 1")

    def fit(self, values: Values) -> State:
        return learn_text(values, "bpe", 8192, lowercase=False)

    def warm_start(self, state: State) -> State | None:
        if Tokenizer.from_json(state["tokenizer"]).mask is None:
            raise UserError("this tokenizer has no mask token", expected="one that was made for filling in masks")
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        texts, bad = usable_texts(values)
        ids = tokenizer.encode(texts)
        sizes = tokenizer.num_bytes(ids)
        if not self.is_stream:
            ids, sizes = ids.with_ends(tokenizer.begin, tokenizer.end), sizes.with_ends(0, 0)
        return Encoded({"ids": ids, "_bytes": sizes}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import NextToken

        return NextToken(width, state["vocabulary"], state.get("head_epsilon"))

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        """Return the loss on tokens hidden at random, by torch's global seed."""
        import torch

        ids, tokenizer = batch.target["ids"].long(), Tokenizer.from_json(state["tokenizer"])
        chance = torch.rand(ids.shape, device=ids.device)
        places = lowest(chance, _is_word(ids, _specials(tokenizer)), self.hidden)
        way = torch.rand(places.shape, device=ids.device)
        shown = torch.where(way < REPLACED, _mask_of(tokenizer), torch.randint_like(places, tokenizer.size))
        shown = torch.where(way > 1 - LEFT, at(ids, places), shown)
        logits = _logits(model, self.masked, _with(ids, places, shown), places)
        return self.loss({"logits": logits}, Batch(batch.inputs, {"ids": at(ids, places)}, batch.size))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the loss where `ids` int[B, K] of the batch stand for the K tokens that logits are given for."""
        nats, is_hidden = _nats(output["logits"], batch.target["ids"])
        return {
            "loss": nats.sum() / is_hidden.sum().clamp_min(1),
            "each": nats.sum(1) / is_hidden.sum(1).clamp_min(1),
        }

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Score the true text where it is known; fill in the masks of the input where it is not.

        Scored: `nats`, `tokens`, `right`, `right_5`, float[B], sums over the hidden tokens, all of them shown as masks;
        `places`, `best`, int[B, K], where they stand and the likeliest tokens. Filled: `places` int[B, K], `candidates`
        and `chances` [B, K, 5]. PAD in `places` where a record has fewer.
        """
        import torch

        tokenizer = Tokenizer.from_json(state["tokenizer"])
        if not batch.target:
            return _candidates(model, self.masked, batch.inputs[self.masked]["ids"].long(), tokenizer)
        ids = batch.target["ids"].long()
        places = self.fixed_places(ids, _specials(tokenizer))
        masks = torch.full_like(places, _mask_of(tokenizer))
        logits, truth = _logits(model, self.masked, _with(ids, places, masks), places), at(ids, places)
        nats, is_hidden = _nats(logits, truth)
        best = logits.topk(min(CANDIDATES, logits.shape[-1])).indices
        is_right = (best == truth[..., None]) & is_hidden[..., None]
        return {
            "nats": nats.sum(1),
            "tokens": is_hidden.sum(1).float(),
            "right": is_right[..., 0].sum(1).float(),
            "right_5": is_right.any(-1).sum(1).float(),
            "places": places,
            "best": best[..., 0],
        }

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Make rows of what stands at hidden places; beside candidates keep the `ids` of the input, Ragged."""
        places = output["places"]
        is_hidden = places != PAD
        offsets = np.concatenate([[0], np.cumsum(is_hidden.sum(1))])
        rows: Arrays = {
            name: Ragged(output[name][is_hidden], offsets)
            for name in ("places", "best", "candidates", "chances")
            if name in output
        }
        ids = {"ids": inputs[self.masked]["ids"]} if "candidates" in output else {}
        return {**output, **rows, **ids}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        if "candidates" not in output:  # only scored
            return [NOTHING] * len(output["nats"])
        tokenizer, given = Tokenizer.from_json(state["tokenizer"]), output["places"]
        return [
            _prediction(tokenizer, *(np.array(output[name][i]) for name in ("ids", "places", "candidates", "chances")))
            for i in range(len(given))
        ]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        return [tokenizer.decode(truth["ids"][i]) for i in range(len(truth["ids"]))]

    def metrics(self, state: State) -> Sequence[Metric]:
        """Return the scores of the hidden tokens."""
        known = likelihood(nats="nats", tokens="tokens", right="right")
        return (*known, Metric("token_accuracy_top5", "fraction", "higher", _top_accuracy))

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        if "best" not in output:
            return []
        tokenizer, rows = Tokenizer.from_json(state["tokenizer"]), []
        count = len(output["best"])
        for i in np.linspace(0, count - 1, min(count, SAMPLES_SHOWN)).astype(int):
            places, best, ids = output["places"][int(i)], output["best"][int(i)], truth["ids"][int(i)]
            if len(places):
                place = int(places[len(places) // 2])
                before, after = ids[max(0, place - CONTEXT_SHOWN) : place], ids[place + 1 : place + 1 + CONTEXT_SHOWN]
                around = f"{tokenizer.decode(before)} ▁▁▁ {tokenizer.decode(after)}"
                answer = tokenizer.decode(best[[len(places) // 2]])
                rows.append([around, tokenizer.decode(ids[[place]]), answer])
        columns = ["around it", "truth", "answer"]
        return [Panel("table", "Hidden tokens", {"columns": columns, "rows": rows}, "Evenly drawn.")]

    def windows(self, dataset: Dataset) -> Dataset:
        """Return texts, one after another, as windows; what is hidden of them is chosen anew at every step."""
        if "ids" not in dataset.target:
            return dataset
        length = len(dataset.target["ids"].values)
        step = min(self.window, length - 1)
        count = max(0, (length - 1) // max(1, step))
        answer = {name: Windows(one.values, step, 0, step, count) for name, one in dataset.target.items()}
        inputs = {self.masked: {"ids": answer["ids"]}}
        groups = dataset.groups_at(dataset.target["ids"].offsets, np.arange(count) * step)
        return replace(dataset, inputs=inputs, target=answer, slices={}, where_path=None, places=None, groups=groups)

    def fixed_places(self, ids: Tensor, specials: Sequence[int]) -> Tensor:
        """Return int[B, K], the places that are hidden where a text is scored: a function of its tokens alone."""
        return lowest(_hash(ids), _is_word(ids, specials), self.hidden)

    def baseline_scores(self, truth: Arrays, learnt: Arrays) -> Arrays:
        """Return the scores, as `ask` gives them, of what `common_tokens` learnt."""
        import torch

        chances, specials = learnt["chances"][0].astype(np.float64), learnt["specials"][0].astype(int).tolist()
        common = np.argsort(-chances[:-1], kind="stable")[:CANDIDATES]
        parts: dict[str, list[np.ndarray]] = {name: [] for name in ("nats", "tokens", "right", "right_5")}
        for start in range(0, len(truth["ids"]), BLOCK):
            block = truth["ids"][start : start + BLOCK]
            ids = torch.from_numpy(np.asarray(block.padded() if isinstance(block, Ragged) else block, np.int64))
            hidden = at(ids, self.fixed_places(ids, specials)).numpy()
            is_hidden = hidden != PAD
            known = chances[np.clip(hidden, 0, len(chances) - 1)]
            parts["nats"].append(-(known * is_hidden).sum(1))
            parts["tokens"].append(is_hidden.sum(1).astype(float))
            parts["right"].append((hidden == common[0]).sum(1).astype(float))
            parts["right_5"].append(np.isin(hidden, common).sum(1).astype(float))
        return {name: np.concatenate(one) for name, one in parts.items()}


def common_tokens(train: Arrays) -> Arrays:
    """Return what the trivial answer knows: `chances` of tokens, as `unigram` does, and the special ones, [1, n]."""
    ids, sizes = ((one.values if isinstance(one, Ragged) else one.stream) for one in (train["ids"], train["_bytes"]))
    return {**unigram(train), "specials": np.unique(np.asarray(ids)[np.asarray(sizes) == 0]).astype(np.int64)[None]}


def lowest(values: Tensor, may_be: Tensor, share: float) -> Tensor:
    """Return int[B, K]: the places with the lowest values of each row, a share of those that may be; at least one.

    PAD fills up rows that have fewer.
    """
    import torch

    count = may_be.sum(1)
    count = torch.minimum((count * share).round().long().clamp_min(1), count)
    largest = math.inf if values.is_floating_point() else LARGEST
    order = values.masked_fill(~may_be, largest).argsort(dim=1, stable=True)[:, : int(count.max())]
    return order.masked_fill(torch.arange(order.shape[1], device=order.device) >= count[:, None], PAD)


def at(values: Tensor, places: Tensor) -> Tensor:
    """Return what stands at places, PAD where a place is PAD."""
    return values.gather(1, places.clamp_min(0)).masked_fill(places == PAD, PAD)


def _with(ids: Tensor, places: Tensor, new: Tensor) -> Tensor:
    """Return ids [B, T] with new ones at places."""
    from torch.nn import functional

    spare = ids.shape[1]  # one column more, for what is to be written nowhere
    return functional.pad(ids, (0, 1)).scatter(1, places.masked_fill(places == PAD, spare), new)[:, :spare]


def _logits(model: Any, field: str, ids: Tensor, places: Tensor) -> Tensor:
    """Return float[B, K, V], the logits at places of a text: all others are not worked out, as they are the most."""
    from noria.types import Tokens

    mixed: Tokens = model.mixed({field: {"ids": ids}})
    index = places.clamp_min(0)[:, :, None].expand(-1, -1, mixed.features.shape[-1])
    logits: Tensor = model.head(Tokens(mixed.features.gather(1, index)))["logits"]
    return logits


def _nats(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return -log of the probability of each token, float[B, K], 0 at PAD; and which are none."""
    from torch.nn import functional

    nats = functional.cross_entropy(
        logits.flatten(0, 1).float(), ids.long().flatten(), ignore_index=PAD, reduction="none"
    )
    return nats.view_as(ids), ids != PAD


def _candidates(model: nn.Module, field: str, ids: Tensor, tokenizer: Tokenizer) -> Output:
    import torch

    is_mask = ids == _mask_of(tokenizer)
    places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids).masked_fill(~is_mask, ids.shape[1])
    places = places.sort(dim=1).values[:, : int(is_mask.sum(1).max())]
    places = places.masked_fill(places == ids.shape[1], PAD)
    logits = _logits(model, field, ids, places).float()
    logits[..., _specials(tokenizer)] = -math.inf  # they have no spelling
    chances, candidates = logits.softmax(-1).topk(min(CANDIDATES, logits.shape[-1]))
    return {"places": places, "candidates": candidates, "chances": chances}


def _prediction(
    tokenizer: Tokenizer, ids: np.ndarray, places: np.ndarray, candidates: np.ndarray, chances: np.ndarray
) -> Prediction:
    if not len(places):
        return NOTHING
    ids[places] = candidates[:, 0]
    masks = [
        [
            {"token": tokenizer.decode([token]), "id": int(token), "probability": round(float(chance), 6)}
            for token, chance in zip(*one, strict=True)
        ]
        for one in zip(candidates, chances, strict=True)
    ]
    return Prediction(tokenizer.decode(ids), round(float(chances[:, 0].prod()), 6), {"masks": masks})


def _top_accuracy(output: Arrays, truth: Arrays, weights: np.ndarray) -> np.ndarray:
    weights = weights.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ output["right_5"]) / (weights @ output["tokens"]))


def _mask_of(tokenizer: Tokenizer) -> int:
    assert tokenizer.mask is not None
    return tokenizer.mask


def _specials(tokenizer: Tokenizer) -> list[int]:
    ids = (tokenizer.begin, tokenizer.end, tokenizer.mask, tokenizer.unknown)
    return sorted({one for one in ids if one is not None})


def _is_word(ids: Tensor, specials: Sequence[int]) -> Tensor:
    import torch

    return (ids != PAD) & ~torch.isin(ids, torch.tensor(specials, dtype=ids.dtype, device=ids.device))


def _hash(ids: Tensor) -> Tensor:
    """Return int64[B, T], 0 to 2^62 - 1: a hash of a row's tokens and the place, the same on every device, padded or
    not."""
    import torch

    places = torch.arange(ids.shape[1], device=ids.device)
    row = (_mixed(places + 1) * (ids + 2)).masked_fill(ids == PAD, 0).sum(1, keepdim=True)
    return _mixed(row + places)


def _mixed(x: Tensor) -> Tensor:
    """Return the finaliser of splitmix64 (Steele et al. 2014), but for its two highest bits; int64 wraps around."""
    x = (x ^ (x >> 30 & 2**34 - 1)) * (0xBF58476D1CE4E5B9 - 2**64)
    x = (x ^ (x >> 27 & 2**37 - 1)) * (0x94D049BB133111EB - 2**64)
    return (x ^ (x >> 31 & 2**33 - 1)) & LARGEST
