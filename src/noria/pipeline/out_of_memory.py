"""Memory that is not enough, told as what it is and with the settings that help. Knows no task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from noria.errors import UserError

# How torch says so on a CPU; on a GPU it has a class of its own.
SAYINGS = ("can't allocate memory", "not enough memory", "out of memory")


@contextmanager
def told_out_of_memory(doing: str, fix: str) -> Iterator[None]:
    """Turn the many errors of memory that cannot be had into one UserError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        found = str(error).strip().splitlines()
        raise UserError(
            f"the memory is not enough for {doing}", found=found[0][:200] if found else type(error).__name__, fix=fix
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error means that memory could not be had."""
    return isinstance(error, MemoryError) or any(one in str(error) for one in SAYINGS)
