"""Boxes from tokens that lie in maps: each token says of what it is near the middle, and where the sides are.

    places  the middle of a token's cell, and the cell's width and height, all in shares of the picture
    sides   natural logarithms of how far left, top, right and bottom are from the middle, in cells

Anchor-free (Tian et al. 2019, "FCOS"). A thing is learnt by the tokens inside it that find it best: Feng et al. 2021,
"TOOD"; their scores are taught how good their box is (Li et al. 2020, "Generalized Focal Loss"). Read next:
targets/boxes/target.py, which uses this; augment.py.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.types import Output, Tokens

PRIOR = 0.01  # the score that untrained tokens give (Lin et al. 2017, "Focal Loss")
MOST_SIDE = 7.0  # of ln(side / cell): a thousand cells
CANDIDATES = 10  # tokens that learn one box; with the powers below as in TOOD
SCORE_POWER, OVERLAP_POWER = 0.5, 6.0
LEAST_WEIGHT = 0.1  # of a token's box, however bad: it would never get better
BOX_WEIGHT = 2.0  # of the boxes' loss beside that of the scores
EPSILON = 1e-9


class EachPlace(nn.Module):
    """Let every token answer for its place. Output: `logits` float[B, T, labels], `sides` float[B, T, 4], and, where
    the tokens lie in maps, `places` float[B, T, 4]."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.labels, self.sides = nn.Linear(width, labels), nn.Linear(width, 4)
        nn.init.normal_(self.labels.weight, std=0.01)
        nn.init.constant_(self.labels.bias, math.log(PRIOR / (1 - PRIOR)))
        nn.init.normal_(self.sides.weight, std=0.01)
        nn.init.constant_(self.sides.bias, math.log(2))

    def forward(self, tokens: Tokens) -> Output:
        what, where = (functional.relu(layer(tokens.features)) for layer in self.hidden)
        output = {"logits": self.labels(what).float(), "sides": self.sides(where).float()}
        if tokens.grids is not None:
            places = grid_places(tokens.grids, tokens.features.device)
            output["places"] = places.expand(tokens.features.shape[0], -1, -1)  # len() would fix it in an export
        return output


def grid_places(grids: tuple[tuple[int, int], ...], device: torch.device | str = "cpu") -> Tensor:
    """Return float[1, T, 4] of the tokens of maps: x and y of the middle, width and height of the cell."""
    parts = []
    for rows, columns in grids:
        y = (torch.arange(rows, device=device) + 0.5) / rows
        x = (torch.arange(columns, device=device) + 0.5) / columns
        middles = torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)], -1).view(-1, 2)
        parts.append(torch.cat([middles, middles.new_tensor([1 / columns, 1 / rows]).expand(len(middles), 2)], 1))
    return torch.cat(parts)[None]


def boxes_at(sides: Tensor, places: Tensor) -> Tensor:
    """Return float[..., 4], left, top, right, bottom in shares of the picture."""
    reach = sides.clamp(max=MOST_SIDE).exp() * places[..., [2, 3, 2, 3]]
    return torch.cat([places[..., :2] - reach[..., :2], places[..., :2] + reach[..., 2:]], -1)


