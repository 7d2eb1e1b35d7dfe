"""The order of the house: who may import whom.

A part is named by its dotted path below noria; of several that fit, the longest counts, so "store.disk" may stand lower
than "store". A file imports from its own part or from lower lines; parts of one line stand side by side and do not know
one another. A new part gets a place here; nothing else is to be edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from architecture.tree import COMPONENTS, File, imports

ORDER: list[list[str]] = [  # lowest first
    ["errors", "units", "aligned"],
    ["types"],
    ["store.disk", "store.cache"],
    ["contract"],
    ["text", "vision", "columns", "sound"],
    ["sources", "metrics", "model"],
    ["modalities"],
    ["targets"],
    ["tasks", "checkpoints"],
    ["job"],
    ["store"],
    ["database"],
    ["ledger"],
    ["reporter"],
    ["cluster"],
    ["pipeline"],
    ["training"],
    ["preparation"],
    ["checks"],
    ["report"],
    ["tuning"],
    ["stages"],
    ["drift"],
    ["batch"],
    ["wheel"],
    ["service.request"],
    ["service.door", "service.asking"],
    ["service.dialects"],
    ["service.engine"],
    ["service.fleet"],
    ["service.batches", "service.watch"],
    ["service.ledger"],
    ["service"],
    ["verbs", "printing"],
    ["noria"],  # the package itself, which gives the verbs
    ["commands"],
    ["cli"],
]


def height_of(name: str) -> tuple[str, int] | None:
    """Return the part a module belongs to and the line it stands in; None where it has no place."""
    fitting = [
        (part, height)
        for height, line in enumerate(ORDER)
        for part in line
        if name == part or name.startswith(f"{part}.")
    ]
    return max(fitting, key=lambda one: len(one[0]), default=None)


def part_of(name: str) -> str:
    """Return the part of the order a module belongs to, or what stands first in its name where it has no place."""
    found = height_of(name)
    return found[0] if found else name.split(".")[0]


def upward(file: File, among: Mapping[str, File]) -> Iterator[int]:
    """Yield the lines of imports from a part that stands no lower."""
    own = height_of(file.name)
    for name, line in imports(file, among):
        other = height_of(name)
        if own is None or other is None or (other[0] != own[0] and other[1] >= own[1]):
            yield line


def past_the_registry(file: File, among: Mapping[str, File]) -> Iterator[int]:
    """Yield the lines that import a component where it is to be found by its name."""
    if not file.is_below(*COMPONENTS):
        yield from (line for name, line in imports(file, among) if name.split(".")[0] in COMPONENTS)


def without_a_place(among: Mapping[str, File]) -> list[str]:
    """List the modules that stand in no line."""
    return [name for name in among if height_of(name) is None]


def not_there(among: Mapping[str, File]) -> list[str]:
    """List the parts that a line names twice over or that do not exist."""
    parts = [part for line in ORDER for part in line]
    there = {name for name in parts if any(file.is_below(name) for file in among.values())}
    return [part for part in parts if part not in there or parts.count(part) > 1]
