"""Attention: torch's own answer by either way, and the way that is faster."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from noria.model.blocks.attention import attend
from noria.model.layers.attention_context import AttentionBias, fuses
from noria.model.layers.attention_mask import as_bias, attention_mask


@pytest.mark.parametrize("is_fused", [True, False])
@pytest.mark.parametrize("num_groups", [4, 2, 1])
@pytest.mark.parametrize("kind", ["full", "triangle", "padded", "chunk", "one"])
def test_attention_equals_torchs_own(kind: str, num_groups: int, is_fused: bool) -> None:
    torch.manual_seed(3)
    num_queries = {"chunk": 2, "one": 1}.get(kind, 6)
    q, k, v = torch.randn(3, 4, num_queries, 8), torch.randn(3, num_groups, 6, 8), torch.randn(3, num_groups, 6, 8)
    is_real = torch.arange(6) < torch.tensor([[6], [2], [0]])
    slots = torch.tensor([[4, 5]]).expand(3, 2)
    mask = {
        "full": None,
        "triangle": attention_mask("causal", 6),
        "padded": attention_mask("causal", 6, is_real=is_real),
        "chunk": attention_mask("causal", 6, query_slots=slots),
        "one": attention_mask("causal", 6, query_slots=torch.tensor([[5], [3], [0]])),
    }[kind]
    repeated = [part.repeat_interleave(4 // num_groups, dim=1).double() for part in (k, v)]
    expected = F.scaled_dot_product_attention(q.double(), *repeated, attn_mask=mask)
    is_triangle = kind == "triangle" and is_fused
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.05)):
        bias = AttentionBias(None if is_triangle else as_bias(mask, dtype), is_triangle, is_fused)
        got = attend((q * 8**-0.5).to(dtype), k.to(dtype), v.to(dtype), bias)
        assert got.dtype == dtype
        torch.testing.assert_close(got.double(), expected, atol=tolerance, rtol=0)


def test_bfloat16_on_a_cpu_leaves_torchs_kernel_for_few_scores_and_takes_it_for_many() -> None:
    few, many = (8, 8), (1025, 1025)
    assert not fuses(torch.zeros(1, dtype=torch.bfloat16), *few)
    assert fuses(torch.zeros(1, dtype=torch.bfloat16), *many)
    assert fuses(torch.zeros(1), *few)
    one = (1, 8)  # against a cache it is the other way round
    assert fuses(torch.zeros(1, dtype=torch.bfloat16), *one)
    assert not fuses(torch.zeros(1), *one)
