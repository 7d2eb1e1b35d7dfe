"""Packed layers answer as plain ones do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from noria.model.fast_cpu.prepacked import PackedLinear, can_pack, pack
from noria.model.fast_cpu.varlen import is_bert
from noria.model.layers.linear import joined
from noria.model.network import Model
from noria.model.pretrained.files import PretrainedFiles
from noria.model.pretrained.trunk import pretrained_trunk
from noria.types import Tokens

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


CHECKPOINTS = [("llama", "causal"), ("qwen", "causal"), ("gpt2", "causal"), ("bert", "full"), ("roberta", "full")]


@pytest.mark.parametrize(("name", "attention"), CHECKPOINTS)
def test_a_packed_model_answers_as_before(name: str, attention: Any, checkpoint: Callable[[str], Path]) -> None:
    trunk = pretrained_trunk(PretrainedFiles.find(str(checkpoint(name))).trunk()).eval()
    plain = Model({}, trunk, nn.Linear(32, 3), attention)  # type: ignore[arg-type]
    packed = copy.deepcopy(plain)
    pack(packed, torch.float32)
    is_real = torch.tensor([[0, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 0, 1, 0], [0, 1, 1, 1, 1]]).bool()
    features = torch.randn(5, 5, 32)
    for tokens in (Tokens(features, is_real), Tokens(features)):
        with torch.inference_mode():
            given, expected = (model.trunk(tokens, attention).features for model in (packed, plain))
        shown = is_real if tokens.is_real is not None else torch.ones_like(is_real)
        torch.testing.assert_close(given[shown], expected[shown], atol=1e-4, rtol=1e-4)
        assert given.isfinite().all()
    assert not any(type(layer) is nn.Linear for layer in packed.trunk.modules())


def test_one_layer_of_several_gives_their_outputs_one_after_another() -> None:
    torch.manual_seed(0)
    layers, x = [nn.Linear(8, outputs) for outputs in (4, 2, 3)], torch.randn(5, 8)
    torch.testing.assert_close(joined(layers)(x), torch.cat([layer(x) for layer in layers], -1))


def test_what_is_not_bert_to_the_letter_keeps_the_modules_of_transformers() -> None:
    bert = {"model_type": "bert", "hidden_act": "gelu"}
    assert is_bert(bert)
    assert not is_bert({**bert, "hidden_act": "relu"})
    assert not is_bert({**bert, "position_embedding_type": "relative_key"})
    assert not is_bert({**bert, "model_type": "electra"})
