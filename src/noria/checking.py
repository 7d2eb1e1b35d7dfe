"""What all checks of the contract share: how a broken promise is told, and when two results are the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from noria.errors import UserError
from noria.types import Arrays, Ragged

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-4  # on outputs of one batch and another, absolute and relative: sums in another order
WIDTH = 32
_T = TypeVar("_T")


class CheckFailed(UserError):
    """A spoke does not keep the contract; `where` is the spoke."""


def require(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise CheckFailed(what, where=where)


def json_round_trip(value: Any, where: str) -> Any:
    """Return a value as it comes back from JSON; it must be the same."""
    try:
        back = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"this must be JSON: {error}", where=where, found=repr(value)[:200]) from error
    require(back == value, where, "this does not survive JSON: tuples, or keys that are not text")
    return back


def is_same(one: Any, other: Any, tolerance: float = 0.0) -> bool:
    """Say whether two arrays, or two Ragged, hold the same."""
    if isinstance(one, Ragged):
        return np.array_equal(one.lengths, other.lengths) and is_same(one.padded(), other.padded(), tolerance)
    return one.shape == other.shape and np.allclose(one, other, tolerance, tolerance, equal_nan=True)


def as_arrays(output: Mapping[str, Tensor]) -> Arrays:
    return {name: (value.float() if value.is_floating_point() else value).numpy() for name, value in output.items()}


def seeded(make: Callable[[], _T]) -> _T:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()
