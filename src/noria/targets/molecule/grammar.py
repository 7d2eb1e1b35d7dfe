"""Which tokens of SMILES may come next: brackets and rings that were opened are closed, and a bond leads to an atom.

What it rules out is no molecule whatever follows; what it lets through may still be none, by its valences or aromatic
rings. Source of the grammar: opensmiles.org, revision 2016. Read next: writing.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

ATOM, BOND, OPEN, CLOSE, RING, DOT, END, NONE = range(8)  # kinds of tokens; nothing has been written before the first
AFTER = {  # what a kind may be followed by, as far as brackets and rings allow it
    NONE: (ATOM,),
    ATOM: (ATOM, BOND, OPEN, CLOSE, RING, DOT, END),
    BOND: (ATOM, RING),
    OPEN: (ATOM, BOND),
    CLOSE: (ATOM, BOND, OPEN, CLOSE, DOT, END),
    RING: (ATOM, BOND, OPEN, CLOSE, RING, DOT, END),
    DOT: (ATOM,),
}
KINDS = {"(": OPEN, ")": CLOSE, ".": DOT} | dict.fromkeys("-=#$:/\\~", BOND)
RING_NUMBER = re.compile(r"\d|%\d\d")


@dataclass
class Written:
    """What was written so far. bonded: of each atom, the one that it hangs on; -1: none. rings: who opened each."""

    last: int = NONE
    at: int = -1  # the atom that the next one hangs on
    bonded: list[int] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    rings: dict[int, int] = field(default_factory=dict)

    def take(self, token: int, kind: int) -> None:
        """Go on by a token."""
        if kind == ATOM:
            self.bonded.append(self.at)
            self.at = len(self.bonded) - 1
        elif kind == OPEN:
            self.branches.append(self.at)
        elif kind == CLOSE:
            self.at = self.branches.pop()
        elif kind == DOT:
            self.at = -1
        elif kind == RING and self.rings.pop(token, None) is None:
            self.rings[token] = self.at
        self.last = kind

    def refused(self, of_kind: Sequence[Sequence[int]]) -> list[int]:
        """Return the tokens that may not come next although their kind may follow the last one."""
        tokens = [ring for ring, atom in self.rings.items() if atom == self.at or self.bonded[self.at] == atom]
        if not self.branches:
            tokens += of_kind[CLOSE]
        if self.branches or self.rings:
            tokens += of_kind[END]
        if self.branches:
            tokens += of_kind[DOT]
        return tokens


class SmilesRules:
    """Follow each of so many rows. tokens: the vocabulary, whose end is the id behind the last of them."""

    def __init__(self, tokens: Sequence[str], rows: int) -> None:
        self._kinds = [*map(kind_of, tokens), END]
        self._of_kind = [[token for token, one in enumerate(self._kinds) if one == kind] for kind in range(NONE)]
        self._follow = np.array([np.isin(self._kinds, AFTER.get(kind, ())) for kind in range(NONE + 1)])
        self._rows = [Written() for _ in range(rows)]

    def allowed(self, rows: Sequence[int]) -> Tensor:
        """Return bool[rows, V]: which tokens may come next."""
        found = self._follow[[self._rows[row].last for row in rows]]
        for place, row in enumerate(rows):
            found[place, self._rows[row].refused(self._of_kind)] = False
        return torch.from_numpy(found)

    def take(self, row: int, token: int) -> None:
        """Go on by the token a row has chosen; behind its end nothing counts."""
        if self._kinds[token] != END:
            self._rows[row].take(token, self._kinds[token])


def kind_of(token: str) -> int:
    """Return which kind of token this is; what is nothing else is an atom."""
    return RING if RING_NUMBER.fullmatch(token) else KINDS.get(token, ATOM)
