"""SMILES as tokens: an atom, a bond, a bracket or the number of a ring each.

Source of the pattern: Schwaller et al. 2018, "Found in Translation". Read next: target.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from noria.text.decoding import BytesDecoder, Decoder

TOKEN = re.compile(r"\[[^\]]+\]|Br|Cl|%\d\d|.")
# Known to every vocabulary, so that a few training molecules do not lack what others have.
USUAL = TOKEN.findall(
    "BCNOPSFClBrIbcnops()=#-/\\.123456789%10%11%12"
    "[nH][n+][n-][nH+][N+][N-][NH+][NH-][NH2+][NH3+][O-][O+][S-][S+][C-][CH-][B-][P+][Na+][Cl-][Br-]"
    "[C@][C@@][C@H][C@@H][N@+][N@@+][N@H+][N@@H+][S@][S@@][S@+][S@@+][P@][P@@][Si][Se][se][2H]"
)


class SmilesTokens:
    """A vocabulary of tokens; `end` is the id behind the last of them."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._ids = {token: index for index, token in enumerate(tokens)}
        self.pieces: Sequence[bytes] = [*(token.encode() for token in tokens), b""]
        self.end = len(tokens)

    @staticmethod
    def of(texts: Iterable[str]) -> list[str]:
        """Return all tokens that texts have, and the usual ones, sorted."""
        return sorted({*USUAL, *(token for text in texts for token in TOKEN.findall(text))})

    @property
    def size(self) -> int:
        """Return the number of ids, the end included."""
        return self.end + 1

    def ids(self, smiles: str) -> list[int]:
        """Return the ids of a molecule, ended; raise KeyError with the token that is not known."""
        return [*(self._ids[token] for token in TOKEN.findall(smiles)), self.end]

    def text(self, ids: Iterable[int]) -> str:
        """Return what ids spell; nothing for others than tokens."""
        return b"".join(self.pieces[one] for one in ids if 0 <= one < self.end).decode()

    def decoder(self) -> Decoder:
        """Return the decoder of one molecule."""
        return BytesDecoder(self.pieces)
