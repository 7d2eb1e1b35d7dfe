"""Precision and threads follow from the machine and the model, not from a clock."""

from __future__ import annotations

import pytest
import torch

from noria.training.precision import Operations, usual_precision, usual_threads

CPU = torch.device("cpu")


def processor(monkeypatch: pytest.MonkeyPatch, amx: bool, bf16: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16, raising=False)


@pytest.mark.parametrize(
    ("amx", "bf16", "width", "expected"),
    [
        (True, True, 8, "bfloat16"),
        (False, True, 63, "float32"),
        (False, True, 64, "bfloat16"),
        (False, False, 512, "float32"),
    ],
)
def test_a_cpu_trains_in_bfloat16_where_it_multiplies_it(
    amx: bool, bf16: bool, width: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor(monkeypatch, amx, bf16)
    precision, reason = usual_precision(CPU, width)
    assert precision == expected
    assert reason


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")])
def test_a_gpu_trains_in_bfloat16_from_ampere_on(
    capability: tuple[int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert usual_precision(torch.device("cuda"), 8)[0] == expected


def test_another_accelerator_and_a_torch_that_does_not_know_train_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usual_precision(torch.device("mps"), 512)[0] == "float32"
    for question in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, question, raising=False)
    assert usual_precision(CPU, 512)[0] == "float32"


@pytest.mark.parametrize(
    ("operations", "weights", "expected"), [(0, 0, 1), (1e9, 1000, 1), (5e9, 0, 3), (0, 150_000_000, 2), (1e13, 0, 8)]
)
def test_a_step_gets_as_many_threads_as_it_is_worth(operations: float, weights: int, expected: int) -> None:
    assert usual_threads(CPU, operations, weights, there=8) == expected


def test_the_operations_of_a_step_are_those_of_its_products_forward_and_backward() -> None:
    layer, x = torch.nn.Linear(8, 16, bias=False), torch.ones(4, 8, requires_grad=True)
    with Operations() as counted:
        layer(x).sum().backward()
    assert counted.total == 3 * 2 * 4 * 8 * 16
