"""Tiles cover a picture and overlap, and what they show of a thing becomes the thing, once."""

from __future__ import annotations

import numpy as np
import pytest

from noria.modalities.image.tiles import joined_boxes, tiles_of

HEIGHT, WIDTH, TILE = 700, 1130, (160, 240)


@pytest.mark.parametrize("overlap", [0.0, 0.1, 0.25, 0.5])
@pytest.mark.parametrize("size", [(700, 1130), (160, 241), (161, 240), (100, 900), (5000, 300)])
def test_tiles_cover_the_picture_and_neighbours_share_as_much_as_asked_for(
    size: tuple[int, int], overlap: float
) -> None:
    tiles = tiles_of(*size, TILE, overlap)
    seen = np.zeros(size, np.int32)
    for top, left, height, width in tiles:
        assert (height, width) == (min(size[0], TILE[0]), min(size[1], TILE[1]))
        assert 0 <= top <= size[0] - height
        assert 0 <= left <= size[1] - width
        seen[top : top + height, left : left + width] += 1
    assert seen.min() == 1
    for axis, side in enumerate(TILE):
        starts = np.unique(tiles[:, axis])
        assert (starts[:-1] + side - starts[1:] >= np.floor(overlap * side)).all()
    fewest = [
        1 if whole <= side else -(-(whole - overlap * side) // (side - overlap * side))
        for whole, side in zip(size, TILE, strict=True)
    ]
    assert len(tiles) <= (fewest[0] + 1) * (fewest[1] + 1)


def test_a_picture_that_is_no_larger_than_a_tile_is_one() -> None:
    assert tiles_of(160, 240, TILE, 0.25).tolist() == [[0, 0, 160, 240]]
    assert tiles_of(90, 70, TILE, 0.25).tolist() == [[0, 0, 90, 70]]


def found_in(things: np.ndarray, tiles: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """What a detector finds that marks in each tile all that it sees of a thing: boxes, labels, scores, tiles."""
    generator = np.random.default_rng(seed)
    rows = []
    for index, (top, left, height, width) in enumerate(tiles.tolist()):
        for x0, y0, x1, y1, label in things.tolist():
            box = [max(x0, left), max(y0, top), min(x1, left + width), min(y1, top + height)]
            if box[2] - box[0] > 3 and box[3] - box[1] > 3:
                rows.append([*box, label, generator.uniform(0.6, 1), index])
    table = np.array(rows)
    return table[:, :4], table[:, 4].astype(int), table[:, 5], table[:, 6].astype(int)


def scattered(seed: int, sides: tuple[int, int]) -> np.ndarray:
    """Things of two labels that do not touch, in pixels of a large picture: left, top, right, bottom, label."""
    generator = np.random.default_rng(seed)
    things: list[list[int]] = []
    is_free = np.ones((HEIGHT, WIDTH), bool)
    for _ in range(400):
        width, height = generator.integers(*sides, 2)
        left, top = generator.integers(0, WIDTH - width), generator.integers(0, HEIGHT - height)
        if is_free[max(0, top - 6) : top + height + 6, max(0, left - 6) : left + width + 6].all():
            is_free[top : top + height, left : left + width] = False
            things.append([left, top, left + width, top + height, int(generator.integers(2))])
    return np.array(things)


@pytest.mark.parametrize("overlap", [0.15, 0.25])
@pytest.mark.parametrize("sides", [(8, 30), (30, 120), (100, 400)])
@pytest.mark.parametrize("seed", range(3))
def test_each_thing_comes_out_once_and_whole(seed: int, sides: tuple[int, int], overlap: float) -> None:
    """Small ones that lie on an edge, middling ones that are cut in two tiles, and some larger than any tile."""
    things, tiles = scattered(seed, sides), tiles_of(HEIGHT, WIDTH, TILE, overlap)
    boxes, labels, scores, source = found_in(things, tiles, seed)
    assert len(boxes) > 1.2 * len(things)
    given, codes, sure = joined_boxes(boxes, labels, scores, source, tiles, 0.6)
    own = sorted([*box, label] for box, label in zip(given.tolist(), codes.tolist(), strict=True))
    assert own == sorted(things.astype(float).tolist())
    assert (np.diff(sure) <= 0).all()


def test_a_part_that_is_surer_than_the_whole_still_gives_way_to_it() -> None:
    tiles = tiles_of(100, 180, (100, 100), 0.2)
    assert tiles[:, 1].tolist() == [0, 80]
    whole, part = [82, 10, 130, 50], [82, 10, 100, 50]
    boxes = np.array([part, whole])
    source = np.array([0, 1])
    given = joined_boxes(boxes, np.zeros(2, int), np.array([0.9, 0.6]), source, tiles, 0.6)
    assert given[0].tolist() == [whole]
    noise = joined_boxes(boxes, np.zeros(2, int), np.array([0.9, 0.1]), source, tiles, 0.6)
    assert noise[0].tolist() == [part, whole]  # what is hardly sure takes nothing away
    other = joined_boxes(boxes, np.array([0, 1]), np.array([0.9, 0.6]), source, tiles, 0.6)
    assert sorted(other[0].tolist()) == sorted([part, whole])  # nor does a thing of another label


def test_two_things_that_end_at_the_same_edge_are_not_joined() -> None:
    """Each tile shows one of them up to the edge; where both look they hardly share anything."""
    tiles = tiles_of(100, 180, (100, 100), 0.2)
    boxes = np.array([[20, 10, 100, 30], [80, 25, 150, 90]])
    given = joined_boxes(boxes, np.zeros(2, int), np.array([0.9, 0.8]), np.array([0, 1]), tiles, 0.6)
    assert given[0].tolist() == boxes.tolist()


def test_without_boxes_there_are_none() -> None:
    given = joined_boxes(
        np.zeros((0, 4)), np.zeros(0, int), np.zeros(0), np.zeros(0, int), tiles_of(9, 9, (4, 4), 0), 0.6
    )
    assert [len(one) for one in given] == [0, 0, 0]
