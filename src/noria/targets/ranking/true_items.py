"""True answers that are items: from what people write to codes, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from noria.modalities.items.catalogue import Catalogue, history_or_empty
from noria.types import Arrays, Encoded, Ragged, Values

UNKNOWN = -2  # a true item that the catalogue does not have: nobody can find it, and it counts


def encoded_items(values: Values, catalogue: Catalogue) -> Encoded:
    """Return `items` Ragged int32 of true answers; one that names no item is bad."""
    found = [history_or_empty(value) for value in values]
    bad = {i: reason or "no item is named" for i, (one, reason) in enumerate(found) if reason or not one.items}
    codes = catalogue.codes([item for one, _ in found for item in one.items])
    codes = np.where(codes == catalogue.size, UNKNOWN, codes).astype(np.int32)
    offsets = np.cumsum([0, *(len(one.items) for one, _ in found)], dtype=np.int64)
    return Encoded({"items": Ragged(codes, offsets)}, bad)


def told_items(truth: Arrays, catalogue: Catalogue) -> list[Any]:
    """Return true answers as ids; None where none of an answer is known."""
    rows = [truth["items"][i].tolist() for i in range(len(truth["items"]))]
    return [[catalogue.item(code) for code in row if code >= 0] or None for row in rows]
