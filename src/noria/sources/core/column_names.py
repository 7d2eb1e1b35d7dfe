"""Give each column of a table a name of its own, so that none is lost behind another. Knows no format."""

from __future__ import annotations

from collections.abc import Sequence


def unique_names(names: Sequence[str], notes: list[str]) -> list[str]:
    """Name a column without a name by its place, and one whose name another has with .1 behind it; note which."""
    found: list[str] = []
    for place, name in enumerate(names, start=1):
        plain = name or f"column_{place}"
        own, number = plain, 0
        while own in found or (number and own in names):
            number += 1
            own = f"{plain}.{number}"
        if not name:
            notes.append(f"column {place} has no name and is called {own}")
        elif number:
            notes.append(f"column {place} is called {own}: another one is named {name!r}")
        found.append(own)
    return found
