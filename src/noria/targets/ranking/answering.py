"""From scores of a whole catalogue to an answer: what may not be answered left out, the best first, with reasons."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from noria.modalities.items.arrays import HAS_ONLY, ONLY, SEEN, WITHOUT
from noria.model.linear_part import LinearPart
from noria.targets.ranking.metrics import NOTHING
from noria.types import Output

RANKED = 100  # items that are kept of a ranking


def ranked(scores: Tensor, arrays: dict[str, Tensor], repeats: bool) -> Output:
    """Return `items` int[B, K] and `scores` float[B, K], best first; NOTHING and zero where fewer may be answered.

    scores float[B, N]; arrays: `seen`, `without` and `only`, sets of items, and `has_only`.
    """
    scores = scores.float().clone()
    if arrays[HAS_ONLY].any():
        only = torch.zeros(len(scores), scores.shape[1], dtype=torch.bool, device=scores.device)
        only[_places(arrays[ONLY], scores)] = True
        scores.masked_fill_(~only & arrays[HAS_ONLY].bool()[:, None], -torch.inf)
    for name in (WITHOUT,) if repeats else (SEEN, WITHOUT):
        scores[_places(arrays[name], scores)] = -torch.inf  # a mask of a million takes longer than their scores
    count = min(RANKED, scores.shape[1])
    best, items = scores.topk(count, 1)
    is_item = best.isfinite()
    if count < RANKED:
        pad = (0, RANKED - count)
        best, items, is_item = (nn.functional.pad(one, pad) for one in (best, items, is_item))
    return {"items": torch.where(is_item, items, NOTHING), "scores": torch.where(is_item, best, 0.0)}


def _places(items: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows and columns of items, without those where a row has ended or that the catalogue does not have."""
    rows, places = ((items >= 0) & (items < scores.shape[1])).nonzero(as_tuple=True)
    return rows, items[rows, places].long()


def because(model: nn.Module, inputs: Any, answers: Tensor) -> Tensor:
    """Return int[B, n]: the item of the history that speaks most for each answer, by the linear model in the network.

    NOTHING where there is no linear model, or nothing in the history speaks for an answer.
    """
    linear = next((one for one in model.modules() if isinstance(one, LinearPart)), None)
    if linear is None:
        return torch.full_like(answers, NOTHING)
    ids, values = linear.features(inputs)
    weights = linear.weight[ids[:, :, None], answers.clamp_min(0)[:, None, :]] * values[:, :, None]
    most, place = weights.max(1)
    return torch.where((most > 0) & (answers >= 0), ids.gather(1, place), NOTHING)
