"""Without any one of torch's private operators the same answers come, by the plain layers."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import noria
from model.fast_cpu.test_int4 import of_four_bits
from noria.model.fast_cpu import int4, prepacked
from noria.model.fast_cpu.prepacked import PackedLinear, can_pack, pack
from noria.model.network import Model
from noria.model.pretrained.files import PretrainedFiles
from noria.model.pretrained.trunk import pretrained_trunk
from noria.types import Tokens

NEAR = {torch.float32: 1e-4, torch.bfloat16: 0.1}  # of features about 1 large
SOURCE = Path(noria.__file__).parent


class _Lacking:
    """The operators of torch but one."""

    def __init__(self, ops: Any, name: str) -> None:
        self._ops, self._name = ops, name

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            raise AttributeError(name)
        return getattr(self._ops, name)


def take_away(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> None:
    lacking = _Lacking(module._ops(), name)
    monkeypatch.setattr(module, "_ops", lambda: lacking)


@pytest.fixture
def make(checkpoint: Callable[[str], Path]) -> Callable[[str], Model]:
    """A function: name of a checkpoint -> a model with its trunk, the same each time."""

    def model(name: str) -> Model:
        torch.manual_seed(0)
        trunk = pretrained_trunk(PretrainedFiles.find(str(checkpoint(name))).trunk())
        attention = trunk.attentions[0]
        return Model({}, trunk.eval(), nn.Linear(32, 3), attention)  # type: ignore[arg-type]

    return model


@pytest.mark.parametrize("dtype", NEAR, ids=str)
@pytest.mark.parametrize("lacks", prepacked.OPERATORS)
@pytest.mark.parametrize("name", ["bert", "llama"])
def test_a_model_that_cannot_be_packed_answers_as_before(
    name: str, lacks: str, dtype: torch.dtype, make: Callable[[str], Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make(name)
    packed = copy.deepcopy(plain)
    take_away(monkeypatch, prepacked, lacks)
    pack(packed, dtype)
    assert not any(isinstance(layer, PackedLinear) for layer in packed.modules())
    tokens = Tokens(torch.randn(3, 5, 32), torch.tensor([[0, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 1, 0]]).bool())
    given = tokens._replace(features=tokens.features.to(dtype))
    with torch.inference_mode():
        said, expected = packed.trunk(given, packed.attention), plain.trunk(tokens, plain.attention)
    error = (said.features.float() - expected.features)[tokens.is_real].abs().max()
    assert error < NEAR[dtype] * expected.features.abs().max().clamp_min(1)


@pytest.mark.skipif(not can_pack(torch.bfloat16), reason="this processor has no products of bfloat16")
@pytest.mark.parametrize("lacks", int4.OPERATORS)
def test_weights_of_4_bits_are_answered_from_whole(lacks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = nn.Linear(96, 64).bfloat16()
    plain.weight.data.copy_(of_four_bits("Q4_0"))
    x = torch.randn(1, 2, 96, generator=torch.Generator().manual_seed(4)).bfloat16()
    assert PackedLinear(plain).four_bits is not None
    take_away(monkeypatch, int4, lacks)
    layer = PackedLinear(plain)
    assert layer.four_bits is None
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), plain(x), atol=0.01, rtol=0.02)


@pytest.mark.parametrize("module", [int4, prepacked], ids=lambda module: module.__name__.rsplit(".", 1)[-1])
def test_every_private_operator_that_is_called_is_asked_for_first(module: ModuleType) -> None:
    text = Path(str(module.__file__)).read_text("utf-8")
    assert set(re.findall(r"_ops\(\)\.(\w+)", text)) == set(module.OPERATORS)


def test_private_operators_are_called_from_fast_cpu_alone() -> None:
    callers = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(r"torch\.ops|torch\._C", path.read_text("utf-8"))
    }
    assert callers == {"model/fast_cpu/int4.py", "model/fast_cpu/prepacked.py"}
