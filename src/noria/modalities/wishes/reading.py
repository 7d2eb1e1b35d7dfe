"""A wish as people write it: `logp 2..3, weight ..400, qed 0.8.., like c1ccccc1O`.

Knows no chemistry beyond the names of the properties. Read next: modality.py.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from noria.errors import did_you_mean
from noria.modalities.molecule.properties import NAMES, PROPERTIES, Property

LIKE = "like"
PART = re.compile(r"\s*([A-Za-z]+)\s*[ :=]\s*(\S.*?)\s*")
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
RANGE = re.compile(rf"({NUMBER})?\s*\.\.\s*({NUMBER})?")
OPEN = -math.inf, math.inf
BY_NAME = {one.name: one for one in PROPERTIES}


@dataclass(frozen=True)
class Wish:
    """A wish: the ends of what each property may be, by its name, and the SMILES of a molecule to be like, or ""."""

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    like: str = ""


def read_wish(text: str) -> Wish:
    """Return what a text asks for; an empty one asks for nothing. Raises ValueError saying what cannot be meant."""
    ranges: dict[str, tuple[float, float]] = {}
    like = ""
    for part in re.split(r"[,;]", text):
        if not part.strip():
            continue
        found = PART.fullmatch(part)
        name = found[1].lower() if found else part.strip()
        if found is None or name not in (*NAMES, LIKE):
            known = f"{', '.join(NAMES)} and {LIKE}, as in logp 2..3, like CCO"
            raise ValueError(f"{part.strip()!r} is no wish: known are {known}; {did_you_mean(name, (*NAMES, LIKE))}")
        if name in ranges or (name == LIKE and like):
            raise ValueError(f"{name} is asked for twice")
        if name == LIKE:
            like = found[2]
        else:
            ranges[name] = _range(found[2], BY_NAME[name])
    return Wish(ranges, like)


def _range(text: str, asked: Property) -> tuple[float, float]:
    """Return the ends of a range; a single number stands for what lies within half a step of it."""
    if re.fullmatch(NUMBER, text):
        low, high = float(text) - asked.step / 2, float(text) + asked.step / 2
    elif (found := RANGE.fullmatch(text)) and (found[1] or found[2]):
        low, high = (float(end) if end else usual for end, usual in zip(found.groups(), OPEN, strict=True))
    else:
        raise ValueError(f"{asked.name} {text!r} is no range; expected 2..3, 2.., ..3 or 2.5")
    if low >= high:
        raise ValueError(f"{asked.name} {text} is an empty range: its first end is not below its last")
    if low > asked.high or high < asked.low:
        raise ValueError(f"{asked.name} {text} lies outside of {asked.low:g} to {asked.high:g}")
    return low, high
