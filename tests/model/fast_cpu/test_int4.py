"""Weights of 4 bits are found out, and answered from, for few tokens; no others are rounded."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from noria.model.fast_cpu.int4 import BLOCK, MOST_ROWS, four_bits
from noria.model.fast_cpu.prepacked import PackedLinear, can_pack

pytestmark = pytest.mark.skipif(not can_pack(torch.bfloat16), reason="this processor has no products of bfloat16")


def of_four_bits(kind: str, num_outputs: int = 64, num_inputs: int = 96) -> Tensor:
    """Return a matrix float32 as a file of GGUF gives it."""
    random = torch.Generator().manual_seed(3)
    numbers = torch.randint(0, 16, (num_outputs, num_inputs // BLOCK, BLOCK), generator=random).float()
    step = (torch.rand(*numbers.shape[:2], 1, generator=random) * 0.02 + 0.001).half().float()
    if kind == "Q4_1":
        numbers[..., :2] = torch.tensor([0.0, 15.0])
        start = (-step * 7 * torch.rand(step.shape, generator=random)).half().float()
        return (start + numbers * step).flatten(1)
    numbers[..., 3] = 0
    sign = torch.where(torch.rand(step.shape, generator=random) < 0.5, 1.0, -1.0)
    return (sign * step * (numbers - 8)).flatten(1)


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1"])
def test_a_product_of_4_bits_is_the_product_of_the_weights(kind: str) -> None:
    weight, x = of_four_bits(kind), torch.randn(2, 3, 96, generator=torch.Generator().manual_seed(1)).bfloat16()
    found = four_bits(weight.bfloat16())
    assert found is not None
    expected = x.double() @ weight.double().T
    scale = (x.double().abs() @ weight.double().abs().T).amax()
    assert (found.product(x) - expected).abs().amax() < 2**-7 * scale
    assert found.grid.nbytes + found.numbers.nbytes < weight.bfloat16().nbytes / 3


def test_a_block_of_equal_weights_has_no_step() -> None:
    weight = of_four_bits("Q4_1")
    weight[5, :BLOCK], weight[40, BLOCK : 2 * BLOCK] = 0.25, 0.0
    found, x = four_bits(weight.bfloat16()), torch.eye(96).bfloat16()
    assert found is not None
    said = found.product(x)
    assert (said[:BLOCK, 5] == 0.25).all()
    assert (said[BLOCK : 2 * BLOCK, 40] == 0).all()


def test_other_weights_are_not_rounded() -> None:
    weight = of_four_bits("Q4_1")
    off = weight.clone()
    off[50, 70] += 0.5 * (weight[50, 64:96].amax() - weight[50, 64:96].amin()) / 15
    learnt = torch.randn(64, 96, generator=torch.Generator().manual_seed(0))
    for other in (off, learnt, weight[:, :90], weight[:60]):
        assert four_bits(other.bfloat16()) is None
    assert four_bits(weight) is None  # of float32: whoever asks for it wants all of it


@pytest.mark.parametrize("has_bias", [True, False])
def test_a_layer_of_4_bits_takes_them_for_few_tokens(has_bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    plain = nn.Linear(96, 64, bias=has_bias).bfloat16()
    plain.weight.data.copy_(of_four_bits("Q4_0"))
    layer = PackedLinear(plain)
    assert layer.four_bits is not None
    counted = []
    product = type(layer.four_bits).product
    monkeypatch.setattr(
        type(layer.four_bits), "product", lambda self, x: counted.append(x.shape[:-1].numel()) or product(self, x)
    )
    with torch.inference_mode():
        for shape in ((1, 1), (MOST_ROWS, 1), (1, MOST_ROWS), (MOST_ROWS + 1, 1), (2, MOST_ROWS)):
            x = torch.randn(*shape, 96, generator=torch.Generator().manual_seed(4)).bfloat16()
            torch.testing.assert_close(layer(x), plain(x), atol=0.01, rtol=0.02)
    assert counted == [1, MOST_ROWS, MOST_ROWS]


def test_what_is_done_within_a_layer_is_done_with_whole_weights() -> None:
    plain = nn.Linear(96, 64).bfloat16()
    plain.weight.data.copy_(of_four_bits("Q4_0"))
    assert PackedLinear(plain, "gelu").four_bits is None
