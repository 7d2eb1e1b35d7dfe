"""Pictures that come in tiles: one of them at random to learn from, all of them to answer.

    tiles   uint8[B, T, H, W, C], each brought to the size that the network takes; their lengths, how many, int64[B]
    places  int[B, T, 4], top, left, height and width in pixels of the picture; PAD where a picture has fewer

Where they lie is said by modalities/image/tiles.py. Knows no task.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from noria.modalities.image.arrays import PLACES, TILES
from noria.types import lengths_of, real_rows

AT_ONCE = 32  # tiles that go through the network together


def drawn_tiles(given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return a tile of each picture [B, H, W, C], drawn at random, and its place int[B, 4]."""
    counts = given[lengths_of(TILES)]
    chosen = (torch.rand(len(counts), device=counts.device) * counts).long().clamp_max(counts - 1)
    which = torch.arange(len(counts), device=counts.device)
    return given[TILES][which, chosen], given[PLACES][which, chosen]


def all_tiles(given: dict[str, Tensor]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield the tiles of a batch in parts: pixels [n, H, W, C], which record int[n] and which of its tiles int[n]."""
    record, tile = real_rows(given[lengths_of(TILES)], given[TILES].shape[1]).nonzero(as_tuple=True)
    for start in range(0, len(record), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        yield given[TILES][record[part], tile[part]], record[part], tile[part]


def blend_window(rows: int, columns: int, like: Tensor) -> Tensor:
    """Return float[rows, columns], what a tile's places count beside those of its neighbours: most in the middle."""
    down, across = (
        torch.minimum(place + 0.5, side - place - 0.5)
        for place, side in (
            (torch.arange(side, device=like.device, dtype=like.dtype), side) for side in (rows, columns)
        )
    )
    return down[:, None] * across
