"""Mixture of experts: many MLPs, of which each token visits two. More to remember at the same work per token.

A router scores the experts by a sigmoid; the two highest are visited and weighted by their scores. To keep them equally
busy without a second loss, each expert has a bias that counts in the choice alone: it rises while the expert is visited
too little and falls while it is visited too much (Wang et al. 2024, https://arxiv.org/abs/2408.15664). No token is ever
dropped, so a token's answer does not depend on the rest of its batch. Read next: mlp.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn

from noria.model.fused_ops import product_dtype
from noria.model.linear import linear

VISITED = 2
BIAS_STEP = 0.001  # of the paper


class Experts(nn.Module):
    """`num_experts` squared-ReLU MLPs of hidden width `hidden` each.

    Muon updates each matrix of `widen` and `narrow` by itself; for the product they are stacked.
    """

    bias: Tensor

    def __init__(self, width: int, hidden: int, num_experts: int) -> None:
        super().__init__()
        self.router = linear(width, num_experts)
        self.widen = nn.ModuleList(linear(width, hidden) for _ in range(num_experts))
        self.narrow = nn.ModuleList(linear(hidden, width, starts_at_zero=True) for _ in range(num_experts))
        self.register_buffer("bias", torch.zeros(num_experts))

    @torch.compiler.disable  # type: ignore[untyped-decorator] # a compiler takes grouped products in bfloat16 alone
    def forward(self, x: Tensor, is_real: Tensor | None = None) -> Tensor:
        """Transform float[B, T, D]; padding does not count in how busy an expert is."""
        scores = self.router(x).float().sigmoid().flatten(0, 1)  # [B * T, E]
        chosen = (scores.detach() + self.bias).topk(VISITED, dim=-1).indices
        if self.training and torch.is_grad_enabled():
            self._balance(chosen, is_real)
        shares = scores.gather(1, chosen)
        shares = shares / shares.sum(-1, keepdim=True).clamp_min(1e-9)
        visits = chosen.flatten()
        order = visits.argsort(stable=True)
        counts = visits.new_zeros(len(self.widen)).scatter_add(0, visits, torch.ones_like(visits))
        ends = counts.cumsum(0).to(torch.int32)
        tokens = order // VISITED
        flat = x.flatten(0, 1).to(product_dtype(x))
        said = self._visited(flat[tokens], ends) * shares.flatten()[order, None].to(flat.dtype)
        return torch.zeros_like(flat).index_add(0, tokens, said).view_as(x)

    def _visited(self, x: Tensor, ends: Tensor) -> Tensor:
        """Send tokens, sorted by expert, through their experts: those of expert e end at ends[e]."""
        widen, narrow = (_stacked(part, x.dtype) for part in (self.widen, self.narrow))
        return F.grouped_mm(F.relu(F.grouped_mm(x, widen, offs=ends)).square(), narrow, offs=ends)

    @torch.no_grad()
    def _balance(self, chosen: Tensor, is_real: Tensor | None) -> None:
        counts = torch.zeros_like(self.bias)
        visits = torch.ones_like(chosen, dtype=counts.dtype)
        if is_real is not None:
            visits = visits * is_real.flatten()[:, None]
        counts = counts.scatter_add(0, chosen.flatten(), visits.flatten())
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(counts)
        self.bias += BIAS_STEP * (counts.mean() - counts).sign()


def _stacked(layers: nn.ModuleList, dtype: torch.dtype) -> Tensor:
    weights = [layer.weight for layer in layers]
    return torch.stack(weights).to(dtype).mT  # type: ignore[arg-type]
