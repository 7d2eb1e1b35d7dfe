"""Packed layers answer as plain ones do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from noria.model.assemble import Model
from noria.model.packed import PackedLinear, can_pack, pack
from noria.model.pretrained import pretrained_trunk
from noria.model.pretrained_files import PretrainedFiles
from noria.nouns import Tokens

pytestmark = pytest.mark.skipif(not can_pack(torch.float32), reason="this build of torch has no packed layers")


@pytest.mark.parametrize("num_tokens", [1, 16, 300])
@pytest.mark.parametrize("has_bias", [True, False])
def test_a_packed_layer_answers_as_a_plain_one(has_bias: bool, num_tokens: int) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(48, 80, bias=has_bias), torch.randn(2, num_tokens, 48)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(layer)(x), layer(x))


def test_an_activation_within_is_the_one_that_follows() -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(48, 80), 3 * torch.randn(2, 5, 48)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(layer, "gelu")(x), nn.functional.gelu(layer(x)))


@pytest.mark.parametrize(("name", "attention"), [("llama", "causal"), ("qwen", "causal"), ("bert", "full")])
def test_a_packed_model_answers_as_before(name: str, attention: Any, checkpoint: Callable[[str], Path]) -> None:
    trunk = pretrained_trunk(PretrainedFiles.find(str(checkpoint(name))).trunk()).eval()
    plain = Model({}, trunk, nn.Linear(32, 3), attention)  # type: ignore[arg-type]
    packed = copy.deepcopy(plain)
    pack(packed, torch.float32)
    tokens = Tokens(torch.randn(3, 5, 32), torch.tensor([[False, True, True, True, True]] * 3))
    with torch.inference_mode():
        given, expected = (model.trunk(tokens, attention).features[:, 1:] for model in (packed, plain))
    torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-4)
    assert not any(type(layer) is nn.Linear for layer in packed.trunk.modules())
