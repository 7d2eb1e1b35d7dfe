"""Columns of running text: the runs of words and characters that training cells share, one array of places a column.

Knows no network. Read next: text/ngrams.py, modalities/table/text_embedder.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from noria.columns import TextForm
from noria.columns.reading import override
from noria.errors import UserError
from noria.modalities.table.cells import ABSENT, RARE
from noria.text.ngrams import Ngrams
from noria.types import Arrays, Ragged

# Runs of a column. On validation splits of 1,000 and 5,600 sentences 65,536 were no better, 8,192 were worse.
MOST_NGRAMS = 2**15  # fits into uint16
SPECIAL = 2  # places before those of the runs: a cell without a known one (RARE), a missing one (ABSENT)


def places_name(index: int) -> str:
    """Return the array of a column's places, by which of the text columns it is: Ragged uint16, each place once."""
    return f"text{index}"


def raw_name(index: int) -> str:
    """Return the array of a column's cells as they were given: UTF-8 bytes, for people."""
    return f"_text{index}"


def learn_texts(name: str, cells: Sequence[Any], form: TextForm) -> dict[str, Any]:
    """Return what is kept of a column: its runs and in how many cells each stands."""
    texts = [text for cell in cells if (text := form.read(cell)) is not None]
    learnt = Ngrams.learn(texts, MOST_NGRAMS)
    if not len(learnt.keys):
        raise UserError(
            f"column {name!r} holds no text that can be learnt from: no two cells have a word in common",
            fix=f"give {override('kinds', name, 'ignore')}",
        )
    return {"keys": learnt.keys, "counts": learnt.counts, "texts": learnt.texts}


def texts_of(index: int, cells: Sequence[Any], form: TextForm, learnt: Mapping[str, Any]) -> Arrays:
    """Return the arrays of a column's cells."""
    texts = [form.read(cell) for cell in cells]
    given = [text or "" for text in texts]
    known = Ngrams(**learnt).encode(given)
    rows = [known[i] + SPECIAL if len(known[i]) else [ABSENT if text is None else RARE] for i, text in enumerate(texts)]
    return {places_name(index): Ragged.of(rows, np.uint16), raw_name(index): Ragged.of_texts(given)}


def marked(places: Ragged, mark: int) -> np.ndarray:
    """Return which cells hold nothing but RARE, or ABSENT, bool[n]."""
    found = np.zeros(len(places), bool)
    single = np.flatnonzero(places.lengths == 1)
    found[single] = places.values[places.offsets[single]] == mark
    return found
