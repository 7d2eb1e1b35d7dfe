"""Wishes for a molecule: each property within a range or left open, and another molecule's substructures.

Read next: reading.py for what people write; embedder.py for the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import Displays
from noria.modalities.molecule.descriptors import substructures_of
from noria.modalities.molecule.properties import PROPERTIES
from noria.modalities.molecule.reading import Limits, NoMolecule, rdkit, read_molecule
from noria.modalities.wishes.reading import Wish, read_wish
from noria.types import Arrays, Encoded, Ragged, State, Values

if TYPE_CHECKING:
    from torch import nn

RANGES, LIKE, TEXT = "ranges", "like", "_wish"
FAR = 1e9  # the end of a range that is open


@dataclass(frozen=True)
class Wishes(Modality, Displays):
    """What a molecule is asked to be like; empty for anything.

    Arrays: `ranges` float32[n, properties, 2], the ends of each, FAR where one is open; `like` Ragged uint16, the
    substructures of the molecule to be like, empty without one; `_wish` Ragged uint8, the text.
    """

    kind: ClassVar[str] = "wishes"
    num_fit_records: ClassVar[int] = 1

    def fit(self, values: Values) -> State:
        return {}

    def encode(self, values: Values, state: State) -> Encoded:
        texts = ["" if value is None or value != value else str(value).strip() for value in values]
        bad = {} if self.is_optional else {i: "the wish is missing" for i, text in enumerate(texts) if not text}
        ranges, likes = unasked(len(texts)), []
        for index, text in enumerate(texts):
            like: Any = ()
            try:
                wish = read_wish(text)
                like = _substructures(wish.like) if wish.like else ()
            except ValueError as error:
                bad[index], wish = str(error), Wish()
            for place, one in enumerate(PROPERTIES):
                if one.name in wish.ranges:
                    ranges[index, place] = np.clip(wish.ranges[one.name], -FAR, FAR)
            likes.append(like)
        kept = ["" if index in bad else text for index, text in enumerate(texts)]
        return Encoded({RANGES: ranges, LIKE: Ragged.of(likes, np.uint16), TEXT: Ragged.of_texts(kept)}, bad)

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.wishes.embedder import WishEmbedder

        return WishEmbedder(width)

    def display(self, arrays: Arrays, state: State) -> str:
        return bytes(np.asarray(arrays[TEXT], np.uint8)).decode() or "anything"


def unasked(count: int) -> np.ndarray:
    """Return the ranges float32[count, properties, 2] of nothing that is asked for."""
    return np.tile(np.array([-FAR, FAR], np.float32), (count, len(PROPERTIES), 1))


def _substructures(smiles: str) -> np.ndarray:
    rdkit()
    try:
        return substructures_of(read_molecule(smiles, Limits()))[0]
    except NoMolecule as error:
        raise ValueError(f"the molecule to be like {error}") from None
