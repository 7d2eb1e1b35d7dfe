"""What is learnt of tracking: which detections are true. The rest is association, which has no weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.types import PAD, Output, Tokens

LEAST_OVERLAP = 0.5  # with a true box of the same frame, for a detection to be true
AT_ONCE = 512  # detections beside all true boxes, so that long sequences fit in memory


class TrueOrNot(nn.Module):
    """Say of each detection whether it is true. Output: `logits` float[B, T, 1].

    Starts as the detector's own chance, where the tokens are detections themselves.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        with torch.no_grad():
            self.linear.weight[0, 0] = 1

    def forward(self, tokens: Tokens) -> Output:
        return {"logits": self.linear(tokens.features)}


def are_true(detections: dict[str, Tensor], truth: dict[str, Tensor]) -> Tensor:
    """Return bool[B, T]: whether a true box of the same frame covers a detection by half."""
    parts = []
    for start in range(0, detections["frames"].shape[1], AT_ONCE):
        frames, boxes = (detections[name][:, start : start + AT_ONCE] for name in ("frames", "boxes"))
        overlap = _ious(boxes.float(), truth["boxes"].float())
        is_same = (frames[:, :, None] == truth["frames"][:, None]) & (frames[:, :, None] != PAD)
        parts.append(((overlap >= LEAST_OVERLAP) & is_same).any(2))
    return torch.cat(parts, 1)


def tracking_loss(logits: Tensor, is_true: Tensor, is_real: Tensor) -> dict[str, Tensor]:
    """Return the mean over records of the nats that a detection's truth costs."""
    nats = functional.binary_cross_entropy_with_logits(logits.float(), is_true.float(), reduction="none")
    each = (nats * is_real).sum(1) / is_real.sum(1).clamp_min(1)
    return {"loss": each.mean(), "each": each}


def _ious(one: Tensor, other: Tensor) -> Tensor:
    """Return float[B, T, M] of float[B, T, 4] and float[B, M, 4]."""
    least, most = (
        torch.minimum(one[:, :, None, 2:], other[:, None, :, 2:]),
        torch.maximum(one[:, :, None, :2], other[:, None, :, :2]),
    )
    shared = (least - most).clamp_min(0).prod(-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (one, other)]
    return shared / (areas[0][:, :, None] + areas[1][:, None] - shared).clamp_min(1e-9)
