"""What all checks of the contract share: how a broken promise is told, and when two results are the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np

from noria.errors import UserError
from noria.types import Arrays, Ragged

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-4  # on outputs of one batch and another, absolute and relative: sums in another order
WIDTH = 32


class CheckFailed(UserError):
    """A component does not keep the contract: `where` is the component, `check` the name of the check that says so."""

    check = ""

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *([f"  check: {self.check}"] if self.check else [])])


class Subject(Protocol):
    """What a check is about: a component with values, or a whole task with records."""

    @property
    def name(self) -> str: ...


_T = TypeVar("_T")
_S = TypeVar("_S", bound=Subject)
_P = ParamSpec("_P")


def check(function: Callable[Concatenate[_S, _P], _T]) -> Callable[Concatenate[_S, _P], _T]:
    """Make `check_order` the check "order": what fails or breaks in it is a CheckFailed with this name."""
    own = function.__name__.removeprefix("check_")

    @wraps(function)
    def named(subject: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(subject, *args, **kwargs)
        except CheckFailed as failure:
            if not failure.check:
                failure.where, failure.check = subject.name, own
            raise
        except Exception as error:
            broken = CheckFailed(f"it raises {type(error).__name__}: {error}", where=subject.name)
            broken.check = own
            raise broken from error

    return named


def require(holds: bool, what: str) -> None:
    """Raise CheckFailed, saying what is wrong, unless it holds."""
    if not holds:
        raise CheckFailed(what)


def json_round_trip(value: Any) -> Any:
    """Return a value as it comes back from JSON; it must be the same."""
    try:
        back = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"this must be JSON: {error}", found=repr(value)[:200]) from error
    require(back == value, "this does not survive JSON: tuples, or keys that are not text")
    return back


def is_same(one: Any, other: Any, tolerance: float = 0.0) -> bool:
    """Say whether two arrays, or two Ragged, hold the same; the tolerance is for what is no whole number."""
    if isinstance(one, Ragged):
        return np.array_equal(one.lengths, other.lengths) and is_same(one.padded(), other.padded(), tolerance)
    if one.dtype.kind != "f":
        tolerance = 0.0
    return one.shape == other.shape and np.allclose(one, other, tolerance, tolerance, equal_nan=True)


def is_untouched(one: Any, other: Any) -> bool:
    """Say whether raw values, nested as they may be, are still what they were."""
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(is_untouched(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_untouched, one, other))
    return bool(one == other or (one != one and other != other))  # NaN is not itself


def as_arrays(output: Mapping[str, Tensor]) -> Arrays:
    """Return a network's output as NumPy arrays; NumPy has no bfloat16, so what is no whole number becomes float32."""
    return {name: (value.float() if value.is_floating_point() else value).numpy() for name, value in output.items()}


def seeded(make: Callable[[], _T], seed: int = 0) -> _T:
    """Return what `make` makes from this seed; torch's own random state is left as it was."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()