def best_candidates(output: Output, most: int) -> Output:
    """Return the `most` likeliest pairs of token and label of each picture: `boxes` float[B, K, 4] in shares of the
    picture, `labels` int[B, K], `scores` float[B, K], best first."""
    logits = output["logits"]
    count = logits.shape[2]
    scores, order = logits.flatten(1).sigmoid().topk(min(most, logits.shape[1] * count))
    token = (order // count)[:, :, None].expand(-1, -1, 4)
    boxes = boxes_at(output["sides"].gather(1, token), output["places"].gather(1, token))
    return {"boxes": boxes, "labels": order % count, "scores": scores}


def detection_loss(output: Output, true: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return the loss for boxes float[B, G, 4] in shares of the picture and labels int[B, G], -1 where there is none.

    The sums over a picture's tokens are divided by the mean over the pictures of what there is to find.
    """
    boxes = boxes_at(output["sides"], output["places"])
    with torch.no_grad():
        goals, which, weights = assign(output["logits"].sigmoid(), boxes, output["places"], true, labels)
    size = goals.sum((1, 2)).mean().clamp_min(1)
    distance = (goals - output["logits"].sigmoid()).detach().square()  # quality focal loss: what is right weighs little
    scores = functional.binary_cross_entropy_with_logits(output["logits"], goals, reduction="none")
    score_loss = (scores * distance).sum((1, 2)) / size
    if not true.shape[1]:
        return {"loss": score_loss.mean(), "each": score_loss, "scores": score_loss.mean()}
    wanted = true.gather(1, which[:, :, None].expand(-1, -1, 4))
    box_loss = ((1 - generalised_iou(boxes, wanted)) * weights).sum(1) / size
    each = score_loss + BOX_WEIGHT * box_loss
    return {"loss": each.mean(), "each": each, "scores": score_loss.mean(), "boxes": box_loss.mean()}


def assign(
    scores: Tensor, boxes: Tensor, places: Tensor, true: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Say what each token learns: goals float[B, T, labels] of its scores, which box int[B, T], its weight float[B, T].

    A box is learnt by the CANDIDATES tokens within it whose score and box together come nearest to it; by the token
    nearest to its middle where none lies within. A token of several boxes learns the one that it overlaps most.
    """
    goals = torch.zeros_like(scores)
    if not true.shape[1]:
        return goals, labels.new_zeros(scores.shape[:2]), scores.new_zeros(scores.shape[:2])
    is_there = labels >= 0  # [B, G]
    overlaps = plain_iou(boxes[:, None], true[:, :, None])  # [B, G, T]
    chances = scores.mT.gather(1, labels.clamp_min(0)[:, :, None].expand(-1, -1, scores.shape[1]))
    is_inside = _is_inside(places, true) & is_there[:, :, None]
    fit = (chances**SCORE_POWER * overlaps**OVERLAP_POWER + EPSILON) * is_inside
    best = fit.topk(min(CANDIDATES, fit.shape[2]), 2)
    is_mine = torch.zeros_like(is_inside).scatter(2, best.indices, best.values > 0)
    # A token of several boxes keeps the one that it overlaps most.
    which = (overlaps + EPSILON).where(is_mine, 0).argmax(1)  # [B, T]
    is_mine &= torch.arange(true.shape[1], device=true.device)[None, :, None] == which[:, None]
    fit, overlaps = fit * is_mine, overlaps * is_mine
    quality = (fit / fit.amax(2, keepdim=True).clamp_min(EPSILON) * overlaps.amax(2, keepdim=True)).amax(1)  # [B, T]
    label = labels.gather(1, which).clamp_min(0)
    goals.scatter_(2, label[:, :, None], quality[:, :, None])
    return goals, which, quality.clamp_min(LEAST_WEIGHT) * is_mine.any(1)


def _is_inside(places: Tensor, true: Tensor) -> Tensor:
    """Return bool[B, G, T]: whether a token's middle lies in a box, or is the nearest of all where none does."""
    x, y = places[:, None, :, 0], places[:, None, :, 1]
    left, top, right, bottom = true[..., None].unbind(2)
    is_inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    away = ((x - (left + right) / 2) / places[:, None, :, 2]).square()
    away = away + ((y - (top + bottom) / 2) / places[:, None, :, 3]).square()
    nearest = away.argmin(2, keepdim=True)
    return is_inside | (~is_inside.any(2, keepdim=True)).logical_and(
        torch.arange(x.shape[2], device=x.device)[None, None] == nearest
    )


def plain_iou(one: Tensor, other: Tensor) -> Tensor:
    """Return how much two boxes [..., 4] share, 0 to 1."""
    return _shared(one, other)[0]


def generalised_iou(one: Tensor, other: Tensor) -> Tensor:
    """Return how much two boxes share, less the emptiness of the box around both, -1 to 1 (Rezatofighi et al. 2019)."""
    iou, covered = _shared(one, other)
    around = torch.maximum(one[..., 2:], other[..., 2:]) - torch.minimum(one[..., :2], other[..., :2])
    whole = around.prod(-1) + EPSILON
    return iou - (whole - covered) / whole


def _shared(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    inner = torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])
    shared = inner.clamp_min(0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp_min(0).prod(-1) for box in (one, other)]
    covered = areas[0] + areas[1] - shared + EPSILON
    return shared / covered, covered
