"""What was learnt comes back as it was, whatever its keys are called."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.store.states import is_same, join_arrays, split_arrays


@pytest.mark.parametrize(
    "state",
    [
        {"$array": "nowhere"},
        {"columns": {"$array": {"mean": 1.0}}},
        {"$array": np.arange(3)},
        {"$$array": {"$array": np.arange(3)}, "$": 1, "array": 2, "$$$array": None},
        {"list": {"one": {"$array": 1}, "two": np.ones((2, 2))}},
    ],
)
def test_a_column_may_be_called_like_what_stands_for_an_array(state: dict[str, Any]) -> None:
    plain, arrays = split_arrays(state)
    assert is_same(join_arrays(json.loads(json.dumps(plain)), arrays), state)


@pytest.mark.parametrize("name", ["nowhere", 3, None, [], {}])
def test_an_array_that_is_nowhere_is_told(name: Any) -> None:
    with pytest.raises(UserError, match="an array is missing"):
        join_arrays({"a": {"$array": name}}, {"b": np.zeros(1)})
