"""What is wrong today, rule by rule and file by file, as exact counts in known.yaml.

More than is known fails, and so does less: what was mended is taken off the list and cannot come back. After files were
moved, `python tests/architecture --write` writes the list anew; it refuses where a rule would have more than before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from architecture.rules import Found
from architecture.tree import files

LIST = Path(__file__).with_name("known.yaml")
WRITE = "python tests/architecture --write"
HEADER = f"""\
# What is wrong today: rule -> file -> how often. The tests fail on more and on less.
# After a move or a repair: {WRITE}
"""

Counts = dict[str, dict[str, int]]


def known() -> Counts:
    """Return the list."""
    return yaml.safe_load(LIST.read_text("utf-8")) or {}


def counted(found: Found) -> Counts:
    """Return how many places each file has against each rule."""
    counts = {rule: {name: len(places) for name, places in of.items() if places} for rule, of in found.items()}
    return {rule: of for rule, of in counts.items() if of}


def total(counts: Counts) -> dict[str, int]:
    return {rule: sum(of.values()) for rule, of in counts.items()}


def differences(rule: str, found: Mapping[str, list[str]], listed: Mapping[str, int]) -> list[str]:
    """Say for each file that has more or less against a rule than the list says what is to be done."""
    said = []
    for name in sorted({*found, *listed}):
        places, before = found.get(name, []), listed.get(name, 0)
        if len(places) > before:
            said.append(f"{_path(name)}: {len(places)} {rule}, {before} known. Mend the new one: {', '.join(places)}")
        elif len(places) < before:
            new = f"set {name}: {len(places)}" if places else f"take {name} off"
            gone = "" if name in files() else " (there is no such file now)"
            said.append(f"{_path(name)}: {len(places)} {rule}, {before} known{gone}. In known.yaml, {rule}: {new}")
    return [*said, f"Were files only moved, or things mended? {WRITE}"] if said else []


def _path(name: str) -> str:
    return files()[name].path if name in files() else name


def grown(found: Found, listed: Counts) -> list[str]:
    """Say which rules have more against them than the list has, all files together."""
    now, before = total(counted(found)), total(listed)
    return [f"{rule}: {now[rule]}, {before.get(rule, 0)} known" for rule in now if now[rule] > before.get(rule, 0)]


def write(found: Found) -> None:
    """Write the list as the tree is now."""
    counts = {rule: dict(sorted(of.items())) for rule, of in counted(found).items()}
    LIST.write_text(HEADER + yaml.safe_dump(counts, sort_keys=False, width=120), "utf-8")
