"""A column of texts held as Arrow holds it: what is never asked for is never made.

Knows no format. Needs pyarrow only where one is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np


class TextColumn(Sequence[Any]):
    """A sequence of str, None where one is missing, from an Arrow array; equal to a list of the same texts."""

    def __init__(self, array: Any):
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, key: int) -> str | None: ...
    @overload
    def __getitem__(self, key: slice | np.ndarray) -> TextColumn: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return TextColumn(self.array.take(np.arange(len(self))[key]))
        if isinstance(key, np.ndarray):
            return TextColumn(self.array.filter(key) if key.dtype == bool else self.array.take(key))
        return self.array[range(len(self))[key]].as_py()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TextColumn):
            return bool(self.array.equals(other.array))
        return self.tolist() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TextColumn({self.tolist()!r})"

    def tolist(self) -> list[Any]:
        """Return the texts as a list."""
        texts: list[Any] = self.array.to_numpy(zero_copy_only=False).tolist()
        return texts
