"""Large pictures in overlapping tiles: where these lie, and what the boxes found in them are in the whole.

A tile is a row of top, left, height and width, in pixels of the picture; of a box of such a tile that ends at an edge
where the picture goes on, only a part may have been seen. Read next: vision/boxes.py; modalities/image/tile_batches.py.
"""

from __future__ import annotations

import math

import numpy as np

from noria.vision.boxes import areas, distinct, shared_areas

EDGE = 0.01  # of a tile's side: a box that ends so near to it is cut there
COVERED = 0.5  # of a cut box, by one that is whole: then that one is meant
AGREEING = 0.5  # how much two parts share of what both tiles see of them: then they are parts of one thing
AS_SURE = 0.5  # of the score of a box: what is surer than that of another says more about it
MOST_BOXES = 3000  # of all tiles, the surest, that are compared with each other


def tiles_of(height: int, width: int, tile: tuple[int, int], overlap: float) -> np.ndarray:
    """Return int32[k, 4], top, left, height and width of the tiles of a picture, row by row.

    Neighbours share at least `overlap` of their sides. A picture that is no larger than a tile is one.
    """
    starts = [_starts(side, most, overlap) for side, most in zip((height, width), tile, strict=True)]
    sides = [min(height, tile[0]), min(width, tile[1])]
    return np.array([[top, left, *sides] for top in starts[0] for left in starts[1]], np.int32)


def joined_boxes(
    boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray, source: np.ndarray, tiles: np.ndarray, overlap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the boxes, labels and scores of a picture, best first, from those of its tiles; each thing once.

    boxes float[n, 4], in pixels of the picture; source int[n], which tile each was found in. A box that was cut is left
    out where another tile shows the whole; parts of a thing that no tile shows whole are joined. Of those that share
    more than `overlap` the best one stays.
    """
    order = np.argsort(-scores, kind="stable")[:MOST_BOXES]
    boxes, labels, scores, source = boxes[order].astype(np.float64), labels[order], scores[order], source[order]
    is_cut = _is_cut(boxes, tiles[source], tiles)
    is_kept = ~_is_covered(boxes, labels, scores, source, is_cut)
    parts = np.flatnonzero(is_cut & is_kept)
    for group in _groups(_is_one(boxes[parts], labels[parts], scores[parts], source[parts], tiles)):
        first, others = parts[group[0]], parts[group]  # the surest comes first
        boxes[first] = np.concatenate([boxes[others, :2].min(0), boxes[others, 2:].max(0)])
        is_kept[others[1:]] = False
    kept = np.flatnonzero(is_kept)
    kept = kept[distinct(boxes[kept], labels[kept], overlap)]
    return boxes[kept], labels[kept], scores[kept]


def _starts(side: int, tile: int, overlap: float) -> list[int]:
    if side <= tile:
        return [0]
    step = max(1, tile - math.ceil(overlap * tile))
    count = 1 + math.ceil((side - tile) / step)
    return [round(index * (side - tile) / (count - 1)) for index in range(count)]


def _is_cut(boxes: np.ndarray, own: np.ndarray, tiles: np.ndarray) -> np.ndarray:
    """Return bool[n]: whether a box ends at an edge of its own tile where the picture goes on."""
    height, width = (tiles[:, :2] + tiles[:, 2:]).max(0)
    start, end = own[:, 1::-1], own[:, 1::-1] + own[:, :1:-1]  # x, then y
    slack = EDGE * own[:, :1:-1]
    at_start = (boxes[:, :2] - start <= slack) & (start > 0)
    at_end = (end - boxes[:, 2:] <= slack) & (end < [width, height])
    return np.asarray((at_start | at_end).any(1))


def _is_covered(
    boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray, source: np.ndarray, is_cut: np.ndarray
) -> np.ndarray:
    """Return bool[n]: whether a cut box lies in one of another tile that is not cut."""
    cut, whole = np.flatnonzero(is_cut), np.flatnonzero(~is_cut)
    part = shared_areas(boxes[cut], boxes[whole]) >= COVERED * areas(boxes[cut])[:, None]
    part &= (labels[cut][:, None] == labels[whole]) & (source[cut][:, None] != source[whole])
    part &= scores[whole] >= AS_SURE * scores[cut][:, None]
    is_covered = np.zeros(len(boxes), bool)
    is_covered[cut] = part.any(1)
    return is_covered


def _is_one(
    boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray, source: np.ndarray, tiles: np.ndarray
) -> np.ndarray:
    """Return bool[n, n]: whether two cut boxes agree where both of their tiles look."""
    found = np.zeros((len(boxes), len(boxes)), bool)
    for index, box in enumerate(boxes):
        one, other = tiles[source[index]], tiles[source]
        start = np.maximum(one[:2], other[:, :2])[:, ::-1]
        end = np.minimum(one[:2] + one[2:], other[:, :2] + other[:, 2:])[:, ::-1]
        zone = np.concatenate([start, np.maximum(start, end)], 1)
        here, there = _within(np.broadcast_to(box, boxes.shape), zone), _within(boxes, zone)
        both = areas(_within(here, there))
        is_alike = (both > 0) & (both >= AGREEING * (areas(here) + areas(there) - both))
        is_alike &= (labels == labels[index]) & (source != source[index])
        found[index] = is_alike & (np.minimum(scores, scores[index]) >= AS_SURE * np.maximum(scores, scores[index]))
    return found


def _within(boxes: np.ndarray, zone: np.ndarray) -> np.ndarray:
    """Return boxes cut to zones, both float[n, 4]; nothing is left of one that lies outside."""
    start = np.minimum(np.maximum(boxes[:, :2], zone[:, :2]), zone[:, 2:])
    return np.concatenate([start, np.maximum(start, np.minimum(boxes[:, 2:], zone[:, 2:]))], 1)


def _groups(is_one: np.ndarray) -> list[np.ndarray]:
    """Return the places that hang together, two or more, each group in order."""
    rest, groups = set(range(len(is_one))), []
    while rest:
        first = min(rest)
        group, new = {first}, [first]
        while new:
            near = set(np.flatnonzero(is_one[new.pop()]).tolist()) - group
            group |= near
            new += near
        rest -= group
        if len(group) > 1:
            groups.append(np.array(sorted(group)))
    return groups
