"""What every modality and every target must do with raw values: learn from them, encode each by itself, blame the bad.

Read next: modality.py, target.py.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np

from noria.checks.failure import check, is_same, is_untouched, json_round_trip, require
from noria.contract import Modality, RawType, Target, dispatch
from noria.contract.examples import column
from noria.contract.settings import settings_of, values_of
from noria.errors import UserError
from noria.store.states import join_arrays, split_arrays
from noria.types import Arrays, Encoded, Ragged, State, Values

ROUNDED = 0.02  # of a standardised number: a person reads fewer digits than there are
SHOWN_AS_GIVEN: tuple[Any, ...] = (str, int | float, list, Mapping)  # what may be shown of a value and be one itself


@dataclass(frozen=True)
class Component:
    """A modality or a target with good raw values: the subject of its checks."""

    component: Modality | Target
    values: Values
    is_optional: bool = False

    @property
    def name(self) -> str:
        return type(self.component).__name__

    @property
    def count(self) -> int:
        return len(next(iter(self.values.values()))) if isinstance(self.values, Mapping) else len(self.values)

    @cached_property
    def state(self) -> State:
        return stored(self.component.fit(self.values))

    @cached_property
    def arrays(self) -> Arrays:
        return self.component.encode(self.values, self.state).arrays

    def select(self, chosen: Sequence[int]) -> Values:
        if isinstance(self.values, Mapping):
            return {name: [cells[i] for i in chosen] for name, cells in self.values.items()}
        return [self.values[i] for i in chosen]

    def value(self, index: int) -> Any:
        if isinstance(self.values, Mapping):
            return {name: cells[index] for name, cells in self.values.items()}
        return self.values[index]

    def row(self, index: int) -> Arrays:
        """Return the arrays [...] of one value."""
        return {name: array[index] for name, array in self.arrays.items()}


def check_learning_and_encoding(subject: Component) -> None:
    """Run the checks that modalities and targets share."""
    check_settings(subject)
    check_held_out(subject)
    check_arguments(subject)  # before anything else sees the values, which it may change
    check_state(subject)
    check_encode(subject)
    check_order(subject)
    check_bad_values(subject)
    check_cut(subject)


@check
def check_settings(subject: Component) -> None:
    """Its settings are the fields of a frozen dataclass, it takes what tuning tries, and says what a raw value is."""
    parameters = vars(type(subject.component)).get("__dataclass_params__")
    is_frozen = dataclasses.is_dataclass(subject.component) and parameters is not None and parameters.frozen
    require(is_frozen, "a component is a frozen dataclass: its fields are its settings")
    require(subject.component.raw_type in get_args(RawType), f"raw_type is one of {', '.join(get_args(RawType))}")
    for one in settings_of(subject.component):
        for value in one.outermost_tried:
            require(_takes(subject.component, one.name, value), f"tuning tries {one.name}={value!r}, which it refuses")


def _takes(component: Modality | Target, name: str, value: Any) -> bool:
    try:
        dataclasses.replace(component, **{name: value})  # type: ignore[type-var]
    except (UserError, ValueError):
        return False
    return True


@check
def check_held_out(subject: Component) -> None:
    """It learns the same from the same training values, whatever it has encoded before."""
    train, held_out = (copy.deepcopy(subject.select(chosen)) for chosen in _divided(subject))
    before = copy.deepcopy(subject.component.fit(train))
    subject.component.encode(held_out, copy.deepcopy(before))
    after = subject.component.fit(train)
    require(is_untouched(before, after), "fit learns something else once held-out values were encoded, or at random")


@check
def check_arguments(subject: Component) -> None:
    """It leaves the values, the state and its own settings as they were."""
    settings, values = copy.deepcopy(vars(subject.component)), copy.deepcopy(subject.values)
    subject.component.fit(values)
    state = subject.component.fit(copy.deepcopy(subject.select(_divided(subject)[0])))
    learnt = copy.deepcopy(state)
    subject.component.encode(values, state)
    require(is_untouched(subject.values, values), "fit or encode changes the values that it is given")
    require(is_untouched(learnt, state), "encode changes the state")
    require(is_untouched(settings, vars(subject.component)), "fit or encode changes the component's own settings")


def _divided(subject: Component) -> tuple[range, range]:
    """Return which values are learnt from where some are held out, and which those are."""
    return range(subject.count - 1), range(subject.count - 1, subject.count)


@check
def check_cut(subject: Component) -> None:
    """What is not read whole is counted, and a setting says how much is read."""
    cut = subject.component.encode(subject.values, subject.state).cut
    limit = dispatch.most_read(subject.component)
    if limit is None:
        require(not cut, "it cuts values and does not declare Truncates: nobody learns by which setting")
        return
    name, most = limit
    require(values_of(subject.component).get(name) == most, f"most_read names {name!r}, which is no setting of {most}")
    for index, (read, whole) in cut.items():
        right = index in range(subject.count) and 0 <= read < whole and read <= most
        require(right, f"of value {index} it reads {read} of {whole} tokens, at most {most}")


@check
def check_state(subject: Component) -> None:
    """What it learns is JSON, with arrays of numpy in it, and still the same after it was read back."""
    stored(subject.component.fit(subject.values))


def stored(state: State) -> State:
    """Return a state as it is read back from a bundle."""
    plain, arrays = split_arrays(state)
    back: State = join_arrays(json_round_trip(plain), arrays)
    return back


@check
def check_encode(subject: Component) -> None:
    """Good values become arrays of numbers whose first axis is the value; none is refused."""
    encoded = subject.component.encode(subject.values, subject.state)
    _require_encoded(encoded, subject.count)
    require(not encoded.bad, f"encode refuses good values: {encoded.bad}")


@check
def check_order(subject: Component) -> None:
    """A value is encoded in the same way whatever stands beside it."""
    for chosen in ([0], [subject.count - 1], list(range(subject.count))[::-1], []):
        encoded = subject.component.encode(subject.select(chosen), subject.state)
        require(not encoded.bad, f"encode refuses good values when they stand alone or in another order: {encoded.bad}")
        for name, array in subject.arrays.items():
            require(
                is_same(encoded.arrays[name], array[np.array(chosen, np.int64)]),
                f"encode gives other {name!r} when the values stand alone or in another order",
            )


@check
def check_bad_values(subject: Component) -> None:
    """What is not a value is flagged where it stands, with a reason, and its neighbours do not suffer."""
    good = subject.component.encode(subject.select([0, 1]), subject.state).arrays
    for junk, must_flag in _hostile(subject):
        values = column([subject.value(0), junk, subject.value(1)])
        encoded = subject.component.encode(values, subject.state)
        _require_encoded(encoded, 3)
        require(set(encoded.bad) <= {1}, f"encode blames a good value for its neighbour {junk!r}: {encoded.bad}")
        require(all(encoded.bad.values()), f"encode gives no reason why {junk!r} is no value")
        require(1 in encoded.bad or not must_flag, f"encode takes {junk!r} for a value")
        for name, array in good.items():
            same = is_same(encoded.arrays[name][np.array([0, 2])], array)
            require(same, f"{junk!r} changes how its neighbours are encoded")


def _hostile(subject: Component) -> list[tuple[Any, bool]]:
    """Return what is no value, and whether it has to be flagged: some of it can be read as a value by some."""
    if isinstance(subject.values, Mapping):  # a cell may be missing, and a category may be anything
        cells: list[Any] = [None, "junk", float("inf"), [], b"\xff"]
        return [(dict.fromkeys(subject.values, cell), False) for cell in cells]
    is_file = subject.component.raw_type == "file"
    hostile: list[Any] = [float("nan"), [], {}, object(), "\ud800"]
    files = [(junk, is_file) for junk in (b"", b"junk")]
    return [(None, is_file or not subject.is_optional), *files, *((junk, False) for junk in hostile)]


@check
def check_inverse(subject: Component, shown: Sequence[Any]) -> None:
    """What is shown of a value, where it is of the same kind and can be encoded too, becomes the same arrays again."""
    for index, one in enumerate(shown):
        kind = next((kind for kind in SHOWN_AS_GIVEN if isinstance(one, kind)), None)
        if kind is None or not isinstance(subject.value(index), kind):
            continue
        again = subject.component.encode(column([one]), subject.state)
        if not again.bad:
            same = [
                is_same(again.arrays[name], array[index : index + 1], ROUNDED) for name, array in subject.arrays.items()
            ]
            enough = any if kind is str else all  # a text is shown as one array has it: cleaned, say, or cut
            require(enough(same), f"{one!r} is shown of value {index}, and is encoded otherwise than it")


def _require_encoded(encoded: Encoded, count: int) -> None:
    require(bool(encoded.arrays), "encode gives no array")
    for name, array in encoded.arrays.items():
        is_plain = isinstance(array, Ragged) or (isinstance(array, np.ndarray) and array.dtype.kind in "biuf")
        require(is_plain, f"encode must give arrays of numbers, or Ragged; {name!r} is none")
        require(len(array) == count, f"the first axis of {name!r} is not the number of values, {count}")
